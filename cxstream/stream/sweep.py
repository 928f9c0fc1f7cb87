"""The sweep: when a worker looks for reference cycles.

Tickets live long and are in no cycles. Python would look at each new object all the same, a sixth of what an event
costs, and now and then at all of them, which stops the loop for a tenth of a second or more. So a worker looks itself:
once a second at what is new, unless so much is that it can only be tickets, which is set aside unseen; and at all of
it in a quiet moment, or once an hour where there is none. What is in cycles, exceptions and tasks and old connections,
is little and waits so long.
"""

from __future__ import annotations

import gc
import time
from typing import Final

import structlog

log = structlog.get_logger(__name__)

_BUSY: Final = 2_000
"""Events in a second from which on what is new is set aside; of fewer it takes some ms to look at."""
_USUAL: Final = 600.0
"""Seconds at least between two sweeps."""
_LATEST: Final = 3_600.0
"""Seconds after which there is one in the middle of work."""
_QUIET: Final = 5.0
"""Seconds without an event that make a moment a quiet one."""


class Sweep:
    """To be told once a second how far the worker is."""

    def __init__(self) -> None:
        self._applied = 0
        self._moved = self._swept = time.monotonic()

    def begin(self) -> None:
        """From now on Python collects nothing of itself."""
        gc.disable()
        gc.freeze()  # code and settings stay

    def end(self) -> None:
        """Collect as before."""
        gc.unfreeze()
        gc.enable()

    def look(self, applied: int) -> bool:
        """Sweep if it is time; ``applied`` is a number that stands still while no events come."""
        now = time.monotonic()
        more, self._applied = applied - self._applied, applied
        if more:
            self._moved = now
        quiet = now - self._moved >= _QUIET
        if now - self._swept < (_USUAL if quiet else _LATEST):
            if more > _BUSY:
                gc.freeze()
            else:
                gc.collect(0)
            return False
        gc.unfreeze()
        found = gc.collect()
        self._swept = time.monotonic()
        log.debug("swept", objects=found, ms=round((self._swept - now) * 1e3))
        return True
