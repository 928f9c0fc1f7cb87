"""The sweep: when a worker looks for reference cycles.

Tickets live long and are in no cycles, so each look at all of them finds nothing and stops the loop for a tenth of a
second or more. On the way only the newest objects are looked at (exceptions and tasks are in cycles, and die young);
the rest, old connections above all, is left to a quiet moment, or to once an hour where there is none.
"""

from __future__ import annotations

import gc
import time
from typing import Final

import structlog

log = structlog.get_logger(__name__)

_YOUNG: Final = 10_000
"""Objects made and not freed between two looks at them: 1,000 events' or so, some 5 ms."""
_NEVER: Final = 1_000_000
_USUAL: Final = 600.0
"""Seconds at least between two sweeps."""
_LATEST: Final = 3_600.0
"""Seconds after which there is one in the middle of work."""
_QUIET: Final = 5.0
"""Seconds without an event that make a moment a quiet one."""


class Sweep:
    """To be told once a second how far the worker is."""

    def __init__(self) -> None:
        self._thresholds: tuple[int, int, int] | None = None
        self._applied = 0
        self._moved = self._swept = time.monotonic()

    def begin(self) -> None:
        """From now on collect the youngest only."""
        self._thresholds = gc.get_threshold()
        gc.set_threshold(_YOUNG, _NEVER, _NEVER)

    def end(self) -> None:
        """Collect as before."""
        if self._thresholds is not None:
            gc.set_threshold(*self._thresholds)
            self._thresholds = None

    def look(self, applied: int) -> bool:
        """Sweep if it is time; ``applied`` is a number that stands still while no events come."""
        now = time.monotonic()
        if applied != self._applied:
            self._applied, self._moved = applied, now
        quiet = now - self._moved >= _QUIET
        if now - self._swept < (_USUAL if quiet else _LATEST):
            return False
        found = gc.collect()
        self._swept = time.monotonic()
        log.debug("swept", objects=found, ms=round((self._swept - now) * 1e3))
        return True
