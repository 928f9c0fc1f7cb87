"""A ticket: its events as a set of facts, and what they add up to, kept up to date.

Merging an event is commutative and idempotent, so the result depends on the set of events alone. An event costs
the refolding of its page, and of the following ones only as far as the states between them change; one that comes
last, the usual case, costs one step of the fold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core import timeline
from cxstream.core.account import Account
from cxstream.core.change import (
    AWAITING,
    IN_PROGRESS,
    NOTHING,
    RESOLVED_NOW,
    UNKNOWN,
    VOID,
    Change,
    Summary,
    compared,
    difference,
)
from cxstream.core.event import VOID_OUTCOMES, AnyEvent, Resolved, SurveyAnswered, Updated
from cxstream.core.frame import Frame, order
from cxstream.core.identity import canonical
from cxstream.core.measure import Measurement, State, Yield, conclude, step
from cxstream.core.timeline import Timeline
from cxstream.core.watch import elapse, withdrawn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.clocks import Clocks
    from cxstream.core.cycle import Transition
    from cxstream.core.policy import PolicyHistory
    from cxstream.core.watch import Running

_new: Final = tuple.__new__  # twice as fast as calling the class


def precedes(source: str, ticket_id: str, event: AnyEvent, other: AnyEvent) -> bool:
    """Which of two copies that differ stands: the one with the smaller time, then canonical form."""
    if event.at != other.at:
        return event.at < other.at
    return canonical(source, ticket_id, event) < canonical(source, ticket_id, other)


class Ticket(Account):
    """The facts of one ticket and their sum."""

    __slots__ = ("arrived", "due", "summary", "ticket_id")

    def __init__(
        self,
        source: str,
        ticket_id: str,
        skew: int,
        facts: Timeline | None = None,
        policies: PolicyHistory | None = None,
    ) -> None:
        super().__init__(Frame(source, skew, policies), Timeline() if facts is None else facts)
        self.ticket_id = ticket_id
        self.arrived = 0
        """When the last event arrived, ms."""
        self.due = 0
        """For the ledger: the hour in which the ticket is to be looked at, to see whether it may be forgotten."""
        self.summary = NOTHING

    @classmethod
    def of(
        cls,
        source: str,
        ticket_id: str,
        skew: int,
        pages: Iterable[tuple[int, list[AnyEvent]]],
        announced: int = 1,
        policies: PolicyHistory | None = None,
        fired_until: int = 0,
    ) -> Ticket:
        """The ticket of stored pages (number, events), on whose clocks time has acted up to an instant."""
        ticket = cls(source, ticket_id, skew, Timeline(pages, announced), policies)
        ticket.fired_until = fired_until
        ticket.timeline.mend(ticket._precedes)
        if ticket.timeline:
            ticket._fold_all()
            ticket._settle()
        return ticket

    @property
    def last_at(self) -> int:
        """The time of the latest event, ms."""
        return self.timeline.last_at

    def measurements(self) -> list[Measurement]:
        """All that the ticket puts into numbers now."""
        return [] if self.summary.state == VOID else self._all()

    def transitions(self) -> list[Transition]:
        """All transitions of the SLA clocks up to :attr:`fired_until`; of a void ticket that they were cancelled."""
        return self._standing(self._moves())

    @property
    def clocks(self) -> Clocks | None:
        """The SLA clocks as of :attr:`fired_until`; not to be changed by the caller."""
        return self._since.clocks

    @property
    def running(self) -> Running:
        """The SLA clocks that run as of :attr:`fired_until`, as they are counted."""
        return self._since.running

    @property
    def upcoming(self) -> int | None:
        """The next instant at which time acts on the SLA clocks, if no event comes before."""
        return self._since.upcoming

    def fire(self, now: int) -> Change | None:
        """Let time act on the SLA clocks up to ``now``, when events precede timers; ``None`` if nothing happens."""
        if self._since.upcoming is None or self._since.upcoming >= now:
            return None
        before, self.fired_until = self._since, now
        self._since = elapse(self.frame, self._state, now)
        self.timeline.touch_first()
        removed, added = difference(before.measurements, self._since.measurements)
        transitions, disproved = compared(before.transitions, self._since.transitions)
        return Change(removed, added, added, transitions, disproved)

    def insert(self, event: AnyEvent) -> Change | None:
        """Merge an event; ``None`` if nothing changes because a copy that stands is there already."""
        facts = self.timeline
        if not facts.pages:
            return self._begin(event)
        standing = facts.find(event.rank, event.event_id)
        if standing is not None:
            if standing == event or not self._precedes(event, standing):
                return None
            return self._recompute(event, standing=standing, whole=True)
        last = facts.pages[-1].events[-1]
        if event.at >= last.at and self._adds_only(event, last):
            if self.frame.follows(event, self._state.last_reply):
                return self._recompute(event, standing=None, whole=True)
            if event.at == last.at and event.rank == Updated.rank:
                return self._note(event)
            return self._append(event)
        whole = len(facts.pages) == 1 or self.frame.learn(event, facts, self._state.last_reply)
        return self._recompute(event, standing=None, whole=whole)

    def _precedes(self, event: AnyEvent, other: AnyEvent) -> bool:
        return precedes(self.frame.source, self.ticket_id, event, other)

    # -- an event that only adds to what is there

    def _adds_only(self, event: AnyEvent, last: AnyEvent) -> bool:
        """Whether an event not before the last changes nothing of what is there, but for the resolution in force.

        What it says of the whole ticket is left to the frame.
        """
        if self.summary.state == VOID or (event.rank == Resolved.rank and event.outcome in VOID_OUTCOMES):  # type: ignore[union-attr]
            return False
        if event.at > last.at:
            return True
        # At the instant of the last event: unless it changes the labels in force at that instant.
        return (
            (event.status is None if event.rank == Updated.rank else order(event) > order(last))  # type: ignore[union-attr]
            and self._state.agrees(event)
            and self._lone_instant(last.at)
        )

    def _lone_instant(self, last: int) -> bool:
        """Whether the last instant, which is not the opening's, lies in the last page, with room for one more."""
        opening, page = self.frame.opening, self.timeline.pages[-1]
        return (
            (opening is None or opening.at < last)
            and len(page.events) < timeline.PAGE_EVENTS
            and (len(self.timeline.pages) == 1 or page.events[0].at < last)
        )

    def _begin(self, event: AnyEvent) -> Change:
        """The first event of a ticket."""
        self.timeline.put(event)
        self.frame.begin(event)
        self._state, self._sums = State(self.frame.labels), Yield()
        step(event, self.frame, self._state, self._sums)
        self.timeline.pages[0].out, self._answers = self._sums, self._sums.answers
        self._settle()
        added = self._all()
        return Change([], added, added, self._moves())

    def _note(self, event: AnyEvent) -> Change:
        """An update, at the instant of the last event, that tells nothing new; in its place it is kept all the same."""
        self.timeline.put(event)
        return Change([], [], [])

    def _append(self, event: AnyEvent) -> Change:
        if self.timeline.append(event):
            self._grow()
        out, sums = self.timeline.pages[-1].out, self._sums
        assert out is not None  # noqa: S101 - the last page always ends a section
        end, since = self._end, self._since
        removed: list[Measurement] = []
        if out is sums and event.rank != SurveyAnswered.rank:  # nearly always
            start, moved = len(sums.measurements), len(sums.transitions)
            step(event, self.frame, self._state, sums)
            added, moves = sums.measurements[start:], sums.transitions[moved:]
        else:
            added, moves = self._step_apart(event, out, removed)
        self._settle()
        if self._end != end:
            removed += end
            added += self._end
        if not since.transitions:
            if self._since.transitions:
                added += self._since.measurements
                moves += self._since.transitions
            return Change(removed, added, added, moves)
        removed, added = difference(removed + since.measurements, added + self._since.measurements)
        transitions, disproved = compared(since.transitions, moves + self._since.transitions)
        return Change(removed, added, added, transitions, disproved)

    def _step_apart(
        self, event: AnyEvent, out: Yield, removed: list[Measurement]
    ) -> tuple[list[Measurement], list[Transition]]:
        """One step whose yield is told from what is there: measurements and transitions put in; those taken out too."""
        new = Yield()
        step(event, self.frame, self._state, new)
        out.measurements += new.measurements
        out.transitions += new.transitions
        out.count(new)
        if out is not self._sums:
            self._sums.count(new)
        for key, answer in new.answers.items():
            if key in self._answers:
                removed.append(self._answers[key])
            self._answers[key] = out.answers[key] = answer
        return [*new.measurements, *new.answers.values()], new.transitions

    # -- an event that may change what is there

    def _recompute(self, event: AnyEvent, *, standing: AnyEvent | None, whole: bool) -> Change:
        """Put the event in its place, refold what it can change, and compare with what was."""
        last = self._state.resolution
        was_void = self.summary.state == VOID
        whole = whole or was_void
        if whole:
            old, old_moves = self._all(), self.transitions()
        else:
            end = self._at_end(), self._since.transitions
        if standing is not None:
            self.timeline.take_out(standing)
        index = self.timeline.put(event)
        if whole:
            self._fold_all(known=standing is None and self.frame.knows(event))
            self._settle()
            new, new_moves = self._all(), self.transitions()
        else:
            old, new, old_moves, new_moves = self._refold(index)
            self._settle()
            old, new = old + end[0], new + self._at_end()
            old_moves, new_moves = old_moves + end[1], new_moves + self._since.transitions
        void = self.summary.state == VOID
        if void and not whole:
            old += difference(new, self._all())[1]
            everything, known = self._moves(), {each.key for each in new_moves}
            old_moves += [each for each in everything if each.key not in known]
            new_moves = self._standing(everything)
        removed, added = difference([] if was_void else old, [] if void else new)
        fresh = added
        if added and old:
            made = {
                (m[0], m[4]) for m in old if not (was_void and last is not None and m[4] == last.event_id)
            }
            fresh = [m for m in added if (m[0], m[4]) not in made]
        transitions, disproved = compared(old_moves, new_moves)
        return Change(removed, added, fresh, transitions, disproved, copies=standing is not None)

    def _standing(self, moves: list[Transition]) -> list[Transition]:
        last = self._state.resolution
        return withdrawn(moves, last.moment) if self.summary.state == VOID and last is not None else moves

    def _settle(self) -> None:
        """What holds at the end, and the summary."""
        state, sums = self._state, self._sums
        self._end = conclude(self.frame, state) if state.resolved else ()
        if self.frame.policies is not None:
            self._since = elapse(self.frame, state, self.fired_until, self._since)
        opening = self.frame.opening
        if opening is None:
            now, opened, reopened, replies, negative = UNKNOWN, None, 0, 0, 0
        elif state.resolved and state.resolution is not None and state.resolution.void:
            self.summary = Summary(VOID, state.labels)
            return
        else:
            opened, reopened, replies, negative = opening.at, sums.reopened, sums.replies, sums.negative
            if state.resolved:
                now = RESOLVED_NOW
            else:
                unanswered = state.last_reply is None and opening.opened_by == "customer"
                now = AWAITING if unanswered else IN_PROGRESS
        self.summary = _new(Summary, (now, state.labels, opened, reopened, replies, negative, sums.orphans))
