"""The ledger: all state of one partition.

Facts of tickets, windows, backlog and counts, driven by events and instants that are given to it: no Kafka, no
clock. The stream, the audit and the tests drive the same object. Giving a partition away is dropping its ledger,
taking one is building it from the ticket table.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from cxstream.core import record
from cxstream.core.backlog import Backlog
from cxstream.core.change import NOTHING, RESOLVED_NOW, UNKNOWN, VOID
from cxstream.core.counts import Counts
from cxstream.core.deadline import Deadlines
from cxstream.core.rolling import Rolling
from cxstream.core.rules import HOUR
from cxstream.core.ticket import Ticket
from cxstream.core.timer import Timers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.core.change import Change
    from cxstream.core.cycle import Transition
    from cxstream.core.event import AnyEvent
    from cxstream.core.pane import Cell
    from cxstream.core.record import Rows
    from cxstream.core.rules import Rules
    from cxstream.core.tally import Result, Tally
    from cxstream.core.watch import Running

_LONG: Final = 8
"""Pages from which on a ticket is always kept decoded, so that no event pays for reading them all."""

_FINAL: Final = (RESOLVED_NOW, VOID, UNKNOWN)
"""States in which a ticket may be forgotten."""


class Move(NamedTuple):
    """A transition of an SLA clock of a ticket, with the ticket's tags."""

    source: str
    ticket_id: str
    tags: tuple[str, ...]
    transition: Transition
    disproved: bool
    """It is an outcome that is none any more."""


class Ledger:
    """All state of one partition; ``stored``, its part of the ticket table, is changed in :meth:`drain` only."""

    def __init__(
        self,
        rules: Rules,
        tally: Tally,
        stored: dict[bytes, bytes],
        now: int = 0,
        *,
        tells: bool = False,
        lists: bool = False,
        decoded: int = 4_000,
    ) -> None:
        """``tells`` keeps the transitions of SLA clocks for :meth:`take_moves`; else nobody takes them.

        ``lists`` keeps :attr:`deadlines`, by which single tickets are found. ``decoded`` is how many tickets, at least,
        are kept decoded although nothing of them is waiting to be written; at most twice as many, some 5 kB each.
        """
        self.rolling = Rolling(rules, now)
        self.backlog = Backlog(rules)
        self.counts = Counts()
        self.clocks: Counter[tuple[int, int, str]] = Counter()
        """SLA clocks that run, by series, state and team; zeros stay."""
        self.deadlines = Deadlines() if lists else None
        """Single tickets by deadline, if they are listed."""
        self.newest: int | None = None
        """The latest time of an event, ms."""
        self._rules = rules
        self._retention = rules.retention
        self._tally = tally
        self._stored = stored
        self._dirty: dict[bytes, Ticket] = {}
        # Two generations: a full one becomes the elder and the elder is dropped, at no cost per ticket.
        self._generation = decoded
        self._hot: dict[bytes, Ticket] = {}
        self._warm: dict[bytes, Ticket] = {}
        self._long: dict[bytes, Ticket] = {}
        self._removed: dict[bytes, Ticket] = {}
        self._due: dict[int, list[bytes]] = {}
        self._timers = Timers()
        self._moves: list[Move] = []
        self._tells = tells

    @property
    def changed(self) -> int:
        """Tickets waiting for :meth:`drain`."""
        return len(self._dirty) + len(self._removed)

    @property
    def retained(self) -> Cell:
        """All measurements of the tickets that are kept, whenever they were made."""
        return self.rolling.whole

    def rebuild(self, now: int, *, chunk: int = 200) -> Iterator[int]:
        """Build windows, backlog and counts from the stored tickets.

        Yields the number of tickets done every ``chunk``, so that the caller can let others run.
        """
        self.rolling.advance(now)
        done = 0
        timers: list[tuple[int, bytes]] = []
        for key in list(self._stored):
            if key[:1] != b"t":
                continue
            done += 1
            ticket = record.load(key, self._stored, self._rules.max_skew, self._rules.policies)
            if ticket is not None and ticket.timeline:
                self.rolling.put(ticket.measurements())
                self.backlog.move(NOTHING, ticket.summary)
                self.counts.move(NOTHING, ticket.summary)
                self._see(ticket.last_at)
                self._schedule(key, ticket)
                self.clocks.update(ticket.running)
                if self.deadlines is not None:
                    self.deadlines.follow(key, ticket.clocks)
                if ticket.upcoming is not None:
                    timers.append((ticket.upcoming, key))
                if len(ticket.timeline.pages) > _LONG:
                    self._long[key] = ticket
            if done % chunk == 0:
                yield done
        self._timers = Timers(timers)
        yield done

    def apply(self, source: str, ticket_id: str, event: AnyEvent, *, now: int, arrived: int) -> Result:
        """Merge an event; ``now`` is the instant of the worker's clock, ``arrived`` that of the wall clock, ms."""
        key = record.key_of(source, ticket_id)
        ticket = self._dirty.get(key) or self._hot.get(key)
        if ticket is None or ticket.arrived + self._retention < arrived:
            rules = self._rules
            ticket = self._ticket(key, arrived) or Ticket(
                source, ticket_id, rules.max_skew, policies=rules.policies
            )
        before = ticket.summary
        since = ticket.since
        change = ticket.insert(event)
        if change is None:
            return "duplicate"
        self._dirty[key] = ticket
        ticket.arrived = max(ticket.arrived, arrived)
        at = event.at
        if self.newest is None or at > self.newest:
            self.newest = at
        self._count(ticket, change, now)
        if ticket.since is not since:
            self._watch(key, ticket, since.running, since.upcoming)
        after = ticket.summary
        if after != before:
            self.backlog.move(before, after)
            self.counts.move(before, after)
        if change.copies:
            return "duplicate"
        if after.orphans > before.orphans:
            return "orphan"
        return "applied" if at >= self.rolling.horizon else "late"

    def fire(self, now: int, limit: int = 500) -> int:
        """Let time act on the SLA clocks up to ``now``; how many of at most ``limit`` tickets were looked at.

        To be called again until that is less than ``limit``; :attr:`due` says when there will be more to do.
        """
        for looked in range(limit):
            key = self._timers.take(now)
            if key is None:
                return looked
            ticket = self._decoded(key) or self._load(key)
            if ticket is None:
                continue
            running = ticket.running
            change = ticket.fire(now)
            if change is not None:
                self._dirty[key] = ticket
                self._count(ticket, change, now)
            self._watch(key, ticket, running, None)
        return limit

    @property
    def due(self) -> int | None:
        """The instant from which on :meth:`fire` has something to do."""
        return self._timers.next

    def take_moves(self) -> list[Move]:
        """The transitions of SLA clocks since the last call; they belong to the rows of the next :meth:`drain`."""
        moves, self._moves = self._moves, []
        return moves

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
                if ticket is not None:
                    ticket.due = 0
                    self._schedule(key, ticket)
                forgotten += len(self._removed) - before
            if keys:
                break
            del self._due[bucket]
        return forgotten

    def drain(self) -> Rows:
        """The changelog rows of everything that has changed since the last call; ``stored`` follows."""
        rows: Rows = []
        removed, self._removed = self._removed, {}
        dirty, self._dirty = self._dirty, {}
        for key, ticket in removed.items():
            rows += record.removal(key, ticket)
        stored, only = self._stored, record.only
        for key, ticket in dirty.items():
            # A ticket that has come back after it was forgotten keeps nothing of its former life.
            before = {} if removed and key in removed else stored
            value = only(ticket, before.get(key))
            if value is not None:
                rows.append((key, value))
            else:
                rows += record.changes(key, ticket, before)
                if len(ticket.timeline.pages) > _LONG:
                    self._long[key] = ticket
            if ticket.summary.state in _FINAL:
                self._schedule(key, ticket)
        self._hot.update(dirty)
        if len(self._hot) > self._generation:
            self._warm, self._hot = self._hot, {}
        for key, value in rows:
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
        return rows

    def ticket(self, source: str, ticket_id: str) -> Ticket | None:
        """A ticket as it is now; not to be changed by the caller."""
        key = record.key_of(source, ticket_id)
        return self._decoded(key) or record.load(
            key, self._stored, self._rules.max_skew, self._rules.policies
        )

    def _decoded(self, key: bytes) -> Ticket | None:
        return self._dirty.get(key) or self._hot.get(key) or self._warm.get(key) or self._long.get(key)

    def _ticket(self, key: bytes, wall: int) -> Ticket | None:
        """The ticket under ``key``, unless there is none or it is to be forgotten by now."""
        ticket = self._decoded(key)
        if ticket is None:
            ticket = self._load(key)
            if ticket is None:
                return None
        if ticket.summary.state in _FINAL and self._expiry(ticket) < wall:
            self._forget(key, ticket)
            return None
        return ticket

    def _forget(self, key: bytes, ticket: Ticket) -> None:
        """The ticket leaves table and counts; what it did is older than every window."""
        retained = self.retained
        for measurement in ticket.measurements():
            retained.put(measurement[0], measurement[3], -1)
        self.backlog.move(ticket.summary, NOTHING)
        self.counts.move(ticket.summary, NOTHING)
        self.clocks.subtract(ticket.running)
        if self.deadlines is not None:
            self.deadlines.follow(key, None)
        for place in (self._dirty, self._hot, self._warm, self._long):
            place.pop(key, None)
        self._removed[key] = ticket

    def _expiry(self, ticket: Ticket) -> int:
        return max(ticket.last_at, ticket.arrived) + self._retention

    def _schedule(self, key: bytes, ticket: Ticket) -> None:
        if ticket.summary.state in _FINAL:
            due = self._expiry(ticket) // HOUR
            if due != ticket.due:
                ticket.due = due
                self._due.setdefault(due, []).append(key)

    def _load(self, key: bytes) -> Ticket | None:
        """A ticket that is not kept decoded, and is from now on."""
        if key in self._removed:
            return None
        ticket = record.load(key, self._stored, self._rules.max_skew, self._rules.policies)
        if ticket is None or not ticket.timeline:
            return None
        self._hot[key] = ticket
        return ticket

    def _count(self, ticket: Ticket, change: Change, now: int) -> None:
        """Put what an event or time has changed into windows and counts, and keep what is to be told."""
        if change.added or change.removed:
            self.rolling.put(change.added, change.removed)
            if change.fresh:
                self._tally.count(change.fresh, now)
        if self._tells and (change.transitions or change.disproved):
            source, ticket_id = ticket.frame.source, ticket.ticket_id
            tags = () if ticket.clocks is None else ticket.clocks.traits.tags
            self._moves += [Move(source, ticket_id, tags, each, True) for each in change.disproved]
            self._moves += [Move(source, ticket_id, tags, each, False) for each in change.transitions]

    def _watch(self, key: bytes, ticket: Ticket, running: Running, upcoming: int | None) -> None:
        """Follow the clocks of a ticket: count them, and look at it again when time will act on one."""
        after = ticket.running
        if after != running:
            for clock in running:
                self.clocks[clock] -= 1
            for clock in after:
                self.clocks[clock] += 1
        if self.deadlines is not None:
            self.deadlines.follow(key, ticket.clocks)
        at = ticket.upcoming
        if at is not None and (upcoming is None or at < upcoming):
            self._timers.enter(at, key)

    def _see(self, at: int) -> None:
        if self.newest is None or at > self.newest:
            self.newest = at
