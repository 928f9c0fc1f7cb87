"""A worker whose wall clock is the event clock, so that half an hour of a long run is weeks for the retention too.

usage: python -m benchmarks.hurried worker

`cxstream worker` otherwise: only the function that tells the time of day is another one, from before anything has
imported it.
"""

from __future__ import annotations

from benchmarks.events import START
from cxstream.stream import clock


class Clock(clock.EventClock):
    """The event clock; begins when the simulated helpdesk does."""

    __slots__ = ()
    time = START
    """What the wall shows, ms."""

    def accept(self, at: int) -> int:
        """Take note of an event's time."""
        Clock.time = max(Clock.time, at)
        return super().accept(at)


def wall() -> int:
    """The time of the newest event."""
    return Clock.time


clock.EventClock = Clock  # type: ignore[misc]
clock.wall = wall

if __name__ == "__main__":
    from cxstream.cli import main

    main()
