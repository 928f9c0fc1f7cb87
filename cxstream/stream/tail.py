"""Bounded reading: the records of topic-partitions from one offset up to another.

For recovery, for one ticket's events, for the audit. It belongs to no consumer group and commits nothing.

    async with Tail(settings) as tail:
        ends = await tail.ends(["agent-replied"])
        async for tp, records in tail.read({tp: (0, end) for tp, end in ends.items()}):
            ...
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from cxstream.stream.security import client_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
    from types import TracebackType

    from aiokafka import ConsumerRecord

    from cxstream.settings import Settings

MAX_RECORDS: Final = 1_000
"""Records handed over at once: unpacking them takes a few ms of the loop."""
_WAIT: Final = 1_000
"""How long to wait for records before the position is looked at again, ms."""


async def _to_the_end(stopping: Coroutine[Any, Any, None]) -> None:
    """Wait for the end even if cancelled meanwhile: half a stop leaves connections open."""
    task = asyncio.ensure_future(stopping)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Tail:
    """Reads topics by their names in Kafka; an asynchronous context manager."""

    def __init__(self, settings: Settings, *, fetch_wait: int = 500, committed: bool = False) -> None:
        """With ``committed``, ends are those of what is committed, and records of aborted transactions left out."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=list(settings.brokers),
            client_id=f"{settings.app}-tail",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=fetch_wait,
            isolation_level="read_committed" if committed else "read_uncommitted",
            **client_options(settings.security),
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            await asyncio.sleep(0)  # aiokafka cannot be stopped before its tasks have begun
        except BaseException:
            await _to_the_end(self._consumer.stop())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _to_the_end(self._consumer.stop())

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """Return the topic-partitions of a topic; an empty list if there is no such topic."""
        # Its public counterpart, topics(), does not tell the partitions of topics that are not subscribed.
        cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001
        return [TopicPartition(topic, n) for n in sorted(cluster.partitions_for_topic(topic) or ())]

    async def starts(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset that is still there."""
        return dict(await self._consumer.beginning_offsets(list(tps)))

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the end offsets: of the last record (or transaction marker) plus one."""
        return dict(await self._consumer.end_offsets(list(tps)))

    async def read(
        self, spans: Mapping[TopicPartition, tuple[int, int]]
    ) -> AsyncIterator[tuple[TopicPartition, list[ConsumerRecord]]]:
        """Yield the records with ``start <= offset < end`` of each topic-partition, in order within each.

        Ends when every topic-partition's position has reached its end, so records that compaction has removed
        and transaction markers are not waited for. A start that retention has removed becomes the first one there.
        """
        open_ = {tp: end for tp, (start, end) in spans.items() if start < end}
        if not open_:
            return
        self._consumer.assign(list(open_))
        for tp in open_:
            self._consumer.seek(tp, spans[tp][0])
        while open_:
            found = await self._consumer.getmany(*open_, timeout_ms=_WAIT, max_records=MAX_RECORDS)
            for tp, records in found.items():
                end = open_[tp]
                if records[-1].offset >= end:
                    records = [record for record in records if record.offset < end]  # noqa: PLW2901
                if records:
                    yield tp, records
            for tp, end in list(open_.items()):
                if await self._consumer.position(tp) >= end:
                    del open_[tp]
                    self._consumer.pause(tp)
        self._consumer.unsubscribe()
