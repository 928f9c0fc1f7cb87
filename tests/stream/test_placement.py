"""Topics written with another partitioner, on a real broker: exact if all are, found out if some are."""

import pytest
from aiokafka import AIOKafkaProducer

from cxstream.cli import audit
from cxstream.core.placement import PARTITIONERS, warnings
from cxstream.stream import topics
from cxstream.stream.sample import placements
from tests.cli.test_audit import served
from tests.stream.helpdesk import events, expected, settings_for, settled, totals, until


async def write(settings, sent, by) -> None:
    """Publish as a client does whose partitioner for a topic is ``by[topic]``."""
    async with AIOKafkaProducer(bootstrap_servers=settings.brokers[0], linger_ms=20) as producer:
        acknowledgements = [
            await producer.send(
                settings.topic_name(topic), value, key, partition=PARTITIONERS[by[topic]](key, 4)
            )
            for topic, key, value in sent
        ]
        for each in acknowledgements:
            await each


@pytest.mark.parametrize("name", ["crc32", "fnv1a"])
async def test_one_other_partitioner_throughout_gives_exact_numbers(kafka, prefix, name):
    settings, sent = settings_for(kafka.address, prefix), events(300)
    await topics.create(settings)
    async with served(settings) as (first, one), served(settings) as (second, two):
        await until(lambda: len(first.assigned()) == len(second.assigned()) == 2)
        await write(settings, sent, dict.fromkeys(settings.topics, name))
        await settled(first)
        await settled(second)
        ledgers = [*first.ledgers().values(), *second.ledgers().values()]
        assert totals(ledgers) == expected(settings, sent)
        misplaced = sum((first.tally.misplaced + second.tally.misplaced).values())
        assert misplaced > len(sent) / 2
        found = await audit._audit(settings, [one, two], None)
        assert not found.differences
        assert not found.split
        assert sum(found.misplaced.values()) == misplaced
        (line,) = warnings(await placements(settings))
        assert f"all topics are written with the partitioner {name}" in line


async def test_a_topic_that_is_written_otherwise_is_named_with_the_split_tickets(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(100)
    await topics.create(settings)
    async with served(settings) as (worker, url):
        by = {**dict.fromkeys(settings.topics, "murmur2"), "agent-replied": "crc32"}
        await write(settings, sent, by)
        await settled(worker)
        found = await audit._audit(settings, [url], None)
        assert found.differences
        assert found.split
        assert set(found.culprits.values()) <= set(found.split)
        assert list(found.misplaced) == ["agent-replied"]
        text = "\n".join(found.lines())
        assert "in several partitions, where they cannot be counted right" in text
        (line,) = warnings(await placements(settings))
        assert line.startswith(f"{settings.topic_name('agent-replied')}: ")
        assert "written with crc32" in line
