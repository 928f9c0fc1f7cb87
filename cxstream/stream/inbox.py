"""The inbox of a partition: batches of all its topics, handed out in the order in which they were written.

A worker that catches up is given long stretches of one topic, then of the next. Applied like that, every reply would
come long before or after its ticket's opening: right in the end, but each ticket would be decoded and measured many
times over. So the topics of a partition are merged by the records' timestamps, as Kafka Streams does, in rounds: all
records up to a horizon, topic by topic. This is about speed only; no number depends on the order.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from cxstream.core.event import EVENT_OF_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aiokafka import ConsumerRecord
    from faust.types import EventT

_SLICE: Final = 100
"""Records of one topic in a round: applied without a pause, a few ms of the loop."""
_DEPTH: Final = 4
"""Batches per topic that are taken in, so that a topic whose records are far apart does not stop at the first."""
PATIENCE: Final = 0.5
"""Seconds to wait for a topic that has more to give, while the others have records at hand."""


class Portion(NamedTuple):
    """Records of one topic to be applied now, and the batch they end, if they end one."""

    topic: str
    records: Sequence[ConsumerRecord]
    ended: EventT | None


class Batch(NamedTuple):
    """Records of one topic-partition, and the Faust event that stands for them."""

    records: Sequence[ConsumerRecord]
    event: EventT


class _Lane:
    """The batches of one topic, and how much of the first has been handed out."""

    __slots__ = ("batches", "missed", "place", "room", "topic")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.batches: deque[Batch] = deque()
        self.place = 0
        self.missed = False
        """It was waited for in vain, and is not again before it has given something."""
        self.room = asyncio.Event()
        self.room.set()

    def reach(self) -> int:
        """Timestamp of the last record that the next round may take, ms."""
        records = self.batches[0].records
        return records[min(self.place + _SLICE, len(records)) - 1].timestamp

    def cut(self, horizon: int) -> Portion | None:
        """The records of the first batch up to the horizon."""
        records = self.batches[0].records
        last = min(self.place + _SLICE, len(records))
        if records[last - 1].timestamp > horizon:
            last = bisect_right(records, horizon, self.place, last, key=lambda record: record.timestamp)
        if last == self.place:
            return None
        portion = records[self.place : last]
        if last < len(records):
            self.place = last
            return Portion(self.topic, portion, None)
        self.place = 0
        ended = self.batches.popleft()
        self.room.set()
        return Portion(self.topic, portion, ended.event)


class Inbox:
    """What has been delivered for one partition and not been applied."""

    def __init__(self, topics: Iterable[str], patience: float = PATIENCE) -> None:
        """``patience`` is how long to wait for a topic that has more to give, s; 0 = not at all."""
        ranked = sorted(topics, key=lambda topic: EVENT_OF_TOPIC[topic].rank)
        self._lanes = {topic: _Lane(topic) for topic in ranked}
        self._patience = patience
        self._arrived = asyncio.Event()
        self._era = 0

    async def put(self, topic: str, records: Sequence[ConsumerRecord], event: EventT) -> None:
        """Take a batch in; waits while there are enough of its topic."""
        lane, era = self._lanes[topic], self._era
        while not lane.room.is_set():
            await lane.room.wait()
            if era != self._era:
                return  # the partition has been given away; whoever owns it now reads the batch again
        lane.batches.append(Batch(records, event))
        lane.missed = False
        if len(lane.batches) >= _DEPTH:
            lane.room.clear()
        self._arrived.set()

    def clear(self) -> None:
        """Forget all batches: they will be delivered again."""
        self._era += 1
        for lane in self._lanes.values():
            lane.batches.clear()
            lane.place = 0
            lane.room.set()

    async def round(self, behind: Callable[[str], int]) -> list[Portion]:
        """Return the records to apply next, at least one, in the order of the topics; waits until there is one.

        ``behind`` tells of a topic how many records are known to follow the last one applied.
        """
        while True:
            full = [lane for lane in self._lanes.values() if lane.batches]
            if not full:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            if not await self._waited(full, behind):
                break
        horizon = min(lane.reach() for lane in full)
        return [portion for lane in full if (portion := lane.cut(horizon)) is not None]

    async def _waited(self, full: list[_Lane], behind: Callable[[str], int]) -> bool:
        """Wait for a topic that has more to give but nothing here; whether there was one."""
        if not (self._patience and all(lane.room.is_set() for lane in full)):
            return False  # others may be waiting for what is behind these
        awaited = [
            lane
            for lane in self._lanes.values()
            if not (lane.batches or lane.missed) and behind(lane.topic) > _SLICE
        ]
        if not awaited:
            return False
        self._arrived.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._arrived.wait()
        except TimeoutError:
            for lane in awaited:
                lane.missed = True
        return True
