"""Deadlines: which tickets wait for a reply, are about to miss a target or have missed it, by when that is due.

    deadlines.first("at_risk", 50)

Kept by a ledger that is asked for single tickets, of those clocks only that are in one of the lists. What is told of
a clock is kept with it: asking decodes no ticket, and costs by what is asked for, not by what is kept.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

import msgspec

from cxstream.core.cycle import AT_RISK, OVERDUE, Cycle
from cxstream.core.policy import FIRST_REPLY, NEXT_REPLY, TARGETS, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.core.clocks import Clocks
    from cxstream.core.frame import Labels

WAITING: Final = "waiting"
LISTS: Final = (WAITING, "at_risk", "breached")
"""Running clocks that wait for a reply, whatever their state; of any kind, in that state."""

PAUSED: Final = 2**62  # ms: later than any deadline
"""The deadline of a clock that a status pauses: there is none until it goes on, so it comes last."""

_SPARE: Final = 64
"""Entries of a heap that may be out of date before it is built anew, beside as many as are in force."""
_MOST_REMEMBERED: Final = 10_000  # sets of labels


class Deadline(msgspec.Struct, frozen=True, order=True, gc=False):
    """A running clock, in the order of the lists."""

    due: int
    """When it is or was due, ms; :data:`PAUSED` if that is open."""
    key: bytes
    """Of the ticket, see :mod:`cxstream.core.record`."""
    kind: int
    """Index into :data:`~cxstream.core.policy.TARGETS`."""
    policy: str
    state: int
    """Index into :data:`~cxstream.core.cycle.STATES`."""
    started: int
    """Since when it runs, ms."""
    labels: Labels

    @property
    def target(self) -> str:
        """The target's name."""
        return TARGETS[self.kind]

    @property
    def waits(self) -> bool:
        """Whether the customer waits for a reply."""
        return self.kind in {FIRST_REPLY, NEXT_REPLY}

    def lists(self) -> Iterator[str]:
        """The lists it is in."""
        if self.waits:
            yield WAITING
        if self.state == AT_RISK:
            yield "at_risk"
        elif self.state == OVERDUE:
            yield "breached"


class Deadlines:
    """The lists of one partition.

    Each is a heap from which nothing is taken: what is no longer in force is passed over when it is met, and goes
    when it is half of the heap.
    """

    def __init__(self) -> None:
        self._of: dict[bytes, tuple[Deadline, ...]] = {}
        self._heaps: dict[str, list[Deadline]] = {name: [] for name in LISTS}
        self._sizes = dict.fromkeys(LISTS, 0)
        self._labels: dict[Labels, Labels] = {}

    def follow(self, key: bytes, clocks: Clocks | None) -> None:
        """The clocks of a ticket may have changed; ``None`` if it is forgotten."""
        before = self._of.get(key, ())
        after = () if clocks is None else tuple(self._listed(key, clocks))
        if before == after:
            return
        if after:
            self._of[key] = after
        else:
            del self._of[key]
        for gone in before:
            if gone not in after:
                for name in gone.lists():
                    self._sizes[name] -= 1
        for new in after:
            if new not in before:
                for name in new.lists():
                    self._sizes[name] += 1
                    heappush(self._heaps[name], new)
        for name, heap in self._heaps.items():
            if len(heap) > 2 * self._sizes[name] + _SPARE:
                heap[:] = filter(self._stands, dict.fromkeys(heap))
                heapify(heap)

    def count(self, name: str) -> int:
        """How many clocks are in a list."""
        return self._sizes[name]

    def first(self, name: str, limit: int) -> list[Deadline]:
        """The clocks of a list that are due first, at most ``limit``, without changing anything."""
        found: list[Deadline] = []
        for one in _ascending(self._heaps[name]):
            if len(found) == limit:
                break
            if self._stands(one) and (not found or found[-1] != one):
                found.append(one)
        return found

    def _listed(self, key: bytes, clocks: Clocks) -> Iterator[Deadline]:
        for kind, cycle in clocks.running.items():
            if cycle.state or kind in {FIRST_REPLY, NEXT_REPLY}:
                yield self._deadline(key, cycle, clocks.traits.labels)

    def _deadline(self, key: bytes, cycle: Cycle, labels: Labels) -> Deadline:
        if len(self._labels) >= _MOST_REMEMBERED:
            self._labels.clear()
        target: Target = cycle.target
        return Deadline(
            PAUSED if cycle.due is None else cycle.due,
            key,
            target.kind,
            target.policy,
            cycle.state,
            cycle.started,
            self._labels.setdefault(labels, labels),
        )

    def _stands(self, one: Deadline) -> bool:
        return one in self._of.get(one.key, ())


def _ascending(heap: list[Deadline]) -> Iterator[Deadline]:
    """The elements of a heap in their order, each found in the logarithm of those before it; the heap stays."""
    ahead = [(heap[0], 0)] if heap else []
    while ahead:
        one, index = heappop(ahead)
        yield one
        for child in (2 * index + 1, 2 * index + 2):
            if child < len(heap):
                heappush(ahead, (heap[child], child))
