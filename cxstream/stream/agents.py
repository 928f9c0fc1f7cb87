"""Agents: one per topic. They hand batches to their partitions, which apply them by the one :class:`Intake`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, cast

import structlog

from cxstream.core.partitioner import partition_of
from cxstream.core.reading import Refused, read
from cxstream.stream.clock import wall
from cxstream.stream.delivery import BatchSchema
from cxstream.stream.letters import Letter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiokafka import ConsumerRecord

    from cxstream.core.tally import Result, Tally
    from cxstream.settings import Settings
    from cxstream.stream.clock import Clock
    from cxstream.stream.delivery import App, Consumer
    from cxstream.stream.partition import Partition

log = structlog.get_logger(__name__)

_KEYS: Final = 50_000
"""Keys whose partition is remembered, about 6 MB: a ticket's events are near each other, murmur2 takes some us."""


class Intake:
    """Reads records, puts events into the ledger, refusals into the dead letters.

    Synchronous, so that facts and marks are always one snapshot.
    """

    def __init__(self, settings: Settings, tally: Tally, clock: Clock, partitions: int) -> None:
        self._max_future = settings.max_future
        self._canonical = {settings.topic_name(topic): topic for topic in settings.topics}
        self._tally = tally
        self._clock = clock
        self._partitions = partitions
        self._home: dict[bytes, int] = {}

    def take(self, partition: Partition, records: Sequence[ConsumerRecord]) -> None:
        """Apply records of a partition; those up to their topic's mark have been applied before and are skipped."""
        now = wall()
        self._clock.now()
        latest = now + self._max_future
        accept, tally, apply = self._clock.accept, self._tally, partition.ledger.apply
        newest, home, canonical = tally.newest, self._home, self._canonical
        if len(home) > _KEYS:
            home.clear()
        marks = dict(partition.marks.offsets)  # theirs move when all is applied
        results: list[tuple[str, Result]] = []
        delays: defaultdict[str, list[int]] = defaultdict(list)
        for record in records:
            name, offset, key = record.topic, record.offset, record.key
            if offset <= marks.get(name, -1):
                continue
            marks[name] = offset
            topic = canonical[name]
            try:
                _, source, ticket_id, event = read(topic, record.value, key, record.headers, latest=latest)
            except Refused as refusal:
                self._refuse(partition, topic, record, refusal.reason, refusal.message)
                continue
            except Exception as error:  # a defect of ours must not stop the stream
                log.exception("unreadable record", topic=name, partition=record.partition, offset=offset)
                self._refuse(
                    partition, topic, record, "wrong_type", f"cannot be read: {type(error).__name__}"
                )
                continue
            at = event.at
            results.append((topic, apply(source, ticket_id, event, now=accept(at), arrived=now)))
            delays[topic].append(now - at)
            if at > newest.get(source, at - 1):
                newest[source] = at
            where = home.get(key)
            if where is None:
                where = home[key] = partition_of(key, self._partitions)
            if where != record.partition:
                tally.misplaced[topic] += 1
        partition.marks.offsets.update(marks)
        tally.results.update(results)
        times = partition.times
        for topic, values in delays.items():
            highest = now - min(values)
            times[topic] = max(highest, times.get(topic, highest))
            tally.delayed(topic, values)

    def _refuse(
        self, partition: Partition, topic: str, record: ConsumerRecord, reason: str, message: str
    ) -> None:
        partition.letters.append(Letter(record, reason, message))
        self._tally.results[topic, "invalid"] += 1
        self._tally.letters[topic, reason] += 1


def define(app: App, topics: Mapping[str, str], partitions: Mapping[int, Partition]) -> None:
    """Define an agent for each topic (canonical name -> name in Kafka)."""
    for topic, name in topics.items():
        _define(app, topic, name, partitions)


def _define(app: App, topic: str, name: str, partitions: Mapping[int, Partition]) -> None:
    channel = app.topic(name, schema=BatchSchema(key_type=bytes, value_type=bytes))

    @app.agent(channel, name=topic, concurrency=1)
    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            number = event.message.partition
            partition = partitions.get(number)
            if partition is None:
                # Fetched before a rebalance, or of a partition that is set aside; whoever owns it reads it again.
                log.debug("batch of a partition that is not ours", topic=name, partition=number)
                cast("Consumer", app.consumer).drop(event.message)
                continue
            partition.inbox.put(topic, event.message.value, event)
