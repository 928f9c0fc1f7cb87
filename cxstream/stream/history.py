"""History: the events that the topics still hold, up to given offsets.

    async with Tail(settings) as tail:
        history = History(settings, tail)
        async for tp, messages in history.read(await history.spans()):
            ...

For whatever computes from Kafka what else is computed from a file.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cxstream.core.partitioner import partition_of
from cxstream.core.reading import Message, Refused, read
from cxstream.stream.clock import wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from aiokafka import TopicPartition

    from cxstream.settings import Settings
    from cxstream.stream.tail import Tail

Spans = dict["TopicPartition", tuple[int, int]]
"""First offset, and the one before which to end."""


class MissingTopicError(Exception):
    """A topic that is to be read is not there."""


class History:
    """Reads what the topics in use hold, and counts what is none of its events."""

    def __init__(
        self, settings: Settings, tail: Tail, progress: Callable[[int], object] | None = None
    ) -> None:
        self.invalid: Counter[str] = Counter()
        """Records that are no valid events, by reason: the workers have put them into the dead letters."""
        self.misplaced: Counter[str] = Counter()
        """By topic (canonical), the records whose key does not belong to their partition."""
        self.records = 0
        self._settings = settings
        self._tail = tail
        self._progress = progress
        self._canonical = {settings.topic_name(topic): topic for topic in settings.topics}
        self._partitions: dict[str, int] = {}

    def topic(self, name: str) -> str:
        """Return the canonical name of a topic in Kafka."""
        return self._canonical[name]

    async def spans(self) -> Spans:
        """Return all that the topics hold now; raises ``MissingTopicError``."""
        tps = []
        for name in self._canonical:
            found = await self._tail.partitions(name)
            if not found:
                raise MissingTopicError(f"topic {name} is missing: create it with: cxstream topics create")
            self._partitions[name] = len(found)
            tps += found
        starts, ends = await self._tail.starts(tps), await self._tail.ends(tps)
        return {tp: (starts[tp], ends[tp]) for tp in tps}

    async def read(
        self, spans: Mapping[TopicPartition, tuple[int, int]]
    ) -> AsyncIterator[tuple[TopicPartition, list[tuple[int, Message]]]]:
        """Yield the valid events of ``spans``, each with the timestamp of its record, ms."""
        latest = wall() + self._settings.max_future
        home: dict[bytes, int] = {}
        async for tp, records in self._tail.read(spans):
            topic, count, messages = self._canonical[tp.topic], self._partitions.get(tp.topic, 0), []
            home.clear()
            for record in records:
                key = record.key
                try:
                    message = read(topic, record.value, key, record.headers, latest=latest)
                except Refused as refused:
                    self.invalid[refused.reason] += 1
                    continue
                messages.append((record.timestamp, message))
                if count:
                    where = home.get(key)
                    if where is None:
                        where = home[key] = partition_of(key, count)
                    if where != tp.partition:
                        self.misplaced[topic] += 1
            self.records += len(records)
            if self._progress is not None:
                self._progress(self.records)
            yield tp, messages
