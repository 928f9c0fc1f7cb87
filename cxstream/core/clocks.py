"""The SLA clocks of a ticket: what its events do to them.

Part of the fold of a ticket's events: the clocks that run are carried from event to event, and every transition is put
out. Between two events time itself acts, through timers, hand-offs and changes of the policy; what it does after the
last event is told by :meth:`Clocks.advance` on a copy. The result depends on events, policies and instants alone.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from cxstream.core.condition import Traits
from cxstream.core.cycle import (
    APPLIED,
    BREACHED,
    CANCELLED,
    CHANGED,
    MET,
    MET_LATE,
    PAUSED,
    RESUMED,
    UNUSED,
    Cycle,
    Kept,
    Latent,
    Transition,
    begin,
    claimed,
    moved,
    worked,
)
from cxstream.core.policy import (
    AGENT_WORK,
    FIRST_REPLY,
    FIRST_RESOLUTION,
    NEXT_REPLY,
    PERIODIC_UPDATE,
    REQUESTER_WAIT,
    RESOLUTION,
    Promises,
    Target,
)

if TYPE_CHECKING:
    from cxstream.core.policy import PolicyHistory

_UNTIL_RESOLVED: Final = (REQUESTER_WAIT, AGENT_WORK, RESOLUTION)
"""Targets whose next cycle begins with a reopening and keeps what has elapsed."""

_FROM_OPENING: Final = (*_UNTIL_RESOLVED, FIRST_RESOLUTION)
_REPLIES: Final = (FIRST_REPLY, NEXT_REPLY, PERIODIC_UPDATE)

Out = list[Transition]

_NONE: Final[dict[int, Any]] = {}
"""Most clocks have nothing of most kinds; this they share."""

_when: Final = attrgetter("at")


_FIELDS: Final = (
    "by_customer", "era", "idle", "kept", "kinds", "latent", "next", "numbers", "open", "promises", "reopened",
    "replied", "replied_at", "running", "status", "status_at", "suspended", "traits", "unanswered"
)  # fmt: skip
_all: Final = attrgetter(*_FIELDS)


class Clocks:
    """The clocks of a ticket whose opening is known.

    What is kept by kind is replaced, never changed in place, so that copies share it.
    """

    __slots__ = _FIELDS

    def __init__(self, traits: Traits, promises: Promises, era: int, kinds: frozenset[int]) -> None:
        self.traits = traits
        self.promises = promises
        self.era = era
        """Which of the policies of the history is in force."""
        self.kinds = kinds
        """The kinds of target that any policy promises: no other is worth a clock."""
        self.status = "new"
        self.status_at: int | None = None
        """The moment of the event that said so."""
        self.open = True
        self.by_customer = True
        """A customer opened it."""
        self.replied = False
        """The first reply was made, or made needless by a resolution: from then on it is the next that is awaited."""
        self.unanswered = False
        """The customer has written or reopened since the last reply or resolution."""
        self.reopened = 0
        """The moment of the last opening or reopening."""
        self.replied_at: int | None = None
        self.running: dict[int, Cycle] = _NONE
        """By kind of target."""
        self.numbers: dict[int, int] = _NONE
        """By kind of target the number of its last cycle."""
        self.latent: dict[int, Latent] = _NONE
        """By kind of target a cycle for which nothing is promised, but may be."""
        self.kept: dict[int, Kept] = _NONE
        """By kind of target what its cycles took until now."""
        self.suspended: dict[int, Cycle | Latent] = _NONE
        """First reply and first resolution of a void ticket, which come back with it."""
        self.next: int | None = None
        """The instant of the next timer."""
        self.idle = False
        """Nothing runs, nor would if something were promised or the ticket were void no more."""

    def copy(self) -> Clocks:
        """Return a copy that can go on by itself."""
        other = Clocks(self.traits, self.promises, self.era, self.kinds)
        other.status, other.status_at, other.open = self.status, self.status_at, self.open
        other.by_customer, other.replied, other.unanswered = self.by_customer, self.replied, self.unanswered
        other.reopened, other.replied_at, other.next = self.reopened, self.replied_at, self.next
        other.running, other.numbers, other.latent = self.running, self.numbers, self.latent
        other.kept, other.suspended, other.idle = self.kept, self.suspended, self.idle
        return other

    def same(self, other: Clocks | None) -> bool:
        """Whether what follows comes to the same after both."""
        return self is other or (other is not None and _all(self) == _all(other))

    # -- time

    def advance(self, before: int, history: PolicyHistory, out: Out) -> None:
        """Let time act: timers and changes of the policy before an instant."""
        while (change := history.start(self.era + 1)) is not None and change < before:
            self._fire(change, out)
            self.rematch(self.traits, change, history, out)
        self._fire(before, out)
        self.settle()

    def upcoming(self, history: PolicyHistory) -> int | None:
        """The next instant at which time would act, if no event comes before."""
        if not history.changes:
            return self.next
        change = history.start(self.era + 1) if self.running or self.latent else None
        if change is None or self.next is None:
            return self.next if change is None else change
        return min(self.next, change)

    def _fire(self, before: int, out: Out) -> None:
        labels, start = self.traits.labels, len(out)
        for kind, cycle in self.running.items():
            if cycle.next is not None and cycle.next < before:
                self._run(kind, cycle.fire(before, labels, out))
        if len(out) > start + 1:
            out[start:] = sorted(out[start:], key=_when)

    def rematch(self, traits: Traits, at: int, history: PolicyHistory, out: Out) -> None:
        """Follow labels, tags and policies: what is promised now holds for the open cycles too."""
        era = history.era(at)
        if traits == self.traits and era == self.era:
            return
        self.traits, self.era = traits, era
        promises = history.of(era).match(traits)
        if promises is self.promises:
            return
        self.promises = promises
        for kind, cycle in self.running.items():
            target = promises[kind]
            if target is None:
                self._end(kind, CANCELLED, at, out)
            elif cycle.breached:
                self._run(kind, self._changed(cycle, target, at))
            elif not target.same(cycle.target):
                self._put(kind, self._changed(cycle, target, at), CHANGED, at, out)
        for kind, latent in self.latent.items():
            target = promises[kind]
            if target is not None:
                self.latent = _without(self.latent, kind)
                self._put(kind, claimed(latent, target, at), APPLIED, at, out)

    def _changed(self, cycle: Cycle, target: Target, at: int) -> Cycle:
        """A cycle whose target has changed; of a breached one the outcome stands, only what elapses follows."""
        if cycle.breached:
            target = replace(cycle.target, calendar=target.calendar, pause_on=target.pause_on)
        return moved(cycle, target, at, paused=self.status in target.pause_on)

    # -- events

    def opened(self, at: int, *, by_customer: bool, asked: int, out: Out) -> None:
        """The opening; the first reply is awaited from ``asked`` on."""
        self.reopened, self.by_customer = at, by_customer
        if by_customer:
            self._start(FIRST_REPLY, at, out, since=asked)
        if self.promises[FIRST_REPLY] is None:
            self._start(PERIODIC_UPDATE, at, out)
        for kind in _FROM_OPENING:
            if kind in self.kinds:
                self._start(kind, at, out)

    def reopen(self, at: int, *, by_customer: bool, out: Out) -> None:
        """An explicit reopening; what had elapsed before the resolution is kept."""
        self.open, self.reopened = True, at
        if self.status_at != at:
            self.status = "open"
        self._resume(at, out)
        for kind in _UNTIL_RESOLVED:
            self._start(kind, at, out)
        self.unanswered |= by_customer
        if self.unanswered and self.replied:
            self._start(NEXT_REPLY, at, out)

    def customer(self, at: int, out: Out) -> None:
        """A message of the customer; the oldest unanswered one counts, and on a resolved ticket nothing elapses."""
        if self.open and self.replied and not self.answering:
            self._start(NEXT_REPLY, at, out)
        self.unanswered = True

    @property
    def answering(self) -> bool:
        """Whether a next reply is awaited; if not, that to an unanswered message was cancelled with its promise."""
        return NEXT_REPLY in self.running or NEXT_REPLY in self.latent

    def reply(self, at: int, waiting_since: int | None, out: Out) -> None:
        """A reply that counts."""
        if FIRST_REPLY in self.running:
            self._end(FIRST_REPLY, MET, at, out)
        elif self.replied and self.open and not self.answering:
            self._learn_wait(at, waiting_since, out)
        for kind in (NEXT_REPLY, PERIODIC_UPDATE):
            if kind in self.running:
                self._end(kind, MET, at, out)
        for kind in _REPLIES:
            if kind in self.latent:
                self.latent = _without(self.latent, kind)
        self.replied, self.unanswered, self.replied_at = True, False, at
        if FIRST_REPLY in self.suspended:
            self.suspended = _without(self.suspended, FIRST_REPLY)
        if self.open:
            self._start(PERIODIC_UPDATE, at, out)

    def _learn_wait(self, at: int, waiting_since: int | None, out: Out) -> None:
        """A wait of which only the reply that ends it tells: it ran since then, and may have been too long."""
        if waiting_since is None or waiting_since > at:
            return
        if self.replied_at is not None and waiting_since <= self.replied_at:
            return
        self._start(NEXT_REPLY, max(waiting_since, self.reopened), out)
        self._fire(at, out)

    def resolve(self, at: int, *, void: bool, out: Out) -> None:
        """An effective resolution; an implied reopening before it changes no clock, but for an end to being void."""
        if not void:
            self._resume(at, out)
        for kind, cycle in self.running.items():
            if void or kind in {NEXT_REPLY, PERIODIC_UPDATE}:
                self._end(kind, CANCELLED, at, out)
                if kind in {FIRST_REPLY, FIRST_RESOLUTION}:
                    self.suspended = {**self.suspended, kind: cycle.counted(at)}
            else:
                self._end(kind, MET, at, out, by_resolution=True)
        for kind, latent in self.latent.items():
            if kind in _UNTIL_RESOLVED:
                self.kept = {**self.kept, kind: latent.ended(at)}
            elif void and kind in {FIRST_REPLY, FIRST_RESOLUTION}:
                self.suspended = {**self.suspended, kind: latent.turned(at, self.status)}
        self.latent = _NONE
        self.open = self.unanswered = False
        self.replied |= self.by_customer and not void

    def _resume(self, at: int, out: Out) -> None:
        """Take up the clocks of a ticket that is void no more; nothing has elapsed meanwhile."""
        for kind, cycle in self.suspended.items():
            target = self.promises[kind]
            if isinstance(cycle, Latent):
                latent = cycle.resumed(at, self.status)
                if target is None:
                    self.latent = {**self.latent, kind: latent}
                else:
                    self._put(kind, claimed(latent, target, at), APPLIED, at, out)
            elif target is not None:
                self._put(kind, self._changed(cycle.resumed(at), target, at), APPLIED, at, out)
        self.suspended = _NONE

    def update(self, status: str, at: int, out: Out) -> None:
        """A new status of the ticket: pauses clocks, or lets them run again."""
        self.status, self.status_at = status, at
        for kind, cycle in self.running.items():
            paused = status in cycle.target.pause_on
            if paused == cycle.running:
                changed = cycle.turned(at, running=not paused)
                if cycle.breached:  # nothing is due any more: only what elapses until it is met late
                    self._run(kind, changed)
                else:
                    self._put(kind, changed, PAUSED if paused else RESUMED, at, out)
        for kind, latent in self.latent.items():
            if latent.status != status:
                self.latent = {**self.latent, kind: latent.turned(at, status)}

    # -- cycles

    def _start(self, kind: int, at: int, out: Out, *, since: int | None = None) -> None:
        """Start the next cycle of a target, if there is a promise, or may be."""
        if kind not in self.kinds:
            return
        number = self.numbers.get(kind, 0) + 1
        self.numbers = {**self.numbers, kind: number}
        target, kept = self.promises[kind], self.kept.get(kind, UNUSED)
        if since is not None:
            at = since
        if target is None:
            self.latent = {**self.latent, kind: Latent(number, at, kept, at, self.status)}
            return
        paused = self.status in target.pause_on
        cycle = begin(target, number, at, used=worked(target, kept), passed=kept[1], paused=paused)
        self._put(kind, cycle, APPLIED, at, out)
        if cycle.breached:
            out.append(cycle.transition(BREACHED, at, self.traits.labels))

    def _run(self, kind: int, cycle: Cycle) -> None:
        self.running = {**self.running, kind: cycle}

    def _put(self, kind: int, cycle: Cycle, transition: int, at: int, out: Out) -> None:
        self._run(kind, cycle)
        out.append(cycle.transition(transition, at, self.traits.labels))

    def _end(self, kind: int, transition: int, at: int, out: Out, *, by_resolution: bool = False) -> None:
        """Stop a cycle; one that has been breached is met late."""
        cycle = self.running[kind]
        self.running = _without(self.running, kind)
        if cycle.breached and transition == MET:
            transition = MET_LATE
        ended = cycle.transition(transition, at, self.traits.labels, by_resolution=by_resolution)
        out.append(ended)
        if kind in _UNTIL_RESOLVED:
            self.kept = {**self.kept, kind: (ended.used, ended.passed, ())}

    def settle(self) -> None:
        """Find the next timer, once all that happens at an instant has happened."""
        if not self.running:
            self.next = None
            self.idle = not self.latent and not self.suspended
            return
        upcoming = None
        for cycle in self.running.values():
            at = cycle.next
            if at is not None and (upcoming is None or at < upcoming):
                upcoming = at
        self.next = upcoming
        self.idle = False


def _without(kept: dict[int, Any], kind: int) -> dict[int, Any]:
    return {other: kept[other] for other in kept if other != kind} or _NONE
