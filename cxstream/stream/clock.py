"""The clocks a worker can run by; all instants are whole milliseconds since 1970 UTC."""

from __future__ import annotations

import time
from typing import Final, Protocol

_NANOSECONDS: Final = 1_000_000  # in a millisecond


def wall() -> int:
    """Return the wall clock's time."""
    return time.time_ns() // _NANOSECONDS


class Clock(Protocol):
    """What the windows take for now."""

    def now(self) -> int:
        """Return the current instant; it never goes back."""
        ...

    def accept(self, at: int) -> int:
        """Take note of an accepted event's time; return the current instant."""
        ...


class WallClock:
    """Time passes, whether events come or not."""

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest = 0

    def now(self) -> int:
        """Return the wall clock's time, or the last one given if the wall clock was set back."""
        now = wall()
        self._latest = max(self._latest, now)
        return self._latest

    def accept(self, at: int) -> int:  # noqa: ARG002 - events do not move this clock
        """Return the current instant."""
        return self._latest or self.now()


class EventClock:
    """Time is the highest ``occurred_at`` accepted; it stands still while no events come."""

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest = 0

    def now(self) -> int:
        """Return the highest time accepted so far (0 before the first event)."""
        return self._latest

    def accept(self, at: int) -> int:
        """Take note of an event's time."""
        if at > self._latest:  # noqa: PLR1730 - once per event, and three times as fast as max()
            self._latest = at
        return self._latest


def clock(name: str) -> Clock:
    """Return the clock of the setting ``CXSTREAM_CLOCK``."""
    return EventClock() if name == "event" else WallClock()
