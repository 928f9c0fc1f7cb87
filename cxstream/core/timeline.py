"""A timeline: the events of a ticket in pages, in the order (at, rank, event_id).

A page is the unit that is stored and refolded. Nearly all tickets have one; a long one grows by pages, so that an
event costs the rewriting of its page, not of the ticket.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import chain
from typing import TYPE_CHECKING, Final

from cxstream.core.event import AnyEvent
from cxstream.core.frame import Order, order
from cxstream.core.measure import State, Yield

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PAGE_EVENTS: Final = 12
"""Events of a full page: most tickets need one, and on a long one an event rewrites no more than on a short one."""

LEAP: Final = 64
"""At most so many page numbers are announced at once: to look for a page that is not there costs 0.3 us."""


class Page:
    """A stored stretch of events, and what the fold of it needs and gives."""

    __slots__ = ("dirty", "entry", "events", "number", "out", "stored")

    def __init__(self, number: int, events: list[AnyEvent], *, stored: bool = False) -> None:
        self.number = number
        """0 for the earliest page."""
        self.events = events
        self.entry: State | None = None
        """The state in which the fold enters the page, where a section begins with it; ``None`` if not yet folded."""
        self.out: Yield | None = None
        """What the section that ends with this page puts out."""
        self.dirty = False
        self.stored = stored


def _first(page: Page) -> Order:
    return order(page.events[0])


class Timeline:
    """The pages of a ticket; none before the first event, and no page is ever empty."""

    __slots__ = ("_highest", "_index", "_leapt", "_touched", "announced", "freed", "pages")

    def __init__(self, pages: Iterable[tuple[int, list[AnyEvent]]] = (), announced: int = 1) -> None:
        self.pages = [Page(number, events, stored=True) for number, events in pages if events]
        self.announced = announced
        """All page numbers lie below; it grows in leaps, so that the first page, which says it, is seldom rewritten."""
        self.freed: list[int] = []
        """Numbers of stored pages that are no longer needed."""
        self._leapt = False
        self._index: dict[tuple[int, str], AnyEvent] | None = None
        self._touched: list[Page] = []
        self._highest = 0
        if len(self.pages) > 1:
            self.pages.sort(key=_first)
            self._highest = max(page.number for page in self.pages)

    def __iter__(self) -> Iterator[AnyEvent]:
        return chain.from_iterable(page.events for page in self.pages)

    def __bool__(self) -> bool:
        return bool(self.pages)

    @property
    def last_at(self) -> int:
        """The time of the latest event, ms."""
        return self.pages[-1].events[-1].at

    def find(self, rank: int, event_id: str) -> AnyEvent | None:
        """The copy of an event that stands."""
        if self._index is not None:
            return self._index.get((rank, event_id))
        for page in self.pages:
            for event in page.events:
                if event.event_id == event_id and event.rank == rank:
                    return event
        return None

    def written(self) -> list[Page]:
        """The pages that have changed since the last call."""
        pages = [page for page in self._touched if page.dirty]
        for page in pages:
            page.dirty = False
        self._touched.clear()
        return pages

    def written_alone(self) -> Page | None:
        """The only page of a ticket, if it has changed and nothing else is to be written; else :meth:`written` says."""
        if len(self.pages) != 1 or self.freed:
            return None
        page = self.pages[0]
        if not page.dirty:
            return None
        page.dirty = False
        self._touched.clear()
        return page

    def touch_first(self) -> None:
        """Have the first page written, whose record says more than its events."""
        page = next(page for page in self.pages if page.number == 0)
        if not page.dirty:
            self._touch(page)

    def unused(self) -> list[int]:
        """Numbers announced since the last call: a write that was cut off may have left something there."""
        if not self._leapt:
            return []
        self._leapt = False
        return list(range(self._highest + 1, self.announced))

    def append(self, event: AnyEvent) -> bool:
        """Put an event that comes last at the end; whether a new page had to be begun for it."""
        page = self.pages[-1]
        full = len(page.events) >= PAGE_EVENTS
        if full:
            self._begin(len(self.pages), [event])
        else:
            page.events.append(event)
            if not page.dirty:
                self._touch(page)
        if self._index is not None:
            self._index[event.rank, event.event_id] = event
        return full

    def put(self, event: AnyEvent) -> int:
        """Put an event in its place, in a page that is halved if it gets too full; the index of that page."""
        pages = self.pages
        if not pages:
            pages.append(Page(0, [event]))
            self._touch(pages[0])
            return 0
        index = 0 if len(pages) == 1 else max(bisect_right(pages, order(event), key=_first) - 1, 0)
        page = pages[index]
        events, at, place = page.events, event.at, len(page.events)
        while place and (last := events[place - 1]).at >= at and (last.at > at or order(last) > order(event)):
            place -= 1  # from the end, for that is where most belong
        events.insert(place, event)
        self._touch(page)
        if self._index is not None:
            self._index[event.rank, event.event_id] = event
        if len(page.events) > PAGE_EVENTS:
            half = len(page.events) // 2
            upper = page.events[half:]
            del page.events[half:]
            self._begin(index + 1, upper)
        return index

    def take_out(self, event: AnyEvent) -> None:
        """Remove a copy that stands no longer."""
        index = bisect_right(self.pages, order(event), key=_first) - 1
        page = self.pages[index]
        del page.events[bisect_left(page.events, order(event), key=order)]
        self._touch(page)
        if self._index is not None:
            del self._index[event.rank, event.event_id]
        if page.events:
            return
        del self.pages[index]
        page.dirty = False
        if page.number == 0 and self.pages:
            self.lead()
        elif self.pages:
            self.freed.append(page.number)

    def lead(self) -> None:
        """Make the earliest page number 0, under which the ticket is found."""
        heir = self.pages[0]
        self._highest = max(self._highest, heir.number)
        self.freed.append(heir.number)
        heir.number = 0
        self._touch(heir)

    def mend(self, precedes: Callable[[AnyEvent, AnyEvent], bool]) -> None:
        """Index the pages of a long ticket; lay them out anew if a write of several was cut off between them."""
        if len(self.pages) <= 1:
            return
        standing: dict[tuple[int, str], AnyEvent] = {}
        for event in self:
            other = standing.get((event.rank, event.event_id))
            if other is None or precedes(event, other):
                standing[event.rank, event.event_id] = event
        ends = [order(page.events[-1]) for page in self.pages]
        if len(standing) == sum(len(page.events) for page in self.pages) and all(
            end < _first(page) for end, page in zip(ends, self.pages[1:], strict=False)
        ):
            self._index = standing
            return
        events = sorted(standing.values(), key=order)
        self.freed += [page.number for page in self.pages if page.number]
        self.pages = [Page(0, events[:PAGE_EVENTS])]
        self._touch(self.pages[0])
        self._index = standing
        for start in range(PAGE_EVENTS, len(events), PAGE_EVENTS):
            self._begin(len(self.pages), events[start : start + PAGE_EVENTS])

    def _touch(self, page: Page) -> None:
        if not page.dirty:
            page.dirty = True
            self._touched.append(page)

    def _begin(self, index: int, events: list[AnyEvent]) -> None:
        """Begin a further page, under a number that was never used: a freed one may still hold events."""
        self._highest += 1
        if self._highest >= self.announced:
            self.announced += min(self.announced, LEAP)
            self._leapt = True
            self._touch(self.pages[0])
        page = Page(self._highest, events)
        self.pages.insert(index, page)
        self._touch(page)
        if self._index is None:
            self._index = {(event.rank, event.event_id): event for event in self}

    # -- sections: the pages that must be folded together

    def section(self, index: int, opening: int | None) -> tuple[int, int]:
        """First and last of the pages that must be folded together with this one.

        Pages share a section if an instant lies on both sides of their border, or if both begin before the opening.
        """
        first = last = index
        while first and self._joined(first - 1, opening):
            first -= 1
        while last + 1 < len(self.pages) and self._joined(last, opening):
            last += 1
        return first, last

    def _joined(self, index: int, opening: int | None) -> bool:
        at = self.pages[index + 1].events[0].at
        return at == self.pages[index].events[-1].at or (opening is not None and at <= opening)

    def between(self, first: int, last: int) -> list[AnyEvent]:
        """The events of the pages from ``first`` to ``last``."""
        if first == last:
            return self.pages[first].events
        return list(chain.from_iterable(page.events for page in self.pages[first : last + 1]))
