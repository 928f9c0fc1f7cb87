"""A partition that cannot be used does not stop the others; when its cause is gone, nothing is missing."""

import time

from aiokafka import AIOKafkaProducer

from cxstream.core import record
from cxstream.core.partitioner import partition_of
from cxstream.metrics.exposition import negotiate
from cxstream.metrics.scrape import Scrapes
from cxstream.stream.worker import Worker
from tests.stream.helpdesk import (
    SESSION,
    caught_up,
    events,
    expected,
    publish,
    records_of,
    settings_for,
    settled,
    started,
    totals,
    until,
)

BROKEN = b"\xc1 is no msgpack"


async def write(settings, key: bytes, value: bytes | None, partition: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=list(settings.brokers)) as producer:
        await producer.send_and_wait(settings.changelog_topic, value, key, partition=partition)


def of_others(sent, partition: int):
    return [row for row in sent if partition_of(row[1], 4) != partition]


async def test_a_row_that_cannot_be_read_stops_its_partition_only(kafka, prefix, capsys):
    settings, sent = settings_for(kafka.address, prefix), events(600)
    async with started(settings) as worker:
        await publish(settings, sent[:1000])
        await settled(worker)
    _, ticket, _ = sent[0]
    key, partition = record.key_of("default", ticket.decode()), partition_of(ticket, 4)
    rows = [row for row in await records_of(settings, settings.changelog_topic) if row.key == key]
    await write(settings, key, BROKEN, partition)
    async with Worker(settings, session=SESSION) as worker:
        await until(lambda: "set aside" in str(worker.ready()))
        reason = str(worker.ready())
        assert f"partition {partition} is set aside, the others go on: " in reason
        assert ticket.decode() not in reason, "no ticket's data on any path"
        assert ticket.decode() in capsys.readouterr().out, "but in the log"
        await until(lambda: len(worker.assigned()) == 3)
        await publish(settings, sent[1000:])
        await caught_up(worker)
        assert totals(worker.ledgers().values()) == expected(settings, of_others(sent, partition))
        assert list(worker.set_aside()) == [partition]
        metrics = await Scrapes(worker, settings).body(negotiate("", ""))
        assert b"cxstream_partitions_set_aside 1\n" in metrics
        assert b'cxstream_assigned_partitions{topic="ticket-opened"} 3\n' in metrics
        assert worker.alive()
        before = time.monotonic()
    assert time.monotonic() - before < 10
    await write(settings, key, rows[-1].value, partition)
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)


async def test_a_defect_in_applying_stops_its_partition_only(kafka, prefix, monkeypatch):
    settings, sent = settings_for(kafka.address, prefix), events(600)
    async with started(settings) as worker:
        await publish(settings, sent[:1000])
        await settled(worker)
        monkeypatch.setattr(worker.ledgers()[2], "apply", lambda *_, **__: 1 / 0)
        await publish(settings, sent[1000:1500])
        await until(lambda: "partition 2 is set aside" in str(worker.ready()))
        assert "ZeroDivisionError" in str(worker.ready())
        await publish(settings, sent[1500:])
        await caught_up(worker)
        assert totals(worker.ledgers().values()) == expected(settings, of_others(sent, 2))
        async with Worker(settings, session=SESSION) as other:  # whoever is given it next tries again
            await until(lambda: len(worker.assigned()) + len(other.assigned()) == 4)
            await until(lambda: worker.ready() is None and other.ready() is None)
        before = time.monotonic()
    assert time.monotonic() - before < 10
    async with started(settings) as worker:  # nothing of it was acknowledged
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)
