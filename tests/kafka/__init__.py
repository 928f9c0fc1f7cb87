"""A real Apache Kafka for tests: single node, KRaft, from Maven's jars, no Docker."""

from tests.kafka.broker import BrokerError, RealBroker, obstacle

__all__ = ["BrokerError", "RealBroker", "obstacle"]
