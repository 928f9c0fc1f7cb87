"""Measurements: what the events of a ticket, in the ticket's order, add up to.

:func:`fold` walks over events instant by instant, carrying a :class:`State`; each transition and each measure is put
out as a :data:`Measurement` at the moment of the event that completes it. The result depends on the events and
the :class:`Frame` alone. See CONTRACT section 2 and ``docs/semantics.md`` for the definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cxstream.core.event import (
    VOID_OUTCOMES,
    AgentReplied,
    AnyEvent,
    CustomerReplied,
    Opened,
    Resolved,
    SurveyAnswered,
)
from cxstream.core.frame import NONE, Frame, Labels
from cxstream.core.pane import (
    FIRST_RESOLUTION,
    FIRST_RESPONSE,
    OPENED,
    REOPENED,
    RESOLUTION,
    RESOLVED,
    RESPONSE,
    answer_code,
)
from cxstream.core.survey import classify

if TYPE_CHECKING:
    from collections.abc import Sequence

Measurement = tuple[int, int, Labels, int, str]
"""What (codes of :mod:`cxstream.core.pane`), moment, labels, value (ms or billionths), completing event's id."""

SurveyKey = tuple[str, str | None]
"""Survey and survey id: of the answers under one key the last stands."""


class Resolution(msgspec.Struct, gc=False):
    """The last effective resolution."""

    moment: int
    at: int
    event_id: str
    labels: Labels
    void: bool


class State(msgspec.Struct, gc=False):
    """Everything about the past of a ticket that what follows can depend on."""

    team: str | None = None
    channel: str | None = None
    priority: str | None = None
    kind: str | None = None
    resolved: bool = False
    first_resolved: bool = False
    wait: int | None = None
    """Start of the running wait."""
    wait_moves: bool = False
    """The wait began with an opening or a reopening, so that a hand-off shortens it."""
    last_reply: int | None = None
    """Time of the previous qualifying reply."""
    resolution: Resolution | None = None

    def copy(self) -> State:
        """A copy that can go on by itself (resolutions are never changed in place)."""
        return State(
            self.team,
            self.channel,
            self.priority,
            self.kind,
            self.resolved,
            self.first_resolved,
            self.wait,
            self.wait_moves,
            self.last_reply,
            self.resolution,
        )

    def labels(self, frame: Frame) -> Labels:
        """The labels in force, with the earliest known where none is yet."""
        team, channel, priority, kind = frame.earliest
        return (
            self.team or team or NONE,
            self.channel or channel or NONE,
            self.priority or priority or NONE,
            frame.source,
            self.kind or kind or NONE,
        )

    def agrees(self, event: AnyEvent) -> bool:
        """Whether every label that the event carries is in force already."""
        return (
            (event.team is None or event.team == self.team)
            and (event.channel is None or event.channel == self.channel)
            and (event.priority is None or event.priority == self.priority)
            and (event.kind is None or event.kind == self.kind)
        )

    def learn(self, event: AnyEvent) -> None:
        """Take the labels that an event carries."""
        if event.team is not None:
            self.team = event.team
        if event.channel is not None:
            self.channel = event.channel
        if event.priority is not None:
            self.priority = event.priority
        if event.kind is not None:
            self.kind = event.kind


class Yield(msgspec.Struct, gc=False):
    """What a stretch of events puts out."""

    measurements: list[Measurement] = []
    answers: dict[SurveyKey, Measurement] = {}
    replies: int = 0
    reopened: int = 0
    negative: int = 0
    orphans: int = 0

    def count(self, other: Yield, sign: int = 1) -> None:
        """Add the counts of another stretch, or take them out."""
        self.replies += sign * other.replies
        self.reopened += sign * other.reopened
        self.negative += sign * other.negative
        self.orphans += sign * other.orphans


def qualifies(event: AnyEvent) -> bool:
    """Whether the event is a qualifying reply: public, and by a human agent."""
    return event.rank == AgentReplied.rank and event.public and event.author == "agent"  # type: ignore[union-attr]


def fold(events: Sequence[AnyEvent], frame: Frame, state: State, *, first: bool) -> Yield:
    """Fold a stretch of events, sorted by (at, rank, event_id), into ``state``, which is changed in place.

    ``first`` says that the stretch begins the ticket. The events of one instant must come in one stretch, and
    so must all up to the opening.
    """
    out = Yield()
    opening, index = frame.opening, 0
    if first and opening is not None:
        index = _prefix(events, frame, opening, state, out)
    while index < len(events):
        index = _step(events, index, frame, state, out, known=opening is not None)
    return out


def _prefix(events: Sequence[AnyEvent], frame: Frame, opening: Opened, state: State, out: Yield) -> int:
    """Fold everything up to the opening's instant: what is too old, the opening, what was dated before it."""
    start, oldest = opening.at, opening.at - frame.skew
    index = 0
    while events[index].at < oldest:
        index = _step(events, index, frame, state, out, known=False)
    skewed = index
    while events[index].at < start:
        index += 1
    last = index
    while last < len(events) and events[last].at == start:
        last += 1
    _instant([opening, *events[skewed:index], *events[index + 1 : last]], start, frame, state, out)
    return last


def _step(
    events: Sequence[AnyEvent], index: int, frame: Frame, state: State, out: Yield, *, known: bool
) -> int:
    """Fold the events of the instant that begins at ``index``; the index of the next instant."""
    moment, last = events[index].at, index + 1
    while last < len(events) and events[last].at == moment:
        last += 1
    group = events[index:last]
    if known:
        _instant(group, moment, frame, state, out)
    else:
        _unknown(group, moment, frame, state, out)
    return last


def _unknown(group: Sequence[AnyEvent], moment: int, frame: Frame, state: State, out: Yield) -> None:
    """Events of a life whose opening is not known: labels and surveys count, replies and resolutions are held."""
    for event in group:
        state.learn(event)
    for event in group:
        if event.rank == SurveyAnswered.rank:
            _answer(event, moment, state.labels(frame), out)  # type: ignore[arg-type]
        elif event.rank == Resolved.rank or qualifies(event):
            out.orphans += 1


def _answer(event: SurveyAnswered, moment: int, labels: Labels, out: Yield) -> None:
    category, points = classify(
        event.survey, event.score, event.scale_min, event.scale_max, event.higher_is_better
    )
    key = (event.survey, event.survey_id)
    out.answers[key] = (answer_code(event.survey, category), moment, labels, points, event.event_id)


def _instant(group: Sequence[AnyEvent], moment: int, frame: Frame, state: State, out: Yield) -> None:
    """Fold the events of one instant, in the ticket's order, of a ticket whose opening is known."""
    for event in group:
        state.learn(event)
    labels = state.labels(frame)
    for event in group:
        rank = event.rank
        if rank == AgentReplied.rank:
            if event.public and event.author == "agent":  # type: ignore[union-attr]
                _reply(event, moment, labels, frame, state, out)  # type: ignore[arg-type]
        elif rank == Resolved.rank:
            _resolve(event, moment, labels, frame, state, out)  # type: ignore[arg-type]
        elif rank == CustomerReplied.rank:
            if state.wait is None:
                state.wait, state.wait_moves = event.at, False
        elif rank == SurveyAnswered.rank:
            _answer(event, moment, labels, out)  # type: ignore[arg-type]
        elif rank == Opened.rank:
            _open(event, moment, labels, frame, state, out)  # type: ignore[arg-type]


def _open(event: Opened, moment: int, labels: Labels, frame: Frame, state: State, out: Yield) -> None:
    if event is frame.opening:
        out.measurements.append((OPENED, moment, labels, 0, event.event_id))
    elif state.resolved:
        out.measurements.append((REOPENED, moment, labels, 0, event.event_id))
        out.reopened += 1
        state.resolved = False
    else:
        return
    if event.opened_by == "customer" and state.wait is None:
        state.wait, state.wait_moves = event.at, True


def _reply(event: AgentReplied, moment: int, labels: Labels, frame: Frame, state: State, out: Yield) -> None:
    """First response and response time of a qualifying reply (CONTRACT section 2)."""
    at, previous, opening = event.at, state.last_reply, frame.opening
    negative = False
    if previous is None and opening is not None and opening.opened_by == "customer":
        taken = at - frame.since(opening.at, at)
        if taken < 0:
            negative = True
        else:
            out.measurements.append((FIRST_RESPONSE, moment, labels, taken, event.event_id))
    start = event.waiting_since
    if start is None or (previous is not None and start <= previous):
        start = state.wait
        if start is not None and state.wait_moves:
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


def _resolve(event: Resolved, moment: int, labels: Labels, frame: Frame, state: State, out: Yield) -> None:
    """An effective resolution, an implied reopening before it, or nothing at all for a confirmation."""
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
    state.resolution = Resolution(moment, event.at, event.event_id, labels, void)


def conclude(frame: Frame, state: State) -> Measurement | None:
    """The resolution time of a ticket that is resolved now."""
    last = state.resolution
    if frame.opening is None or last is None or not state.resolved or last.void or last.at < frame.opening.at:
        return None
    return (RESOLUTION, last.moment, last.labels, last.at - frame.opening.at, last.event_id)
