"""The inbox of a partition: batches of all its topics, handed out in the order in which they were written.

A worker that catches up is given long stretches of one topic, then of the next. Applied like that, every reply would
come long before or after its ticket's opening: right in the end, but each ticket would be decoded and measured many
times over. So the topics of a partition are merged by the records' timestamps, as Kafka Streams does, in rounds: all
records up to a horizon, record by record. A topic of which enough is here is not asked for more, so that the others
get through. This is about speed only; no number depends on the order.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from cxstream.core.event import EVENT_OF_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from aiokafka import ConsumerRecord
    from faust.types import EventT

    Entry = tuple[int, ConsumerRecord, EventT | None]
    """A record, the instant (ms) by which it is merged, and the batch that it ends, if it ends one."""

_SLICE: Final = 200
"""Records applied without a pause, some 10 ms of the loop."""
_MUCH: Final = 100
"""Records to come from which on a topic is worth waiting for."""
_ENOUGH: Final = 3_000
"""Records of a topic at hand from which on no more are fetched: those for a fifth of a second, some 3 MB."""
PATIENCE: Final = 2.0
"""Seconds to wait for a topic that has more to give, while the others have records at hand; a fetch may take half a
second, and on a busy machine more."""

_instant: Final = itemgetter(0)


class Portion(NamedTuple):
    """Records of any topics to be applied now, and the batches they end."""

    records: Sequence[ConsumerRecord]
    ended: Sequence[EventT]


class _Lane:
    """The batches of one topic, and how much of the first has been handed out."""

    __slots__ = ("batches", "held", "missed", "place", "topic")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.batches: deque[list[Entry]] = deque()
        self.held = 0
        """Records at hand."""
        self.place = 0
        self.missed = False
        """It was waited for in vain, and is not again before it has given something."""

    def append(self, records: Sequence[ConsumerRecord], event: EventT) -> None:
        """Put a batch behind the others.

        Publishers' clocks may step, but offsets must stay in order. So a record counts as written no later than any
        that follows it: one that is dated far ahead does not hold up the rest.
        """
        instants = list(accumulate((record.timestamp for record in reversed(records)), min))
        events = [None] * (len(records) - 1)
        self.batches.append(list(zip(reversed(instants), records, [*events, event], strict=True)))
        self.held += len(records)
        self.missed = False

    def cut(self, horizon: int) -> list[Entry]:
        """What of the first batch was written up to the horizon."""
        batch, first = self.batches[0], self.place
        last = bisect_right(batch, horizon, first, key=_instant)
        if last < len(batch):
            self.place = last
        else:
            self.place = 0
            self.batches.popleft()
        self.held -= last - first
        return batch[first:last]

    def clear(self) -> None:
        """Forget all."""
        self.batches.clear()
        self.held = self.place = 0


class Inbox:
    """What has been delivered for one partition and not been applied."""

    def __init__(self, topics: Iterable[str], patience: float = PATIENCE) -> None:
        """``patience`` is how long to wait for a topic that has more to give, s; 0 = not at all."""
        ranked = sorted(topics, key=lambda topic: EVENT_OF_TOPIC[topic].rank)
        self._lanes = {topic: _Lane(topic) for topic in ranked}
        self._patience = patience
        self._hasty = asyncio.Event()
        self._arrived = asyncio.Event()

    def put(self, topic: str, records: Sequence[ConsumerRecord], event: EventT) -> None:
        """Take a batch in."""
        self._lanes[topic].append(records, event)
        self._arrived.set()

    def sated(self) -> Iterator[str]:
        """The topics of which enough is here."""
        return (topic for topic, lane in self._lanes.items() if lane.held >= _ENOUGH)

    def hasten(self) -> None:
        """Wait for no topic any more: nothing else will come."""
        self._hasty.set()
        self._arrived.set()

    def clear(self) -> None:
        """Forget all batches: they will be delivered again."""
        self._hasty.clear()
        for lane in self._lanes.values():
            lane.clear()

    async def round(self, behind: Callable[[str], int]) -> list[Portion]:
        """Return the records to apply next, at least one, in slices; waits until there is one.

        ``behind`` tells of a topic how many records are known to follow the last one applied.
        """
        while True:
            full = [lane for lane in self._lanes.values() if lane.batches]
            if not full:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            if not await self._waited(behind):
                break
        horizon = min(lane.batches[0][-1][0] for lane in full)
        entries = [entry for lane in full for entry in lane.cut(horizon)]
        entries.sort(key=_instant)  # of one instant they stay in the order of the topics
        return [_portion(entries[start : start + _SLICE]) for start in range(0, len(entries), _SLICE)]

    async def _waited(self, behind: Callable[[str], int]) -> bool:
        """Wait for a topic that has more to give but nothing here; whether there was one."""
        if self._hasty.is_set() or not self._patience:
            return False
        awaited = [
            lane
            for lane in self._lanes.values()
            if not (lane.batches or lane.missed) and behind(lane.topic) > _MUCH
        ]
        if not awaited:
            return False
        try:
            async with asyncio.timeout(self._patience):  # whatever else comes meanwhile
                while not self._hasty.is_set() and any(not lane.batches for lane in awaited):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            for lane in awaited:
                lane.missed = not lane.batches
        return True


def _portion(entries: list[Entry]) -> Portion:
    ended = [event for _, _, event in entries if event is not None]
    return Portion([record for _, record, _ in entries], ended)
