"""A cycle: one run of an SLA clock, from what starts it to what stops it, and its transitions.

A cycle is never changed in place: what happens to it gives a new one. The deadline decides: whoever stops a cycle has
let its timers fire up to that instant before, so one that is not breached yet is met. At one instant events precede
timers.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from cxstream.core.policy import FIRST_REPLY, Target

if TYPE_CHECKING:
    from cxstream.core.frame import Labels

TRANSITIONS: Final = (
    "sla.applied",
    "sla.changed",
    "sla.paused",
    "sla.resumed",
    "sla.warning",
    "sla.breached",
    "sla.met",
    "sla.met_late",
    "sla.cancelled",
)
APPLIED, CHANGED, PAUSED, RESUMED, WARNING, BREACHED, MET, MET_LATE, CANCELLED = range(9)
OUTCOMES: Final = (BREACHED, MET, MET_LATE)
"""What a late event can disprove."""

OK, AT_RISK, OVERDUE = range(3)
STATES: Final = ("ok", "at_risk", "breached")
"""States of a running clock, by their numbers."""


_new: Final = tuple.__new__  # twice as fast as calling the class


class Transition(NamedTuple):
    """Something that happened to a cycle; instants and durations in ms."""

    kind: int
    """Index into :data:`TRANSITIONS`."""
    target: Target
    cycle: int
    at: int
    """When it took effect."""
    started: int
    due: int | None
    used: int
    """Business time elapsed then, with that of earlier cycles where it is kept."""
    passed: int
    """The same as time of the clock on the wall."""
    labels: Labels
    by_resolution: bool = False
    """Stopped by a resolution."""

    @property
    def counts(self) -> bool:
        """Whether it is the one outcome by which the cycle is evaluated: not of one reopened with no time left."""
        return (self.kind == BREACHED and not self.stillborn) or (self.kind == MET and not self.needless)

    @property
    def stillborn(self) -> bool:
        """Whether it is the breach, or the end after it, of a cycle that had no time left when it began."""
        return (
            self.started == self.due
            and self.kind in {BREACHED, MET_LATE}
            and self.passed > self.at - self.started
        )

    @property
    def needless(self) -> bool:
        """Whether it is a first reply that a resolution stopped."""
        return self.by_resolution and self.target.kind == FIRST_REPLY and self.kind in {MET, MET_LATE}

    @property
    def key(self) -> tuple[int, int, int, int]:
        """What makes it the same transition, whatever its details: target, cycle, kind, instant."""
        return (self.target.kind, self.cycle, self.kind, self.at)


Stretch = tuple[int, int, str]
"""From, to, and the status of the ticket between them."""

Kept = tuple[int, int, tuple[Stretch, ...]]
"""What the cycles of a target took until now: business time, time of the clock on the wall, and stretches whose
business time is not known, since nothing was promised yet."""

UNUSED: Final[Kept] = (0, 0, ())


class Latent(msgspec.Struct, frozen=True, gc=False):
    """A cycle for which nothing is promised so far; once something is, it counts from its start."""

    number: int
    started: int
    kept: Kept
    """Of earlier cycles, and the stretches of this one up to ``mark``."""
    mark: int
    status: str
    """The ticket's status from ``mark`` on."""

    def until(self, at: int) -> Kept:
        """The same with the stretch up to ``at``."""
        used, passed, stretches = self.kept
        return (used, passed, (*stretches, (self.mark, at, self.status)) if at > self.mark else stretches)

    def turned(self, at: int, status: str) -> Latent:
        """The same from a new status on."""
        return Latent(self.number, self.started, self.until(at), max(self.mark, at), status)

    def resumed(self, at: int, status: str) -> Latent:
        """The same after it was suspended from ``mark`` on: nothing has elapsed meanwhile."""
        used, passed, stretches = self.kept
        gap = max(at - self.mark, 0)
        return Latent(self.number, self.started, (used, passed - gap, stretches), max(self.mark, at), status)

    def ended(self, at: int) -> Kept:
        """What is kept of it."""
        used, passed, stretches = self.until(at)
        return (used, passed + max(at - self.started, 0), stretches)


_FIELDS: Final = (
    "breached", "due", "mark", "next", "number", "passed", "running", "started", "step", "target", "used"
)  # fmt: skip
_all: Final = attrgetter(*_FIELDS)


class Cycle:
    """A running clock."""

    __slots__ = _FIELDS

    def __init__(
        self,
        target: Target,
        number: int,
        started: int,
        used: int,
        passed: int,
        mark: int,
        running: bool,
        step: int,
    ) -> None:
        self.target = target
        self.number = number
        """1 for the first of its target."""
        self.started = started
        self.used = used
        """Business time elapsed at ``mark``, ms."""
        self.passed = passed
        """Time of the clock on the wall that earlier cycles took, less that in which this one was suspended, ms."""
        self.mark = mark
        """The instant up to which ``used`` has been counted; it can lie ahead, if the clock has yet to start."""
        self.running = running
        """Whether it runs from ``mark`` on; else a status pauses it."""
        self.step = step
        """How many of the target's steps have been passed."""
        self.breached = False
        self.due: int | None = None
        """The earliest instant where the time elapsed is the target's; ``None`` while paused."""
        self.next: int | None = None
        """The instant of the next warning or of the breach."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cycle) and _all(self) == _all(other)

    def __hash__(self) -> int:
        return hash((self.target.kind, self.number, self.started))

    def copy(self) -> Cycle:
        """A copy, to be changed before anybody else sees it."""
        other = Cycle(
            self.target, self.number, self.started, self.used, self.passed, self.mark, self.running, self.step
        )
        other.breached, other.due, other.next = self.breached, self.due, self.next
        return other

    @property
    def state(self) -> int:
        """One of :data:`STATES`."""
        if self.breached:
            return OVERDUE
        return AT_RISK if self.step else OK

    def timed(self) -> Cycle:
        """The same with ``due`` and ``next`` worked out; a breached one keeps its deadline."""
        if self.breached:
            cycle = self.copy()
            cycle.next = None
            return cycle
        return _timed(
            self.target, self.number, self.started, self.used, self.passed, self.mark, self.running, self.step
        )

    def elapsed(self, at: int) -> int:
        """Business time elapsed at an instant, ms; none after ``mark`` up to there."""
        if at <= self.mark or not self.running:
            return self.used
        return self.used + self.target.calendar.elapsed(self.mark, at)

    def counted(self, at: int) -> Cycle:
        """The same with the time up to ``at`` counted."""
        cycle = self.copy()
        cycle.used, cycle.mark = self.elapsed(at), max(self.mark, at)
        return cycle

    def resumed(self, at: int) -> Cycle:
        """The same, at rest, after it was suspended from ``mark`` on: nothing has elapsed meanwhile."""
        cycle = self.copy()
        cycle.running = False
        if at > self.mark:
            cycle.mark, cycle.passed = at, self.passed - (at - self.mark)
        return cycle

    def turned(self, at: int, *, running: bool) -> Cycle:
        """The same with the time up to ``at`` counted, running or paused from there on."""
        cycle = self.counted(at)
        cycle.running = running
        return cycle.timed()

    def fire(self, before: int, labels: Labels, out: list[Transition]) -> Cycle:
        """What timers before an instant do, one after the other: the transitions, and the cycle as it is then."""
        cycle, steps = self, self.target.steps
        while (at := cycle.next) is not None and at < before:
            if cycle.step < len(steps):
                cycle = _timed(
                    cycle.target, cycle.number, cycle.started, cycle.used, cycle.passed, cycle.mark,
                    cycle.running, cycle.step + 1,
                )  # fmt: skip
                out.append(cycle.transition(WARNING, at, labels))
            else:
                cycle = cycle.copy()
                cycle.breached, cycle.next = True, None
                out.append(cycle.transition(BREACHED, at, labels))
        return cycle

    def transition(self, kind: int, at: int, labels: Labels, *, by_resolution: bool = False) -> Transition:
        """Make a transition of this cycle."""
        started = self.started
        passed = self.passed if at <= started else self.passed + at - started
        if at < started and kind != APPLIED:
            started = at
        return _new(
            Transition,
            (
                kind,
                self.target,
                self.number,
                at,
                started,
                self.due,
                self.elapsed(at),
                passed,
                labels,
                by_resolution,
            ),
        )


def _timed(
    target: Target, number: int, started: int, used: int, passed: int, mark: int, running: bool, step: int
) -> Cycle:
    """A cycle that is not breached, with ``due`` and ``next``: the earliest instants, not before ``mark``."""
    amount, steps, due_in = target.amount, target.steps, target.calendar.due
    due = due_in(mark, amount - used) if running else (mark if amount <= used else None)
    if step == len(steps):
        upcoming = due
    elif running:
        upcoming = due_in(mark, steps[step] - used)
    else:
        upcoming = mark if steps[step] <= used else None
    cycle = Cycle(target, number, started, used, passed, mark, running, step)
    cycle.due, cycle.next = due, upcoming
    return cycle


def worked(target: Target, kept: Kept) -> int:
    """Business time of all that was kept, on the calendar and with the pauses of what is promised now, ms."""
    used, _, stretches = kept
    if not stretches:
        return used
    return used + sum(
        target.calendar.elapsed(start, end)
        for start, end, status in stretches
        if status not in target.pause_on
    )


def begin(
    target: Target, number: int, at: int, *, used: int = 0, passed: int = 0, paused: bool = False
) -> Cycle:
    """A cycle that starts at ``at`` with what earlier ones have used; without time left it is breached at once."""
    if used >= target.amount:
        cycle = Cycle(target, number, at, used, passed, at, not paused, len(target.steps))
        cycle.breached, cycle.due = True, at
        return cycle
    return _timed(
        target, number, at, used, passed, at, not paused, bisect_right(target.steps, used) if used else 0
    )


def moved(cycle: Cycle, target: Target, at: int, *, paused: bool) -> Cycle:
    """A cycle whose target has changed: what has elapsed stays, the deadline follows."""
    changed = cycle.counted(at)
    changed.target, changed.running = target, not paused
    changed.step = bisect_right(target.steps, changed.used)
    return changed.timed()


def claimed(latent: Latent, target: Target, at: int) -> Cycle:
    """A cycle of which something is promised from ``at`` on: what has elapsed since its start counts."""
    used = worked(target, latent.until(at))
    running, step = latent.status not in target.pause_on, bisect_right(target.steps, used)
    mark = max(latent.mark, at)
    return _timed(target, latent.number, latent.started, used, latent.kept[1], mark, running, step)
