"""Events from Kafka into ledgers, exactly once in effect: Faust and aiokafka live here and nowhere else.

The way of a record: ``delivery`` hands batches to ``agents``, which apply them to the ledger of their
``partition``; its one ``writer`` makes the changed tickets durable, and only then are the records acknowledged.
``recovery`` builds ledgers from what was written. ``worker`` holds it all together.
"""
