"""Speed: how fast events are published that have times of their own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cxstream.cli.failure import usage

if TYPE_CHECKING:
    from collections.abc import Callable

MAX: Final = "max"
Speed = Annotated[
    str,
    typer.Option("--speed", metavar="N|max", help="Times as fast as it happened; max = as fast as possible."),
]


def speed_of(text: str) -> float | None:
    """Read ``--speed``; ``None`` = as fast as possible."""
    if text == MAX:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        usage(f"--speed {text!r} is no speed: write a number above 0 such as 60, or max")
    return speed


class Pace:
    """Says how long to wait before the next event.

    The first event is due at once; an event that happened earlier than one before it is due at once too.

        pace = Pace(60.0)          # a minute of the events' time in a second
        await asyncio.sleep(pace.wait(event.at))
    """

    def __init__(self, speed: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._speed = speed
        self._clock = clock
        self._start: tuple[int, float] | None = None

    def wait(self, at: int) -> float:
        """Return the seconds until the event dated ``at`` (ms) is due; 0 if it is."""
        if self._speed is None:
            return 0.0
        if self._start is None:
            self._start = (at, self._clock())
        first, began = self._start
        return max(0.0, began + (at - first) / 1_000 / self._speed - self._clock())
