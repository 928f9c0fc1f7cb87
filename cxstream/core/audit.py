"""The audit of a ticket: what it must count as, from what Kafka still holds of it.

Evidence of a ticket comes from three places: the topics up to the offsets that a worker had applied, the topics
beyond them, and the ticket table (the worker's own memory). The topics alone decide, with three exceptions, in which
only the table can tell:

* an event that retention has deleted from its topic: taken from the table, and the ticket is *not provable*;
* a ticket that the worker has forgotten, as it may once its retention is over, is not expected;
* an event dated so far ahead that the worker may have refused it as ``future`` counts if the table has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from cxstream.core import record
from cxstream.core.change import RESOLVED_NOW, UNKNOWN, VOID
from cxstream.core.event import AnyEvent
from cxstream.core.frame import order
from cxstream.core.ticket import Ticket, precedes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.rules import Rules

_FINAL: Final = (RESOLVED_NOW, VOID, UNKNOWN)
"""States in which a worker may forget a ticket."""

Identity = tuple[int, str]
"""Rank and id of an event: what tells it from the others of its ticket."""


class Read(msgspec.Struct, array_like=True, tag=0, gc=False):
    """An event that a worker says it has applied."""

    ticket: bytes
    event: AnyEvent
    written: int
    """The record's timestamp, ms."""
    partition: int


class Later(msgspec.Struct, array_like=True, tag=1, gc=False):
    """An event beyond the applied offsets, which the table may hold all the same: it is read after."""

    ticket: bytes
    event: AnyEvent


class Row(msgspec.Struct, array_like=True, tag=2, gc=False):
    """A record of the ticket table; a value of ``None`` deletes."""

    ticket: bytes
    key: bytes
    value: bytes | None
    partition: int


Entry = Read | Later | Row


class Doubt(NamedTuple):
    """What an audit must know of the time and the topics."""

    wall: int
    """The wall clock when the workers were asked, ms."""
    max_future: int
    """How far ahead an event may be dated, ms."""
    cut: frozenset[tuple[str, int]]
    """Topics (canonical) and partitions of which retention has deleted something."""

    def calls_for_table(self, entry: Read, retention: int) -> bool:
        """Whether only the table can tell if an event counts."""
        return self.future(entry) or self.old(entry, retention)

    def future(self, entry: Read) -> bool:
        """Whether the worker may have refused the event as being too far ahead."""
        return entry.event.at > entry.written + self.max_future

    def old(self, entry: Read, retention: int) -> bool:
        """Whether the event's ticket may have been forgotten since."""
        return max(entry.event.at, entry.written) + retention < self.wall


class Verdict(NamedTuple):
    """What a ticket must count as, and what the table has of it."""

    expected: Ticket | None
    """``None`` if it must not count: it has been forgotten, or there is nothing of it up to the offsets."""
    stored: list[Ticket]
    """As of the offsets, one per partition in which the worker counts something; none if the table was not asked."""
    provable: bool
    forgotten: bool


class Case:
    """All evidence of one ticket."""

    def __init__(self, ticket: bytes) -> None:
        source, _, ticket_id = ticket.partition(b"\0")
        self.source, self.ticket_id = source.decode(), ticket_id.decode()
        self.reads: list[Read] = []
        self.later: list[AnyEvent] = []
        self.rows: dict[int, dict[bytes, bytes]] = {}
        """By partition; a ticket has rows in several only if its publishers do not agree on the partitioner."""

    def add(self, entry: Entry) -> None:
        """Take a piece of evidence, in the order in which it was read."""
        if isinstance(entry, Read):
            self.reads.append(entry)
        elif isinstance(entry, Later):
            self.later.append(entry.event)
        elif entry.value is None:
            self.rows.get(entry.partition, {}).pop(entry.key, None)
        else:
            self.rows.setdefault(entry.partition, {})[entry.key] = entry.value

    @property
    def partitions(self) -> set[int]:
        """Where its events lie."""
        return {entry.partition for entry in self.reads} | {n for n, rows in self.rows.items() if rows}

    def judge(self, rules: Rules, doubt: Doubt, *, with_table: bool) -> Verdict:
        """Decide what the ticket must count as; ``with_table`` if the rows were read."""
        events = self._standing(entry.event for entry in self.reads)
        if not with_table:
            return Verdict(self._ticket(events, rules), [], provable=True, forgotten=False)
        parts = [self._stored(rows, rules, events) for rows in self.rows.values()]
        stored = self._standing(event for part in parts for event in part.values())
        missing = [entry for entry in self.reads if identity(entry.event) not in stored]
        for entry in missing:
            if doubt.future(entry):
                events.pop(identity(entry.event), None)
        forgotten = self._forgotten([entry for entry in missing if not doubt.future(entry)], rules, doubt)
        for event in forgotten:
            events.pop(event, None)
        lost = self._lost(events, stored, doubt)
        tickets = [ticket for part in parts if (ticket := self._ticket(part, rules)) is not None]
        return Verdict(self._ticket({**events, **lost}, rules), tickets, not lost, bool(forgotten))

    def _stored(
        self, rows: dict[bytes, bytes], rules: Rules, events: dict[Identity, AnyEvent]
    ) -> dict[Identity, AnyEvent]:
        """What a partition held when the worker had applied the events: what came later is not looked at."""
        ticket = record.load(record.key_of(self.source, self.ticket_id), rows, rules.max_skew)
        found = [] if ticket is None else list(ticket.timeline)
        later = {identity(event): event for event in self.later}
        kept = {}
        for event in found:
            name = identity(event)
            if name in events or later.get(name) != event:
                kept[name] = event
            # A copy that arrived later has taken the place of the one that stood then.
            if name in events and event != events[name] and later.get(name) == event:
                kept[name] = events[name]
        return kept

    def _forgotten(self, missing: list[Read], rules: Rules, doubt: Doubt) -> set[Identity]:
        """The events of a life that the worker has forgotten, as it may."""
        old = {identity(entry.event): entry.event for entry in missing if doubt.old(entry, rules.retention)}
        ticket = self._ticket(old, rules)
        return set(old) if ticket is not None and ticket.summary.state in _FINAL else set()

    def _lost(
        self, events: dict[Identity, AnyEvent], stored: dict[Identity, AnyEvent], doubt: Doubt
    ) -> dict[Identity, AnyEvent]:
        """The events that only the table still has, where the topics no longer reach."""
        places = [(topic, number) for topic, number in doubt.cut if number in self.partitions]
        topics = {topic for topic, _ in places}
        return {
            name: event
            for name, event in stored.items()
            if event.topic in topics and (name not in events or self._precedes(event, events[name]))
        }

    def _standing(self, found: Iterable[AnyEvent]) -> dict[Identity, AnyEvent]:
        standing: dict[Identity, AnyEvent] = {}
        for event in found:
            other = standing.get(identity(event))
            if other is None or self._precedes(event, other):
                standing[identity(event)] = event
        return standing

    def _precedes(self, event: AnyEvent, other: AnyEvent) -> bool:
        return event != other and precedes(self.source, self.ticket_id, event, other)

    def _ticket(self, events: dict[Identity, AnyEvent], rules: Rules) -> Ticket | None:
        if not events:
            return None
        pages = [(0, sorted(events.values(), key=order))]
        return Ticket.of(self.source, self.ticket_id, rules.max_skew, pages, policies=rules.policies)


def identity(event: AnyEvent) -> Identity:
    """What tells an event from the others of its ticket."""
    return event.rank, event.event_id


def name_of(source: str, ticket_id: str) -> bytes:
    """The name under which evidence of a ticket is gathered."""
    return source.encode() + b"\0" + ticket_id.encode()


def cases(entries: Iterable[Entry]) -> Iterable[Case]:
    """The evidence of each ticket; all of a ticket's entries must be among these."""
    found: dict[bytes, Case] = {}
    for entry in entries:
        case = found.get(entry.ticket)
        if case is None:
            case = found[entry.ticket] = Case(entry.ticket)
        case.add(entry)
    return found.values()
