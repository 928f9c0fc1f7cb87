"""A ticket: its events as a set of facts, and what they add up to, kept up to date.

Merging an event is commutative and idempotent, so the result depends on the set of events alone. An event costs
the refolding of its page, and of the following ones only as far as the states between them change; one that comes
last, the usual case, costs one step of the fold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cxstream.core import timeline
from cxstream.core.change import (
    AWAITING,
    IN_PROGRESS,
    NOTHING,
    RESOLVED_NOW,
    UNKNOWN,
    VOID,
    Change,
    Summary,
    difference,
)
from cxstream.core.event import VOID_OUTCOMES, AnyEvent, Resolved, SurveyAnswered, Updated
from cxstream.core.frame import Frame, order
from cxstream.core.identity import canonical
from cxstream.core.measure import Measurement, State, SurveyKey, Yield, conclude, fold
from cxstream.core.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLANK: Final = State(NOTHING.labels)

_new: Final = tuple.__new__  # twice as fast as calling the class


def precedes(source: str, ticket_id: str, event: AnyEvent, other: AnyEvent) -> bool:
    """Which of two copies that differ stands: the one with the smaller time, then canonical form."""
    if event.at != other.at:
        return event.at < other.at
    return canonical(source, ticket_id, event) < canonical(source, ticket_id, other)


class Ticket:
    """The facts of one ticket and their sum."""

    __slots__ = (
        "_answers", "_end", "_state", "_sums",
        "arrived", "due", "frame", "summary", "ticket_id", "timeline",
    )  # fmt: skip

    def __init__(self, source: str, ticket_id: str, skew: int, facts: Timeline | None = None) -> None:
        self.ticket_id = ticket_id
        self.frame = Frame(source, skew)
        self.timeline = Timeline() if facts is None else facts
        self.arrived = 0
        """When the last event arrived, ms."""
        self.due = 0
        """For the ledger: the hour in which the ticket is to be looked at, to see whether it may be forgotten."""
        self.summary = NOTHING
        self._end: Measurement | None = None
        # What the fold has come to. Of a ticket of one page the sums and answers are those of its page, the same
        # objects; of a longer one they are the totals of its pages.
        self._state = _BLANK
        self._sums: Yield
        self._answers: dict[SurveyKey, Measurement]

    @classmethod
    def of(
        cls,
        source: str,
        ticket_id: str,
        skew: int,
        pages: Iterable[tuple[int, list[AnyEvent]]],
        announced: int = 1,
    ) -> Ticket:
        """The ticket of stored pages (number, events)."""
        ticket = cls(source, ticket_id, skew, Timeline(pages, announced))
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

    def insert(self, event: AnyEvent) -> Change | None:
        """Merge an event; ``None`` if nothing changes because a copy that stands is there already."""
        if not self.timeline.pages:
            return self._begin(event)
        standing = self.timeline.find(event.rank, event.event_id)
        if standing is not None:
            if standing == event or not self._precedes(event, standing):
                return None
            return self._recompute(event, standing=standing, whole=True)
        last = self.timeline.pages[-1].events[-1]
        if event.at >= last.at and self._adds_only(event, last):
            if self.frame.follows(event, self._state.last_reply):
                return self._recompute(event, standing=None, whole=True)
            if event.at == last.at and event.rank == Updated.rank:
                return self._note(event)
            return self._append(event)
        whole = len(self.timeline.pages) == 1 or self.frame.learn(
            event, self.timeline, self._state.last_reply
        )
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
            (event.rank == Updated.rank or order(event) > order(last))
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
        self._fold_all()
        self._settle()
        added = self._all()
        return Change([], added, added)

    def _note(self, event: AnyEvent) -> Change:
        """An update, at the instant of the last event, that tells nothing new; in its place it is kept all the same."""
        self.timeline.put(event)
        return Change([], [], [])

    def _append(self, event: AnyEvent) -> Change:
        if self.timeline.append(event):
            self._grow()
        out = self.timeline.pages[-1].out
        assert out is not None  # noqa: S101 - the last page always ends a section
        removed: list[Measurement] = []
        end = self._end
        if event.rank == SurveyAnswered.rank:
            old = self._answers.get((event.survey, event.survey_id))  # type: ignore[union-attr]
            if old is not None:
                removed.append(old)
        if out is self._sums:
            start = len(out.measurements)
            fold((event,), self.frame, self._state, out, first=False)
            added = out.measurements[start:]
            if event.rank == SurveyAnswered.rank:
                added.append(out.answers[event.survey, event.survey_id])  # type: ignore[union-attr]
        else:
            new = Yield()
            fold((event,), self.frame, self._state, new, first=False)
            out.measurements += new.measurements
            out.answers |= new.answers
            out.count(new)
            self._sums.count(new)
            self._answers |= new.answers
            added = [*new.measurements, *new.answers.values()]
        self._settle()
        if self._end != end:
            if end is not None:
                removed.append(end)
            if self._end is not None:
                added.append(self._end)
        return Change(removed, added, added)

    def _grow(self) -> None:
        """A further page begins with the event that is put last."""
        pages = self.timeline.pages
        if len(pages) == 2:
            total = Yield()
            total.count(self._sums)
            self._sums, self._answers = total, dict(self._answers)
        pages[-1].entry = msgspec.structs.replace(self._state)
        pages[-1].out = Yield()

    # -- an event that may change what is there

    def _recompute(self, event: AnyEvent, *, standing: AnyEvent | None, whole: bool) -> Change:
        """Put the event in its place, refold what it can change, and compare with what was."""
        last = self._state.resolution
        was_void = self.summary.state == VOID
        whole = whole or was_void
        old = self._all() if whole else []
        if standing is not None:
            self.timeline.take_out(standing)
        index = self.timeline.put(event)
        if whole:
            self._fold_all(known=standing is None and self.frame.knows(event))
            self._settle()
            new = self._all()
        else:
            old, new = self._refold(index)
        void = self.summary.state == VOID
        if void and not whole:
            old += difference(new, self._all())[1]
        removed, added = difference([] if was_void else old, [] if void else new)
        fresh = added
        if added and old:
            made = {
                (m[0], m[4]) for m in old if not (was_void and last is not None and m[4] == last.event_id)
            }
            fresh = [m for m in added if (m[0], m[4]) not in made]
        return Change(removed, added, fresh, standing is not None)

    # -- the fold

    def _fold_all(self, *, known: bool = False) -> None:
        """Fold everything anew, and learn it, unless it is known."""
        pages, frame = self.timeline.pages, self.frame
        if len(pages) == 1:
            page = pages[0]
            if not known:
                frame.relearn(page.events)
            self._state, self._sums = State(frame.labels), Yield()
            fold(page.events, frame, self._state, self._sums, first=True)
            page.out, self._answers = self._sums, self._sums.answers
            return
        if not known:
            frame.relearn(list(self.timeline))
        self._sums, self._answers = Yield(), {}
        state, index = State(frame.labels), 0
        while index < len(pages):
            first, last = self._section(index)
            pages[first].entry = state
            out, state = self._fold_section(first, last)
            self._sums.count(out)
            self._answers |= out.answers
            index = last + 1
        self._state = state

    def _fold_section(self, first: int, last: int) -> tuple[Yield, State]:
        pages = self.timeline.pages
        entry = pages[first].entry
        state = State(self.frame.labels) if entry is None else msgspec.structs.replace(entry)
        out = Yield()
        fold(self.timeline.between(first, last), self.frame, state, out, first=first == 0)
        for page in pages[first:last]:
            page.out = None
        pages[last].out = out
        return out, state

    def _section(self, index: int) -> tuple[int, int]:
        opening = self.frame.opening
        return self.timeline.section(index, None if opening is None else opening.at)

    def _refold(self, index: int) -> tuple[list[Measurement], list[Measurement]]:
        """Refold from a page on until nothing changes any more; the measurements before and after."""
        old: list[Measurement] = []
        new: list[Measurement] = []
        keys: set[SurveyKey] = set()
        pages = self.timeline.pages
        first, last = self._section(index)
        while True:
            for page in pages[first : last + 1]:
                if page.out is not None:
                    old += page.out.measurements
                    keys |= page.out.answers.keys()
                    self._sums.count(page.out, -1)
            out, state = self._fold_section(first, last)
            new += out.measurements
            keys |= out.answers.keys()
            self._sums.count(out)
            if last + 1 == len(pages):
                self._state = state
                break
            if pages[last + 1].entry == state:
                break
            pages[last + 1].entry = state
            first, last = self._section(last + 1)
        for key in keys:
            if key in self._answers:
                old.append(self._answers[key])
            self._answers[key] = next(
                page.out.answers[key] for page in reversed(pages) if page.out and key in page.out.answers
            )
            new.append(self._answers[key])
        if self._end is not None:
            old.append(self._end)
        self._settle()
        if self._end is not None:
            new.append(self._end)
        return old, new

    def _all(self) -> list[Measurement]:
        """All measurements, as if the ticket were not void."""
        pages = self.timeline.pages
        if len(pages) == 1:
            found = self._sums.measurements.copy()
        else:
            found = [m for page in pages if page.out is not None for m in page.out.measurements]
        if self._answers:
            found += self._answers.values()
        if self._end is not None:
            found.append(self._end)
        return found

    def _settle(self) -> None:
        """The resolution in force, and the summary."""
        opening, state, sums = self.frame.opening, self._state, self._sums
        self._end = conclude(self.frame, state)
        if opening is None:
            self.summary = _new(Summary, (UNKNOWN, state.labels, None, 0, 0, 0, sums.orphans))
            return
        if state.resolved and state.resolution is not None:
            if state.resolution.void:
                self.summary = Summary(VOID, state.labels)
                return
            now = RESOLVED_NOW
        else:
            now = AWAITING if state.last_reply is None and opening.opened_by == "customer" else IN_PROGRESS
        self.summary = _new(
            Summary,
            (now, state.labels, opening.at, sums.reopened, sums.replies, sums.negative, sums.orphans),
        )
