"""A ticket: its events as a set of facts, and what they add up to, kept up to date.

Merging an event is commutative and idempotent, so the result depends on the set of events alone. An event costs
the refolding of its page, and of the following ones only as far as the states between them change; one that comes
last, the usual case, costs one step of the fold.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from cxstream.core.event import VOID_OUTCOMES, AnyEvent, Opened, Resolved, Updated
from cxstream.core.identity import canonical
from cxstream.core.measure import NONE, Frame, Labels, Measurement, State, SurveyKey, Yield, conclude, fold
from cxstream.core.timeline import Order, Timeline, order

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
        "_answers", "_end", "_firsts", "_state", "_sums",
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
        self._firsts: list[tuple[tuple[int, int, Order], str] | None] = [None] * 4

    @classmethod
    def of(cls, source: str, ticket_id: str, skew: int, pages: Iterable[tuple[int, list[AnyEvent]]]) -> Ticket:
        """The ticket of stored pages (number, events)."""
        ticket = cls(source, ticket_id, skew)
        ticket.timeline = Timeline(pages)
        ticket.timeline.mend(ticket._precedes)
        ticket._reframe()
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
        whole = self._learn(event)
        if not whole and self._adds_only(event):
            return self._append(event)
        return self._recompute(event, standing=None, whole=whole)

    def _precedes(self, event: AnyEvent, other: AnyEvent) -> bool:
        return precedes(self.frame.source, self.ticket_id, event, other)

    # -- what holds for the whole ticket

    def _place(self, event: AnyEvent) -> tuple[int, int, Order]:
        """The event's place in the ticket's order, where the opening precedes what was dated before it."""
        opening = self.frame.opening
        if opening is not None:
            if event is opening:
                return (event.at, 0, order(event))
            if opening.at - self.frame.skew <= event.at < opening.at:
                return (opening.at, 1, order(event))
        return (event.at, 2, order(event))

    def _learn(self, event: AnyEvent) -> bool:
        """Take into the frame what an event says of the whole ticket; whether everything must be refolded."""
        frame, known = self.frame, bool(self.timeline)
        if isinstance(event, Opened) and (frame.opening is None or order(event) < order(frame.opening)):
            frame.opening = event
            self._firsts = [None] * 4
            for other in self.timeline:
                self._learn_labels(other)
            self._learn_labels(event)
            self._learn_handoff(event)
            return known
        whole = self._learn_handoff(event)
        return (self._learn_labels(event) or whole) and known

    def _learn_handoff(self, event: AnyEvent) -> bool:
        since = event.human_since if isinstance(event, Opened | Updated) else None
        if since is None or since in self.frame.handoffs:
            return False
        insort(self.frame.handoffs, since)
        reply = self._state.last_reply
        return reply is not None and since <= reply

    def _learn_labels(self, event: AnyEvent) -> bool:
        firsts, changed, place = self._firsts, False, None
        for i, value in enumerate((event.team, event.channel, event.priority, event.kind)):
            if value is None:
                continue
            first = firsts[i]
            if first is not None and first[0][0] < event.at:
                continue
            place = place or self._place(event)
            if first is None or place < first[0]:
                firsts[i] = (place, value)
                changed = True
        if changed:
            team, channel, priority, kind = (first[1] if first else None for first in firsts)
            self.frame.earliest = (team, channel, priority, kind)
        return changed

    def _reframe(self) -> None:
        """Build the frame anew from all events."""
        self.frame = Frame(self.frame.source, self.frame.skew)
        self._state = State()
        openings = [event for event in self.timeline if isinstance(event, Opened)]
        if openings:
            self.frame.opening = openings[0]
        self._firsts = [None] * 4
        for event in self.timeline:
            self._learn_handoff(event)
            self._learn_labels(event)

    # -- an event that only adds to what is there

    def _adds_only(self, event: AnyEvent) -> bool:
        if not self.timeline or event.at <= self.last_at or self.summary.state == VOID:
            return False
        return not (isinstance(event, Resolved) and event.outcome in VOID_OUTCOMES)

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
            self._reframe()
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
        return Change(removed, added, [m for m in added if (m[0], m[4]) not in made], before, self.summary, standing is not None)

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


def _difference(old: list[Measurement], new: list[Measurement]) -> tuple[list[Measurement], list[Measurement]]:
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
