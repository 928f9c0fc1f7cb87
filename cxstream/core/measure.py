"""Measurements: what the events of a ticket, in the ticket's order, add up to.

:func:`fold` walks over events instant by instant, carrying a :class:`State`; each transition and each measure is put
out as a :data:`Measurement` at the moment of the event that completes it. The result depends on the events and
the :class:`Frame` alone. See CONTRACT section 2 and ``docs/semantics.md`` for the definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxstream.core.event import (
    VOID_OUTCOMES,
    AgentReplied,
    AnyEvent,
    CustomerReplied,
    Opened,
    Resolved,
    SurveyAnswered,
)
from cxstream.core.frame import Frame, Labels, share, sorted_tags
from cxstream.core.pane import (
    FIRST_RESOLUTION,
    FIRST_RESPONSE,
    FIRST_RESPONSE_BUSINESS,
    OPENED,
    REOPENED,
    RESOLUTION,
    RESOLUTION_BUSINESS,
    RESOLVED,
    RESPONSE,
    answer_code,
)
from cxstream.core.policy import FIRST_REPLY
from cxstream.core.policy import RESOLUTION as RESOLUTION_TARGET
from cxstream.core.survey import classify
from cxstream.core.watch import attend, business

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxstream.core.clocks import Clocks
    from cxstream.core.cycle import Transition

Measurement = tuple[int, int, Labels, int, str]
"""What (codes of :mod:`cxstream.core.pane`), moment, labels, value (ms or billionths), completing event's id."""

SurveyKey = tuple[str, str | None]
"""Survey and survey id: of the answers under one key the last stands."""


class Resolution(NamedTuple):
    """The last effective resolution."""

    moment: int
    at: int
    event_id: str
    labels: Labels
    void: bool
    business: int | None = None
    """Time from the opening on the business clock, ms; ``None`` where there is none, or it would be negative."""


class State:
    """Everything about the past of a ticket that what follows can depend on."""

    __slots__ = (
        "clocks", "first_resolved", "labels", "last_reply", "resolution", "resolved", "tags", "wait", "wait_moves"
    )  # fmt: skip

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        """The labels in force; at first the earliest known."""
        self.resolved = False
        self.first_resolved = False
        self.wait: int | None = None
        """Start of the running wait."""
        self.wait_moves = False
        """The wait began with an opening or a reopening, so that a hand-off shortens it."""
        self.last_reply: int | None = None
        """Time of the previous qualifying reply."""
        self.resolution: Resolution | None = None
        self.clocks: Clocks | None = None
        """The SLA clocks, once the opening is known; replaced, never changed in place."""
        self.tags: tuple[str, ...] | None = None
        """The tags in force, sorted, if any event has said so yet; only with policies."""

    def copy(self) -> State:
        """A copy that can go on by itself."""
        other = State(self.labels)
        other.resolved, other.first_resolved = self.resolved, self.first_resolved
        other.wait, other.wait_moves, other.last_reply = self.wait, self.wait_moves, self.last_reply
        other.resolution, other.clocks, other.tags = self.resolution, self.clocks, self.tags
        return other

    def same(self, other: State) -> bool:
        """Whether what follows comes to the same after both."""
        return (
            self.resolved == other.resolved
            and self.first_resolved == other.first_resolved
            and self.wait == other.wait
            and self.wait_moves == other.wait_moves
            and self.last_reply == other.last_reply
            and self.labels == other.labels
            and self.resolution == other.resolution
            and self.tags == other.tags
            and (other.clocks is None if self.clocks is None else self.clocks.same(other.clocks))
        )

    def agrees(self, event: AnyEvent) -> bool:
        """Whether every label that the event carries is in force already, and its tags where they matter."""
        team, channel, priority, _, kind = self.labels
        return (
            (event.team is None or event.team == team)
            and (event.channel is None or event.channel == channel)
            and (event.priority is None or event.priority == priority)
            and (event.kind is None or event.kind == kind)
            and (event.tags is None or self.clocks is None or sorted_tags(event.tags) == self.tags)
        )

    def learn(self, event: AnyEvent) -> None:
        """Take the labels that an event carries."""
        labels = self.labels
        team, channel, priority, source, kind = labels
        now = (
            event.team or team,
            event.channel or channel,
            event.priority or priority,
            source,
            event.kind or kind,
        )
        if now != labels:  # strings that are the same object compare at once
            self.labels = share(now)


class Yield:
    """What a stretch of events puts out."""

    __slots__ = ("answers", "measurements", "negative", "orphans", "reopened", "replies", "transitions")

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []
        self.transitions: list[Transition] = []
        """Of SLA clocks; those by which a target is evaluated are measurements too."""
        self.answers: dict[SurveyKey, Measurement] = {}
        self.replies = self.reopened = self.negative = self.orphans = 0

    def count(self, other: Yield, sign: int = 1) -> None:
        """Add the counts of another stretch, or take them out."""
        self.replies += sign * other.replies
        self.reopened += sign * other.reopened
        self.negative += sign * other.negative
        self.orphans += sign * other.orphans


def qualifies(event: AnyEvent) -> bool:
    """Whether the event is a qualifying reply: public, and by a human agent."""
    return event.rank == AgentReplied.rank and event.public and event.author == "agent"  # type: ignore[union-attr]


def fold(events: Sequence[AnyEvent], frame: Frame, state: State, out: Yield, *, first: bool) -> None:
    """Fold a stretch of events, sorted by (at, rank, event_id), into ``state`` and ``out``, both changed in place.

    ``first`` says that the stretch begins the ticket. The events of one instant must come in one stretch, and
    so must all up to the opening.
    """
    opening, index, count = frame.opening, 0, len(events)
    take = _HELD if opening is None else _TAKEN
    if first and opening is not None and events[0] is not opening:
        index = _prefix(events, frame, opening, state, out)
    while index < count:
        event = events[index]
        moment, index = event.at, index + 1
        if index == count or events[index].at != moment:  # alone in its instant, the usual case
            step(event, frame, state, out)
            continue
        start = index - 1
        while index < count and events[index].at == moment:
            index += 1
        _instant(events[start:index], moment, frame, state, out, take)


def step(event: AnyEvent, frame: Frame, state: State, out: Yield) -> None:
    """Fold an event that is alone in its instant and does not precede the opening."""
    moment = event.at
    state.learn(event)
    if frame.policies is not None:
        attend((event,), moment, frame, state, out)
    (_HELD if frame.opening is None else _TAKEN)[event.rank](event, moment, frame, state, out)


def _prefix(events: Sequence[AnyEvent], frame: Frame, opening: Opened, state: State, out: Yield) -> int:
    """Fold everything up to the opening's instant: what is too old, the opening, what was dated before it."""
    start, oldest = opening.at, opening.at - frame.skew
    index = old = 0
    while events[old].at < oldest:
        old += 1
    while index < old:
        moment, begin = events[index].at, index
        while events[index].at == moment:
            index += 1
        _instant(events[begin:index], moment, frame, state, out, _HELD)
    while events[index].at < start:
        index += 1
    last = index
    while last < len(events) and events[last].at == start:
        last += 1
    _instant([opening, *events[old:index], *events[index + 1 : last]], start, frame, state, out, _TAKEN)
    return last


def _instant(
    group: Sequence[AnyEvent], moment: int, frame: Frame, state: State, out: Yield, take: Sequence[Take]
) -> None:
    """Fold the events of one instant, in the ticket's order: first all their labels, then what they do."""
    for event in group:
        state.learn(event)
    attend(group, moment, frame, state, out)
    for event in group:
        take[event.rank](event, moment, frame, state, out)


def _label(event: AnyEvent, moment: int, frame: Frame, state: State, out: Yield) -> None:
    """Nothing but labels, which have been learned before."""


def _hold(event: AnyEvent, moment: int, frame: Frame, state: State, out: Yield) -> None:  # noqa: ARG001
    """A reply or resolution of a life whose opening is not known."""
    if event.rank == Resolved.rank or qualifies(event):
        out.orphans += 1


def _answer(event: SurveyAnswered, moment: int, frame: Frame, state: State, out: Yield) -> None:  # noqa: ARG001
    category, points = classify(
        event.survey, event.score, event.scale_min, event.scale_max, event.higher_is_better
    )
    key = (event.survey, event.survey_id)
    out.answers[key] = (answer_code(event.survey, category), moment, state.labels, points, event.event_id)


def _wait(event: CustomerReplied, moment: int, frame: Frame, state: State, out: Yield) -> None:  # noqa: ARG001
    if state.wait is None:
        state.wait, state.wait_moves = event.at, False


def _open(event: Opened, moment: int, frame: Frame, state: State, out: Yield) -> None:
    if event is frame.opening:
        out.measurements.append((OPENED, moment, state.labels, 0, event.event_id))
    elif state.resolved:
        out.measurements.append((REOPENED, moment, state.labels, 0, event.event_id))
        out.reopened += 1
        state.resolved = False
    else:
        return
    if event.opened_by == "customer" and state.wait is None:
        state.wait, state.wait_moves = event.at, True


def _reply(event: AgentReplied, moment: int, frame: Frame, state: State, out: Yield) -> None:
    """First response and response time of a qualifying reply (CONTRACT section 2)."""
    if not event.public or event.author != "agent":
        return
    at, previous, opening, labels = event.at, state.last_reply, frame.opening, state.labels
    negative = False
    if previous is None and opening is not None and opening.opened_by == "customer":
        taken = at - (frame.since(opening.at, at) if frame.handoffs else opening.at)
        if taken < 0:
            negative = True
        else:
            out.measurements.append((FIRST_RESPONSE, moment, labels, taken, event.event_id))
            calendar = business(frame, state, FIRST_REPLY)
            if calendar is not None:
                worked = calendar.elapsed(at - taken, at)
                out.measurements.append((FIRST_RESPONSE_BUSINESS, moment, labels, worked, event.event_id))
    start = event.waiting_since
    if start is None or (previous is not None and start <= previous):
        start = state.wait
        if start is not None and state.wait_moves and frame.handoffs:
            start = frame.since(start, at)
    if start is not None:
        taken = at - start
        if taken < 0:
            negative = True
        else:
            out.measurements.append((RESPONSE, moment, labels, taken, event.event_id))
    out.negative += negative
    out.replies += 1
    state.wait = None
    state.last_reply = at


def _resolve(event: Resolved, moment: int, frame: Frame, state: State, out: Yield) -> None:
    """An effective resolution, an implied reopening before it, or nothing at all for a confirmation."""
    labels = state.labels
    if state.resolved:
        if event.automatic:
            return
        out.measurements.append((REOPENED, moment, labels, 0, event.event_id))
        out.reopened += 1
    out.measurements.append((RESOLVED, moment, labels, 0, event.event_id))
    taken = event.at - frame.opening.at  # type: ignore[union-attr]
    out.negative += taken < 0
    void = event.outcome in VOID_OUTCOMES
    if not void and not state.first_resolved:
        state.first_resolved = True
        if taken >= 0:
            out.measurements.append((FIRST_RESOLUTION, moment, labels, taken, event.event_id))
    state.resolved = True
    state.wait = None
    calendar = business(frame, state, RESOLUTION_TARGET)
    worked = None if calendar is None or taken < 0 else calendar.elapsed(event.at - taken, event.at)
    state.resolution = Resolution(moment, event.at, event.event_id, labels, void, worked)


Take = Callable[[Any, int, Frame, State, Yield], None]
"""What an event of one topic does at its moment; the labels of its instant are in ``state`` by then."""

_TAKEN: Final[tuple[Take, ...]] = (_open, _label, _wait, _reply, _resolve, _answer)
"""By rank, of a ticket whose opening is known."""
_HELD: Final[tuple[Take, ...]] = (_label, _label, _label, _hold, _hold, _answer)
"""By rank, of a life whose opening is not known: labels and surveys count, replies and resolutions are held."""


def conclude(frame: Frame, state: State) -> tuple[Measurement, ...]:
    """The resolution time of a ticket that is resolved now, and that on the business clock."""
    last = state.resolution
    if frame.opening is None or last is None or not state.resolved or last.void or last.at < frame.opening.at:
        return ()
    taken = (RESOLUTION, last.moment, last.labels, last.at - frame.opening.at, last.event_id)
    if last.business is None:
        return (taken,)
    return (taken, (RESOLUTION_BUSINESS, last.moment, last.labels, last.business, last.event_id))
