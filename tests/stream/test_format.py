"""The format of stored state on a real broker: newer minor versions are kept, other major ones are left alone."""

import asyncio
import os
import subprocess
import sys

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from cxstream.core.foreign import FORMAT
from cxstream.core.partitioner import partition_of
from cxstream.stream import marks, topics
from cxstream.stream.worker import Worker, WorkerFailedError
from tests.stream.helpdesk import (
    events,
    expected,
    publish,
    records_of,
    settings_for,
    settled,
    source_ends,
    started,
    totals,
)

KIND = 99  # of events that only the newer version knows
OTHER = b"s\0of a newer version"


async def table_of(settings) -> dict[tuple[int, bytes], bytes]:
    """What the changelog comes to."""
    table = {}
    for record in await records_of(settings, settings.changelog_topic):
        if record.value is None:
            table.pop((record.partition, record.key), None)
        else:
            table[record.partition, record.key] = record.value
    return table


async def written(settings) -> list[tuple[int, int]]:
    """Partition and offset of everything in the changelog."""
    found = await records_of(settings, settings.changelog_topic)
    return sorted((record.partition, record.offset) for record in found)


async def write(settings, rows: dict[tuple[int, bytes], bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=list(settings.brokers), linger_ms=20) as producer:
        sent = [
            await producer.send(settings.changelog_topic, value, key, partition=number)
            for (number, key), value in rows.items()
        ]
        await asyncio.gather(*sent)


def upgraded(key: bytes, value: bytes) -> bytes:
    """A row as version 1.1 would write it."""
    version, *rest = msgspec.msgpack.decode(value)
    if key == marks.KEY:
        return msgspec.msgpack.encode([version + 1, *rest, {"further": "marks"}])
    arrived, pages, found, fired_until = rest
    found = [[*event, "further field"] for event in found]
    found.append([KIND, arrived, "new", None])
    return msgspec.msgpack.encode([version + 1, arrived, pages, found, fired_until, "further element"])


async def test_old_workers_keep_what_newer_ones_have_stored(kafka, prefix):
    """A rolling upgrade: the new version has written, the old one takes over, goes on, and is replaced again."""
    settings, sent = settings_for(kafka.address, prefix), events(300)
    async with started(settings) as worker:
        await publish(settings, sent[:700])
        await settled(worker)
    newer = {place: upgraded(place[1], value) for place, value in (await table_of(settings)).items()}
    await write(settings, {**newer, (2, OTHER): b"\x90"})
    async with started(settings) as worker:
        await publish(settings, sent[700:])
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)
    table = await table_of(settings)
    assert table[2, OTHER] == b"\x90"
    assert newer.keys() <= table.keys()
    rewritten = 0
    for place, value in newer.items():
        version, *rest = msgspec.msgpack.decode(table[place])
        assert version == FORMAT + 1
        if place[1] == marks.KEY:
            assert rest[1:] == [{"further": "marks"}]
            continue
        rewritten += table[place] != value
        assert rest[4:] == ["further element"]
        stored = {tuple(map(str, event)) for event in msgspec.msgpack.decode(value)[3]}
        assert stored <= {tuple(map(str, event)) for event in rest[2]}
    assert rewritten > 20
    versions = {msgspec.msgpack.decode(value)[0] for (_, key), value in table.items() if key != OTHER}
    assert versions == {
        FORMAT,
        FORMAT + 1,
    }  # tickets that the newer one never saw are as the older writes them


@pytest.mark.parametrize("what", ["a ticket", "marks"])
async def test_another_major_version_is_refused_before_anything_is_written(kafka, prefix, what):
    settings, sent = settings_for(kafka.address, prefix), events(100)
    async with started(settings) as worker:
        await publish(settings, sent[:300])
        await settled(worker)
    table = await table_of(settings)
    place = (3, marks.KEY) if what == "marks" else next(p for p in table if p[0] == 3 and p[1] != marks.KEY)
    newer = msgspec.msgpack.encode([FORMAT + 100, {"of": "another shape"}])
    await write(settings, {place: newer})
    await publish(settings, sent[300:])
    before = await written(settings)
    async with Worker(settings) as worker:
        with pytest.raises(
            WorkerFailedError, match=r"format 2\.0, this version of cxstream reads 1\.x: use the"
        ):
            await asyncio.wait_for(worker.run_forever(), 60)
        assert worker.assigned() == []
    assert await written(settings) == before
    await write(settings, {place: table[place]})  # the newer version has gone back
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)


def test_the_command_ends_with_the_reason_in_one_line(kafka, prefix):
    settings = settings_for(kafka.address, prefix)

    async def store() -> None:
        await topics.create(settings)
        row = msgspec.msgpack.encode([FORMAT + 100])
        await write(settings, {(partition_of(b"7", 4), marks.KEY): row})
        assert not any((await source_ends(settings)).values())

    asyncio.run(store())
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CXSTREAM_")},
        "CXSTREAM_BROKERS": kafka.address,
        "CXSTREAM_APP": settings.app,
        "CXSTREAM_TOPIC_PREFIX": prefix,
        "CXSTREAM_HTTP": "127.0.0.1:0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "cxstream", "worker"],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    (told,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "the worker cannot go on" in told
    assert "the stored state has format 2.0, this version of cxstream reads 1.x" in told
    assert "another CXSTREAM_APP" in told
