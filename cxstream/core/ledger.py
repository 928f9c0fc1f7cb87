"""The ledger: all state of one partition.

Facts of tickets, windows, backlog and counts, driven by events and instants that are given to it: no Kafka, no
clock. The stream, the audit and the tests drive the same object. Giving a partition away is dropping its ledger,
taking one is building it from the ticket table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core import record
from cxstream.core.backlog import Backlog
from cxstream.core.counts import Counts
from cxstream.core.pane import Cell
from cxstream.core.rolling import Rolling
from cxstream.core.rules import HOUR
from cxstream.core.ticket import RESOLVED_NOW, UNKNOWN, VOID, Change, Summary, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cxstream.core.event import AnyEvent
    from cxstream.core.measure import Measurement
    from cxstream.core.record import Rows
    from cxstream.core.rules import Rules
    from cxstream.core.tally import Result, Tally

_HOT: Final = 4_000
"""Tickets kept decoded although nothing of them is waiting to be written: about 15 MB."""

_LONG: Final = 8
"""Pages from which on a ticket is always kept decoded, so that no event pays for reading them all."""

_FINAL: Final = (RESOLVED_NOW, VOID, UNKNOWN)
"""States in which a ticket may be forgotten."""


class Ledger:
    """All state of one partition; ``stored``, its part of the ticket table, is changed in :meth:`drain` only."""

    def __init__(self, rules: Rules, tally: Tally, stored: dict[bytes, bytes], now: int = 0) -> None:
        self.rolling = Rolling(rules, now)
        self.backlog = Backlog(rules)
        self.counts = Counts()
        self.retained = Cell()
        """All measurements of the tickets that are kept, whenever they were made."""
        self.newest: int | None = None
        """The latest time of an event, ms."""
        self._rules = rules
        self._tally = tally
        self._stored = stored
        self._dirty: dict[bytes, Ticket] = {}
        self._hot: dict[bytes, Ticket] = {}
        self._long: dict[bytes, Ticket] = {}
        self._removed: dict[bytes, Ticket] = {}
        self._due: dict[int, list[bytes]] = {}

    @property
    def changed(self) -> int:
        """Tickets waiting for :meth:`drain`."""
        return len(self._dirty) + len(self._removed)

    def rebuild(self, now: int, *, chunk: int = 500) -> Iterator[int]:
        """Build windows, backlog and counts from the stored tickets.

        Yields the number of tickets done every ``chunk``, so that the caller can let others run.
        """
        self.rolling.advance(now)
        keys = [key for key in self._stored if key[:1] == b"t"]
        for done, key in enumerate(keys, 1):
            ticket = record.load(key, self._stored, self._rules.max_skew)
            if ticket is not None and ticket.timeline:
                self._put(ticket.measurements(), 1)
                self._follow(Summary(0, ticket.summary.labels), ticket.summary)
                self._see(ticket.last_at)
                self._schedule(key, ticket)
                if len(ticket.timeline.pages) > _LONG:
                    self._long[key] = ticket
            if done % chunk == 0:
                yield done
        yield len(keys)

    def apply(self, source: str, ticket_id: str, event: AnyEvent, *, now: int, arrived: int) -> Result:
        """Merge an event; ``now`` is the instant of the worker's clock, ``arrived`` that of the wall clock, ms."""
        key = record.key_of(source, ticket_id)
        ticket = self._ticket(key, arrived)
        if ticket is None:
            ticket = Ticket(source, ticket_id, self._rules.max_skew)
        change = ticket.insert(event)
        if change is None:
            return "duplicate"
        ticket.arrived = max(ticket.arrived, arrived)
        self._dirty[key] = ticket
        self._see(event.at)
        self._change(change, now)
        if change.copies:
            return "duplicate"
        if change.after.orphans > change.before.orphans:
            return "orphan"
        return "applied" if self.rolling.within(event.at) else "late"

    def advance(self, now: int) -> None:
        """Move the windows to ``now``; cheap while no pane is left or entered."""
        self.rolling.advance(now)

    def forget(self, wall: int, limit: int = 1_000) -> int:
        """Forget tickets that have been resolved for longer than the retention; how many of ``limit`` looked at."""
        forgotten = looked = 0
        for bucket in sorted(self._due):
            if (bucket + 1) * HOUR > wall:
                break
            keys = self._due[bucket]
            while keys and looked < limit:
                looked += 1
                key = keys.pop()
                before = len(self._removed)
                ticket = self._ticket(key, wall)
                if ticket is not None and key not in self._dirty:
                    self._schedule(key, ticket)
                forgotten += len(self._removed) - before
            if keys:
                break
            del self._due[bucket]
        return forgotten

    def drain(self) -> Rows:
        """The changelog rows of everything that has changed since the last call; ``stored`` follows."""
        rows: Rows = []
        for key, ticket in self._removed.items():
            rows += record.removal(key, ticket)
        self._removed = {}
        for key, ticket in self._dirty.items():
            rows += record.changes(key, ticket)
            self._schedule(key, ticket)
            self._keep(key, ticket)
        self._dirty = {}
        stored = self._stored
        for key, value in rows:
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
        return rows

    def ticket(self, source: str, ticket_id: str) -> Ticket | None:
        """A ticket as it is now; not to be changed by the caller."""
        key = record.key_of(source, ticket_id)
        return (
            self._dirty.get(key)
            or self._long.get(key)
            or record.load(key, self._stored, self._rules.max_skew)
        )

    def _ticket(self, key: bytes, wall: int) -> Ticket | None:
        """The ticket under ``key``, unless there is none or it is to be forgotten by now."""
        ticket = self._dirty.get(key) or self._long.get(key) or self._hot.get(key)
        if ticket is None:
            if key in self._removed:
                return None
            ticket = record.load(key, self._stored, self._rules.max_skew)
            if ticket is None or not ticket.timeline:
                return None
            self._keep(key, ticket)
        if ticket.summary.state in _FINAL and self._expiry(ticket) < wall:
            self._forget(key, ticket)
            return None
        return ticket

    def _forget(self, key: bytes, ticket: Ticket) -> None:
        """The ticket leaves table and counts; what it did is older than every window."""
        for measurement in ticket.measurements():
            self.retained.put(measurement[0], measurement[3], -1)
        self._follow(ticket.summary, Summary(0, ticket.summary.labels))
        for place in (self._dirty, self._long, self._hot):
            place.pop(key, None)
        self._removed[key] = ticket

    def _keep(self, key: bytes, ticket: Ticket) -> None:
        if len(ticket.timeline.pages) > _LONG:
            self._long[key] = ticket
            self._hot.pop(key, None)
            return
        hot = self._hot
        if key not in hot and len(hot) >= _HOT:
            del hot[next(iter(hot))]
        hot[key] = ticket

    def _expiry(self, ticket: Ticket) -> int:
        return max(ticket.last_at, ticket.arrived) + self._rules.retention

    def _schedule(self, key: bytes, ticket: Ticket) -> None:
        if ticket.summary.state in _FINAL:
            self._due.setdefault(self._expiry(ticket) // HOUR, []).append(key)

    def _see(self, at: int) -> None:
        if self.newest is None or at > self.newest:
            self.newest = at

    def _change(self, change: Change, now: int) -> None:
        if change.removed:
            self._put(change.removed, -1)
        if change.added:
            self._put(change.added, 1)
        if change.fresh:
            self._tally.count(change.fresh, now)
        self._follow(change.before, change.after)

    def _put(self, measurements: Iterable[Measurement], sign: int) -> None:
        put, total = self.rolling.put, self.retained.put
        for measurement in measurements:
            put(measurement, sign)
            total(measurement[0], measurement[3], sign)

    def _follow(self, before: Summary, after: Summary) -> None:
        self.backlog.move(before, after)
        self.counts.move(before, after)
