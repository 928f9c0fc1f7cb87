"""Evidence: what Kafka says of every ticket, as of the offsets that workers have applied.

The topics are read up to those offsets. Only where they cannot tell alone (see :mod:`cxstream.core.audit`), or to
find the tickets behind a difference, is the ticket table read too, and after it the topics beyond the offsets, so
that everything in the table that came later is known to be later.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from cxstream.core.audit import Case, Doubt, Later, Read, Row, cases, name_of
from cxstream.core.record import owner
from cxstream.stream.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cxstream.core.audit import Verdict
    from cxstream.core.rules import Rules
    from cxstream.settings import Settings
    from cxstream.stream.shelves import Shelves
    from cxstream.stream.tail import Tail

_SETTLE: Final = 0.5
"""Seconds in which a worker has written to the table what it had applied: it gathers rows for a tenth of that."""

Offsets = dict[str, dict[int, int]]
"""Last applied offset by topic (canonical) and partition."""


class Evidence:
    """What is known of the tickets of some partitions."""

    def __init__(self, settings: Settings, tail: Tail, shelves: Shelves, asked: int) -> None:
        self.with_table = False
        self.doubt = Doubt(asked, settings.max_future, frozenset())
        """``asked``: when the workers were asked, ms of the wall clock."""
        self.history: History
        self.events = 0
        """Valid events up to the offsets, duplicates included."""
        self._settings = settings
        self._tail = tail
        self._shelves = shelves
        self._marks: dict[TopicPartition, int] = {}
        self._numbers: set[int] = set()

    async def read(
        self, offsets: Mapping[str, Mapping[int, int]], numbers: set[int], progress: Callable[[int], object]
    ) -> None:
        """Read the topics of these partitions up to ``offsets``, and the table if that is called for."""
        history = self.history = History(self._settings, self._tail, progress)
        self._numbers = numbers
        retention, doubt, doubtful = self._settings.ticket_retention, self.doubt, False
        whole = {tp: span for tp, span in (await history.spans()).items() if tp.partition in numbers}
        self._marks = {
            tp: offsets.get(history.topic(tp.topic), {}).get(tp.partition, start - 1) + 1
            for tp, (start, _) in whole.items()
        }
        cut = frozenset((history.topic(tp.topic), tp.partition) for tp, (start, _) in whole.items() if start)
        self.doubt = doubt = doubt._replace(cut=cut)
        put = self._shelves.put
        async for tp, messages in history.read({tp: (whole[tp][0], end) for tp, end in self._marks.items()}):
            self.events += len(messages)
            for written, message in messages:
                entry = Read(name_of(message.source, message.ticket_id), message.event, written, tp.partition)
                put(entry)
                doubtful = doubtful or doubt.calls_for_table(entry, retention)
        if cut or doubtful:
            await self.read_table()

    async def read_table(self) -> None:
        """Read the ticket table as it is now, then what the topics hold beyond the offsets."""
        if self.with_table:
            return
        self.with_table = True
        await asyncio.sleep(_SETTLE)
        put, tail = self._shelves.put, self._tail
        tps = [
            tp
            for tp in await tail.partitions(self._settings.changelog_topic)
            if tp.partition in self._numbers
        ]
        ends = await tail.ends(tps)
        async for tp, records in tail.read({tp: (0, end) for tp, end in ends.items()}):
            for record in records:
                ticket = owner(record.key)
                forgotten_since = record.value is None and record.timestamp >= self.doubt.wall
                if ticket is not None and not forgotten_since:
                    put(Row(ticket, record.key, record.value, tp.partition))
        later = History(self._settings, tail)
        beyond = await tail.ends(self._marks)
        async for _, messages in later.read({tp: (self._marks[tp], end) for tp, end in beyond.items()}):
            for _, message in messages:
                put(Later(name_of(message.source, message.ticket_id), message.event))

    def verdicts(self, rules: Rules) -> Iterator[tuple[Case, Verdict]]:
        """Every ticket with what it must count as."""
        for entries in self._shelves:
            for case in cases(entries):
                yield case, case.judge(rules, self.doubt, with_table=self.with_table)
