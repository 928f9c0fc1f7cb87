"""The agenda: what will happen, by the time at which it will."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

Act = Callable[[int, Any, int], None]
"""What happens: called with the instant (ms), whom it happens to, and the turn in which it was planned."""


class Agenda:
    """A heap of happenings; at one instant, those planned first come first."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Act, Any, int]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def plan(self, at: int, act: Act, subject: Any, turn: int = 0) -> None:
        """Let ``act(at, subject, turn)`` happen at ``at`` (ms)."""
        self._count = count = self._count + 1
        heappush(self._heap, (at, count, act, subject, turn))

    def next(self) -> tuple[int, int, Act, Any, int]:
        """Take out the next happening: instant, number, act, subject, turn."""
        return heappop(self._heap)

    def subjects(self) -> list[Any]:
        """To whom something will happen still, in no particular order."""
        return [entry[3] for entry in self._heap]
