"""A ticket: its events as a set of facts, and what they add up to, kept up to date.

Merging an event is commutative and idempotent, so the result depends on the set of events alone. An event costs
the refolding of its page, and of the following ones only as far as the states between them change; one that comes
last, the usual case, costs one step of the fold.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from cxstream.core import timeline
from cxstream.core.event import VOID_OUTCOMES, AnyEvent, Resolved, Updated
from cxstream.core.frame import NONE, Frame, Labels, order
from cxstream.core.identity import canonical
from cxstream.core.measure import Measurement, State, SurveyKey, Yield, conclude, fold
from cxstream.core.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_EVENTS, UNKNOWN, AWAITING, IN_PROGRESS, RESOLVED_NOW, VOID = range(6)
"""States of a ticket; ``UNKNOWN`` has events but no opening."""


class Summary(NamedTuple):
    """What a ticket counts as now; of a void ticket only the state says anything."""

    state: int
    labels: Labels
    opening: int | None = None
    reopened: int = 0
    replies: int = 0
    negative: int = 0
    orphans: int = 0


NOTHING: Final = Summary(NO_EVENTS, (NONE, NONE, NONE, NONE, NONE))


class Change(NamedTuple):
    """What an event changed: measurements to take out, to put in, and which of those are made for the first time."""

    removed: list[Measurement]
    added: list[Measurement]
    fresh: list[Measurement]
    before: Summary
    after: Summary
    copies: bool = False
    """The event took the place of a copy of it."""


def precedes(source: str, ticket_id: str, event: AnyEvent, other: AnyEvent) -> bool:
    """Which of two copies that differ stands: the one with the smaller time, then canonical form."""
    if event.at != other.at:
        return event.at < other.at
    return canonical(source, ticket_id, event) < canonical(source, ticket_id, other)


class Ticket:
    """The facts of one ticket and their sum."""

    __slots__ = (
        "_answers", "_end", "_state", "_sums",
        "arrived", "frame", "summary", "ticket_id", "timeline",
    )  # fmt: skip

    def __init__(self, source: str, ticket_id: str, skew: int) -> None:
        self.ticket_id = ticket_id
        self.frame = Frame(source, skew)
        self.timeline = Timeline()
        self.arrived = 0
        """When the last event arrived, ms."""
        self.summary = NOTHING
        self._state = State()
        self._sums = Yield()
        self._end: Measurement | None = None
        self._answers: dict[SurveyKey, Measurement] = {}

    @classmethod
    def of(
        cls, source: str, ticket_id: str, skew: int, pages: Iterable[tuple[int, list[AnyEvent]]]
    ) -> Ticket:
        """The ticket of stored pages (number, events)."""
        ticket = cls(source, ticket_id, skew)
        ticket.timeline = Timeline(pages)
        ticket.timeline.mend(ticket._precedes)
        ticket.frame.relearn(ticket.timeline)
        ticket._refold_all()
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
        standing = self.timeline.find(event.rank, event.event_id)
        if standing is not None:
            if standing == event or not self._precedes(event, standing):
                return None
            return self._recompute(event, standing=standing, whole=True)
        whole = self.frame.learn(event, self.timeline, self._state.last_reply)
        if not self.timeline:
            return self._begin(event)
        if not whole and self._adds_only(event):
            if event.at == self.timeline.last_at and event.rank == Updated.rank:
                return self._note(event)
            return self._append(event)
        return self._recompute(event, standing=None, whole=whole)

    def _precedes(self, event: AnyEvent, other: AnyEvent) -> bool:
        return precedes(self.frame.source, self.ticket_id, event, other)

    # -- an event that only adds to what is there

    def _adds_only(self, event: AnyEvent) -> bool:
        """Whether an event changes nothing of what is there, but for the resolution in force."""
        if self.summary.state == VOID or (event.rank == Resolved.rank and event.outcome in VOID_OUTCOMES):  # type: ignore[union-attr]
            return False
        last = self.timeline.pages[-1].events[-1]
        if event.at > last.at:
            return True
        # At the instant of the last event: unless it changes the labels in force at that instant.
        return (
            event.at == last.at
            and (event.rank == Updated.rank or order(event) > order(last))
            and self._state.agrees(event)
            and self._lone_instant()
        )

    def _lone_instant(self) -> bool:
        """Whether the last instant, which is not the opening's, lies in the last page, with room for one more."""
        opening, page = self.frame.opening, self.timeline.pages[-1]
        last = page.events[-1].at
        return (
            (opening is None or opening.at < last)
            and len(page.events) < timeline.PAGE_EVENTS
            and (len(self.timeline.pages) == 1 or page.events[0].at < last)
        )

    def _begin(self, event: AnyEvent) -> Change:
        """The first event of a ticket."""
        self.timeline.put(event)
        out = self.timeline.pages[0].out = fold((event,), self.frame, self._state, first=True)
        self._sums.count(out)
        self._answers.update(out.answers)
        self._settle()
        added = out.measurements + list(out.answers.values())
        return Change([], added, added, NOTHING, self.summary)

    def _note(self, event: AnyEvent) -> Change:
        """An update, at the instant of the last event, that tells nothing new; in its place it is kept all the same."""
        self.timeline.put(event)
        return Change([], [], [], self.summary, self.summary)

    def _append(self, event: AnyEvent) -> Change:
        if self.timeline.append(event):
            self.timeline.pages[-1].entry = self._state.copy()
            self.timeline.pages[-1].out = Yield()
        before, end = self.summary, self._end
        new = fold((event,), self.frame, self._state, first=False)
        total = self.timeline.pages[-1].out
        assert total is not None  # noqa: S101 - the last page always ends a section
        total.measurements += new.measurements
        total.answers |= new.answers
        total.count(new)
        self._sums.count(new)
        added, removed = new.measurements, []
        for key, answer in new.answers.items():
            old = self._answers.get(key)
            if old is not None:
                removed.append(old)
            self._answers[key] = answer
            added.append(answer)
        self._settle()
        if self._end != end:
            if end is not None:
                removed.append(end)
            if self._end is not None:
                added.append(self._end)
        return Change(removed, added, added, before, self.summary)

    # -- an event that may change what is there

    def _recompute(self, event: AnyEvent, *, standing: AnyEvent | None, whole: bool) -> Change:
        """Put the event in its place, refold what it can change, and compare with what was."""
        before, last = self.summary, self._state.resolution
        was_void = before.state == VOID
        whole = whole or was_void or len(self.timeline.pages) <= 1
        old = self._all() if whole else []
        if standing is not None:
            self.timeline.take_out(standing)
        index = self.timeline.put(event)
        if standing is not None:
            self.frame.relearn(self.timeline)
        if whole:
            self._refold_all()
            self._settle()
            new = self._all()
        else:
            old, new = self._refold(index)
        void = self.summary.state == VOID
        if void and not whole:
            old += _difference(new, self._all())[1]
        made = {(m[0], m[4]) for m in old if not (was_void and last is not None and m[4] == last.event_id)}
        removed, added = _difference([] if was_void else old, [] if void else new)
        return Change(
            removed,
            added,
            [m for m in added if (m[0], m[4]) not in made],
            before,
            self.summary,
            standing is not None,
        )

    # -- the fold

    def _fold_section(self, first: int, last: int) -> tuple[Yield, State]:
        pages = self.timeline.pages
        entry = pages[first].entry
        state = State() if entry is None else entry.copy()
        out = fold(self.timeline.between(first, last), self.frame, state, first=first == 0)
        for page in pages[first:last]:
            page.out = None
        pages[last].out = out
        return out, state

    def _section(self, index: int) -> tuple[int, int]:
        opening = self.frame.opening
        return self.timeline.section(index, None if opening is None else opening.at)

    def _refold_all(self) -> None:
        self._sums, self._answers = Yield(), {}
        state, index, pages = State(), 0, self.timeline.pages
        while index < len(pages):
            first, last = self._section(index)
            pages[first].entry = state
            out, state = self._fold_section(first, last)
            self._sums.count(out)
            self._answers |= out.answers
            index = last + 1
        self._state = state

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
        found = [m for page in self.timeline.pages if page.out is not None for m in page.out.measurements]
        found += self._answers.values()
        if self._end is not None:
            found.append(self._end)
        return found

    def _settle(self) -> None:
        """The resolution in force, and the summary."""
        self._end = conclude(self.frame, self._state)
        if not self.timeline:
            self.summary = NOTHING
            return
        opening, state, sums = self.frame.opening, self._state, self._sums
        labels = state.labels(self.frame)
        if opening is None:
            self.summary = Summary(UNKNOWN, labels, orphans=sums.orphans)
            return
        if state.resolved and state.resolution is not None:
            if state.resolution.void:
                self.summary = Summary(VOID, labels)
                return
            now = RESOLVED_NOW
        else:
            now = AWAITING if opening.opened_by == "customer" and state.last_reply is None else IN_PROGRESS
        self.summary = Summary(
            now, labels, opening.at, sums.reopened, sums.replies, sums.negative, sums.orphans
        )


def _difference(
    old: list[Measurement], new: list[Measurement]
) -> tuple[list[Measurement], list[Measurement]]:
    """What is only in ``old``, and what is only in ``new``."""
    start = 0
    for a, b in zip(old, new, strict=False):
        if a != b:
            break
        start += 1
    if start == len(old):
        return [], new[start:]
    before, after = Counter(old[start:]), Counter(new[start:])
    return list((before - after).elements()), list((after - before).elements())
