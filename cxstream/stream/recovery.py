"""Recovery: how a worker comes to own partitions.

For each partition: first open the writer, which fences whoever had it before; then read the changelog up to its
end, which from then on only we move; then build the ledger. A partition that stays with the worker through a
rebalance keeps its ledger if nobody has written to the changelog in between, which its end offset tells.

Faust's own recovery is not used: it cannot see the end of a changelog whose last record is a transaction's marker,
hands over 6,800 records/s, and applies what is left in its queue to the next assignment.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import TopicPartition

from cxstream.core.foreign import FormatError
from cxstream.core.ledger import Ledger
from cxstream.core.record import load
from cxstream.stream import clock as clocks
from cxstream.stream import marks as mark
from cxstream.stream.inbox import PATIENCE, Inbox
from cxstream.stream.marks import Marks
from cxstream.stream.notices import Notices
from cxstream.stream.partition import Partition
from cxstream.stream.tail import Tail
from cxstream.stream.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cxstream.core.rules import Rules
    from cxstream.core.tally import Tally
    from cxstream.settings import Settings
    from cxstream.stream.clock import Clock
    from cxstream.stream.letters import DeadLetters

log = structlog.get_logger(__name__)

_DECODED: Final = 16_000
"""Tickets that a worker keeps decoded, whatever the number of its partitions: 80 MB once it has seen so many, and at
most twice as much."""


class Recovery:
    """Takes partitions over; keeps those that come back unharmed."""

    def __init__(
        self,
        settings: Settings,
        rules: Callable[[], Rules],
        tally: Tally,
        clock: Clock,
        dead_letters: DeadLetters,
        on_failure: Callable[[int, Exception], None],
        *,
        embedded: bool,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._tally = tally
        self._clock = clock
        self._dead_letters = dead_letters
        self._notices = Notices(settings, clock)
        self._on_failure = on_failure
        self._embedded = embedded
        self._turn = asyncio.Lock()
        self.parked: dict[int, Partition] = {}
        """What was ours before the rebalance and may be again."""
        self.positions: dict[TopicPartition, int] = {}
        """Where to read on in each topic of the partitions last taken."""
        self.ends: dict[TopicPartition, int] = {}
        """Their end offsets at that time."""
        self.progress = ""
        """In words, for the readiness page."""
        self.rebuilt = 0
        """Ledgers built since the start."""

    async def take(self, numbers: Collection[int]) -> dict[int, Partition]:
        """Own these partitions, and no others: returns them ready to be fed."""
        leaving = [self.parked.pop(number) for number in set(self.parked) - set(numbers)]
        await asyncio.gather(*(partition.close() for partition in leaving))
        self.positions, self.ends = {}, {}
        if not numbers:
            return {}
        self.progress = f"fencing earlier owners of {len(numbers)} partitions"
        candidates = {number: self.parked.get(number) or self._new(number) for number in sorted(numbers)}
        ends = {number: partition.writer.end for number, partition in candidates.items() if partition.intact}
        self.parked = candidates  # so that a recovery that is broken off loses nothing
        await asyncio.gather(*(partition.writer.open() for partition in candidates.values()))
        # What an earlier owner has not committed, compaction will remove: it must not be taken for state, least of all
        # the marks in it. The events themselves are read again.
        async with Tail(self._settings, fetch_wait=50, committed=not self._embedded) as tail:
            await self._read(tail, candidates, ends)
            for number, partition in list(candidates.items()):
                if not hasattr(partition, "ledger"):
                    try:
                        await self._build(partition, _DECODED // len(candidates))
                    except FormatError:  # nothing may be written, not even by the others
                        raise
                    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                        del candidates[number]
                        self._tell(partition)
                        self._on_failure(number, error)
                        await partition.close()
            await self._place(tail, candidates)
        self.parked = {}
        self.progress = ""
        gc.freeze()  # a full collection over a million tickets would stop the loop for long
        return candidates

    async def drop(self) -> None:
        """Give everything parked away."""
        parked, self.parked = list(self.parked.values()), {}
        await asyncio.gather(*(partition.close() for partition in parked))

    def _new(self, number: int) -> Partition:
        writer = Writer(self._settings, number, embedded=self._embedded)
        # The embedded broker hands over a few records at a time: waiting for topics would take longer than refolding.
        inbox = Inbox(self._settings.topics, 0.0 if self._embedded else PATIENCE)
        return Partition(
            number, inbox, {}, writer, self._dead_letters, self._notices, self._on_failure, self._turn
        )

    async def _read(self, tail: Tail, partitions: dict[int, Partition], ends: dict[int, int | None]) -> None:
        """Bring ``stored`` of each partition up to the changelog's end; where that changes it, the ledger goes."""
        topic = self._settings.changelog_topic
        tps = {number: TopicPartition(topic, number) for number in partitions}
        last = await tail.ends(tps.values())
        spans = {}
        for number, partition in partitions.items():
            end = last[tps[number]]
            start = ends.get(number) or 0
            if start == 0 or start > end:  # new, harmed, or the changelog was made anew
                partition.stored.clear()
                self._forget_ledger(partition)
                start = 0
            spans[tps[number]] = (start, end)
            partition.writer.end, partition.intact = start, True
        total = sum(end - start for start, end in spans.values())
        done = 0
        async for tp, records in tail.read(spans):
            partition = partitions[tp.partition]
            self._forget_ledger(partition)
            stored = partition.stored
            for record in records:
                if record.value is None:
                    stored.pop(record.key, None)
                else:
                    stored[record.key] = record.value
            partition.writer.end = records[-1].offset + 1
            done += len(records)
            self.progress = f"reading the changelog: {done * 100 // total} % of {total} records"
            await asyncio.sleep(0)
        for number, partition in partitions.items():
            partition.writer.end = last[tps[number]]

    async def _place(self, tail: Tail, partitions: dict[int, Partition]) -> None:
        """Find out where to read on: after the mark, unless the topic has lost that place."""
        names = [self._settings.topic_name(topic) for topic in self._settings.topics]
        tps = [TopicPartition(name, number) for name in names for number in partitions]
        firsts, self.ends = await tail.starts(tps), await tail.ends(tps)
        for tp in tps:
            offsets, first, end = partitions[tp.partition].marks.offsets, firsts[tp], self.ends[tp]
            following = offsets[tp.topic] + 1 if tp.topic in offsets else first
            if following > end:
                log.error(
                    "a topic was made anew, it is read from its start",
                    topic=tp.topic,
                    end=end,
                    mark=following - 1,
                )
                del offsets[tp.topic]
                following = first
            elif following < first:
                lost, remedy = first - following, "lengthen the topic's retention"
                log.error(
                    "events were deleted before they were read", topic=tp.topic, lost=lost, remedy=remedy
                )
                following = first
            self.positions[tp] = following

    def _tell(self, partition: Partition) -> None:
        """Name the rows that cannot be read: in the log only, since a key holds a ticket's id."""
        for key in partition.stored:
            if key[:1] == b"t":
                try:
                    load(key, partition.stored, self._settings.max_skew)
                except Exception as error:  # noqa: BLE001 - told, and by the caller acted upon
                    log.error("a stored row cannot be read", key=key, error=repr(error))  # noqa: TRY400

    @staticmethod
    def _forget_ledger(partition: Partition) -> None:
        if hasattr(partition, "ledger"):
            del partition.ledger

    async def _build(self, partition: Partition, decoded: int) -> None:
        partition.marks = Marks(partition.stored.get(mark.KEY))
        now, started = self._clock.now(), clocks.wall()
        lists = self._settings.ticket_api
        ledger = Ledger(
            *(self._rules(), self._tally, partition.stored, now), tells=True, lists=lists, decoded=decoded
        )
        tickets = 0
        for tickets in ledger.rebuild(now):
            self.progress = f"building the ledger of partition {partition.number}: {tickets} tickets"
            if ledger.newest is not None:  # where the clock follows the events, panes of long ago go at once
                ledger.advance(self._clock.accept(ledger.newest))
            await asyncio.sleep(0)
        partition.ledger = ledger
        self.rebuilt += 1
        log.info(
            "partition recovered", partition=partition.number, tickets=tickets, ms=clocks.wall() - started
        )
