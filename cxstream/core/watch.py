"""The watch: SLA clocks as a part of the fold of a ticket's events, and what time does to them after the last one.

Only tickets whose frame has policies are watched. Each transition is put out beside the measurements; the outcomes
by which a target is evaluated are measurements themselves, with the labels in force.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from cxstream.core.clocks import Clocks
from cxstream.core.condition import Traits
from cxstream.core.cycle import BREACHED, CANCELLED, MET, MET_LATE, OUTCOMES, Transition
from cxstream.core.event import (
    VOID_OUTCOMES,
    AgentReplied,
    AnyEvent,
    CustomerReplied,
    Opened,
    Resolved,
    Updated,
)
from cxstream.core.frame import Frame, Labels, sorted_tags
from cxstream.core.pane import evaluation
from cxstream.core.policy import NEXT_REPLY, TARGETS, PolicyHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cxstream.core.calendar import Calendar
    from cxstream.core.measure import Measurement, State, Yield

_PLACE: Final = {MET: 0, BREACHED: 1, MET_LATE: 2}
"""Where an outcome is counted among those of its target."""

_new: Final = tuple.__new__  # twice as fast as calling the class

Moves = list[Transition]

Running = tuple[tuple[int, int, str], ...]
"""Of each running clock its series, its state and the ticket's team."""


def attend(group: Sequence[AnyEvent], moment: int, frame: Frame, state: State, out: Yield) -> None:
    """Let time act up to an instant, then the events of that instant; their labels are in ``state`` by then."""
    policies, before = frame.policies, state.clocks
    if policies is None or (before is not None and before.idle and policies.once):
        return
    for event in group:
        if event.tags is not None:
            state.tags = sorted_tags(event.tags)
    labels, tags = state.labels, frame.tags if state.tags is None else state.tags
    found: list[Transition] = []
    if before is not None:
        clocks = _followed(before, labels, tags, moment, policies, found)
    elif group[0] is frame.opening:  # the first of its instant, by its order
        clocks = _begun(labels, tags, moment, policies)
    else:
        return  # a life that is not known
    for event in _status_first(group) if len(group) > 1 else group:
        act = _ACTS[event.rank]
        if act is not None:
            clocks = act(event, moment, frame, state, clocks, found)
    if clocks is before:
        return
    state.clocks = clocks
    if found or not clocks.running:
        clocks.settle()
    if found:
        out.transitions += found
        out.measurements += evaluations(found, policies)


def _begun(labels: Labels, tags: tuple[str, ...], at: int, history: PolicyHistory) -> Clocks:
    """The clocks of a ticket that is opened at ``at``, before anything has happened."""
    era, traits = history.era(at), _new(Traits, (labels, tags))
    return Clocks(traits, history.of(era).match(traits), era, history.kinds)


def _followed(
    clocks: Clocks, labels: Labels, tags: tuple[str, ...], moment: int, policies: PolicyHistory, out: Moves
) -> Clocks:
    """The clocks after time, and labels and policies, have acted up to an instant; the same if they did nothing."""
    before, traits = clocks, clocks.traits
    change = policies.start(clocks.era + 1) if policies.changes else None
    if (clocks.next is not None and clocks.next < moment) or (change is not None and change < moment):
        clocks = clocks.copy()
        clocks.advance(moment, policies, out)
    if labels is not traits.labels or tags != traits.tags or (change is not None and change <= moment):
        clocks = clocks.copy() if clocks is before else clocks
        clocks.rematch(Traits(labels, tags), moment, policies, out)
    return clocks


def _own(clocks: Clocks, state: State) -> Clocks:
    """The clocks for a change: a copy, unless they are one already; most events change nothing."""
    return clocks.copy() if clocks is state.clocks else clocks


def _status_first(group: Sequence[AnyEvent]) -> list[AnyEvent]:
    """The events of an instant, its last status first: what starts then starts with it, the others never held."""
    statuses = [event for event in group if event.rank == Updated.rank and event.status is not None]  # type: ignore[union-attr]
    return [*statuses[-1:], *(event for event in group if event not in statuses)]


def _open(event: Opened, moment: int, frame: Frame, state: State, clocks: Clocks, out: Moves) -> Clocks:
    customer = event.opened_by == "customer"
    if event is frame.opening:
        clocks.opened(moment, by_customer=customer, asked=frame.asked, out=out)
    elif not clocks.open:
        clocks = _own(clocks, state)
        clocks.reopen(moment, by_customer=customer, out=out)
    return clocks


def _update(event: Updated, moment: int, frame: Frame, state: State, clocks: Clocks, out: Moves) -> Clocks:
    if event.status is not None and frame.policies.pauses:  # type: ignore[union-attr]
        clocks = _own(clocks, state)
        clocks.update(event.status, moment, out)
    return clocks


def _write(_: CustomerReplied, moment: int, __: Frame, state: State, clocks: Clocks, out: Moves) -> Clocks:
    if NEXT_REPLY in clocks.kinds and not (clocks.unanswered and clocks.answering):
        clocks = _own(clocks, state)
        clocks.customer(moment, out)
    return clocks


def _reply(
    event: AgentReplied, moment: int, frame: Frame, state: State, clocks: Clocks, out: Moves
) -> Clocks:
    if frame.policies.of(clocks.era).counts(event):  # type: ignore[union-attr]
        clocks = _own(clocks, state)
        clocks.reply(moment, event.waiting_since, out)
    return clocks


def _resolve(event: Resolved, moment: int, _: Frame, state: State, clocks: Clocks, out: Moves) -> Clocks:
    if clocks.open or not event.automatic:  # else a confirmation
        clocks = _own(clocks, state)
        clocks.resolve(moment, void=event.outcome in VOID_OUTCOMES, out=out)
    return clocks


_ACTS: Final[tuple[Callable[[Any, int, Frame, State, Clocks, Moves], Clocks] | None, ...]] = (
    _open, _update, _write, _reply, _resolve, None
)  # fmt: skip
"""By rank, what an event does to the clocks; what is not changed is given back as it is."""


def evaluations(transitions: Iterable[Transition], policies: PolicyHistory) -> list[Measurement]:
    """The measurements of outcomes; of a clock that is met late the second, beside its breach."""
    return [
        (
            evaluation(policies.code(each.target), _PLACE[each.kind]),
            each.at,
            each.labels,
            0,
            f"{TARGETS[each.target.kind]}/{each.cycle}",
        )
        for each in transitions
        if each.kind in OUTCOMES and (each.counts or (each.kind == MET_LATE and not each.stillborn))
    ]


def business(frame: Frame, state: State, kind: int) -> Calendar | None:
    """The calendar on which the first response or the resolution is measured too; ``None`` if it never closes."""
    if frame.policies is None or state.clocks is None:
        return None
    target = state.clocks.promises[kind]
    calendar = frame.policies.of(state.clocks.era).calendar if target is None else target.calendar
    return None if calendar.always_open else calendar


class Since:
    """What time has done to the clocks of a ticket since its last event; never changed in place."""

    __slots__ = ("clocks", "measurements", "running", "transitions", "upcoming")

    def __init__(
        self,
        clocks: Clocks | None,
        transitions: list[Transition],
        measurements: list[Measurement],
        upcoming: int | None = None,
        running: Running = (),
    ) -> None:
        self.clocks = clocks
        """The clocks as they are then."""
        self.transitions = transitions
        self.measurements = measurements
        self.upcoming = upcoming
        """The next instant at which time will act."""
        self.running = running
        """The clocks that run, as they are counted."""


_NONE: Final[list[Any]] = []
NOTHING_SINCE: Final = Since(None, _NONE, _NONE)


def elapse(frame: Frame, state: State, until: int, known: Since = NOTHING_SINCE) -> Since:
    """Let time act on what the events have left, up to an instant at which more may happen first.

    ``known`` is what held before.
    """
    policies, clocks = frame.policies, state.clocks
    if policies is None or clocks is None:
        return NOTHING_SINCE
    if clocks is known.clocks and (known.upcoming is None or known.upcoming >= until):
        return known
    upcoming = clocks.upcoming(policies)
    if upcoming is None or upcoming >= until:
        return Since(clocks, _NONE, _NONE, upcoming, _running(clocks, policies))
    clocks = clocks.copy()
    found: list[Transition] = []
    clocks.advance(until, policies, found)
    return Since(
        clocks, found, evaluations(found, policies), clocks.upcoming(policies), _running(clocks, policies)
    )


def _running(clocks: Clocks, policies: PolicyHistory) -> Running:
    if not clocks.running:
        return ()
    team = clocks.traits.labels[0]
    return tuple([(policies.code(cycle.target), cycle.state, team) for cycle in clocks.running.values()])


def withdrawn(transitions: Iterable[Transition], moment: int) -> list[Transition]:
    """What is left of the transitions of a void ticket: that its clocks were cancelled by the resolution."""
    return [each for each in transitions if each.kind == CANCELLED and each.at == moment]
