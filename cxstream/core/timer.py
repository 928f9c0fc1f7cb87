"""Timers: when time will act on a ticket's SLA clocks.

One entry per ticket, its earliest next instant: 0.1 kB. An entry is never moved: one that has become too early is
looked at when it is due and entered anew, which merges it with another of the same instant.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Timers:
    """Instants (ms) and the keys of the tickets to look at then."""

    __slots__ = ("_heap",)

    def __init__(self, entries: Iterable[tuple[int, bytes]] = ()) -> None:
        self._heap = list(entries)
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next(self) -> int | None:
        """The earliest instant."""
        return self._heap[0][0] if self._heap else None

    def enter(self, at: int, key: bytes) -> None:
        """Have a ticket looked at."""
        heappush(self._heap, (at, key))

    def take(self, now: int) -> bytes | None:
        """A ticket to look at, of an instant before ``now``; ``None`` if there is none."""
        heap = self._heap
        if not heap or heap[0][0] >= now:
            return None
        first = heappop(heap)
        while heap and heap[0] == first:
            heappop(heap)
        return first[1]
