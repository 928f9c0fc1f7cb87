"""Agents: one per topic. They hand batches to their partitions, which apply them by the one :class:`Intake`."""

from __future__ import annotations

from collections import Counter
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
        self._tally = tally
        self._clock = clock
        self._partitions = partitions
        self._home: dict[bytes, int] = {}

    def take(self, partition: Partition, topic: str, records: Sequence[ConsumerRecord]) -> None:
        """Apply records of one topic-partition; those up to the mark have been applied before and are skipped."""
        now = wall()
        self._clock.now()
        latest = now + self._max_future
        accept, tally, ledger = self._clock.accept, self._tally, partition.ledger
        newest, home = tally.newest, self._home
        if len(home) > _KEYS:
            home.clear()
        name = records[0].topic
        mark = partition.marks.offsets.get(name, -1)
        highest = partition.times.get(topic)
        results: list[Result] = []
        delays: list[int] = []
        for record in records:
            offset = record.offset
            if offset <= mark:
                continue
            mark = offset
            key = record.key
            try:
                message = read(topic, record.value, key, record.headers, latest=latest)
            except Refused as refusal:
                self._refuse(partition, topic, record, refusal.reason, refusal.message)
                continue
            except Exception as error:  # a defect of ours must not stop the stream
                log.exception("unreadable record", topic=name, partition=record.partition, offset=offset)
                self._refuse(
                    partition, topic, record, "wrong_type", f"cannot be read: {type(error).__name__}"
                )
                continue
            source, event = message.source, message.event
            at = event.at
            results.append(ledger.apply(source, message.ticket_id, event, now=accept(at), arrived=now))
            delays.append(now - at)
            if at > newest.get(source, at - 1):
                newest[source] = at
            if highest is None or at > highest:
                highest = at
            where = home.get(key)
            if where is None:
                where = home[key] = partition_of(key, self._partitions)
            if where != record.partition:
                tally.misplaced[topic] += 1
        partition.marks.offsets[name] = mark
        for result, count in Counter(results).items():
            tally.results[topic, result] += count
        tally.delayed(topic, delays)
        if highest is not None:
            partition.times[topic] = highest

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
            await partition.inbox.put(topic, event.message.value, event)
