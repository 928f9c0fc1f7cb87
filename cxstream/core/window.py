"""Windows: which panes of time count at an instant.

A window is written ``span/step``. Panes are half-open, ``[k*step, (k+1)*step)`` since 1970 UTC. A rolling window
holds the current pane and those before it, ``span/step`` in all; ``today``, ``week`` and ``month`` hold the panes
since the last local midnight, Monday or first of the month (from the pane in which that midnight lies).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final

UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}  # ms
_DAY: Final = UNITS["d"]
CALENDARS: Final = {"today": _DAY, "week": 7 * _DAY, "month": 31 * _DAY}
"""The calendar windows and the longest they can be, without a change of the clocks."""
_SHIFT: Final = UNITS["h"] * 2  # what a change of the clocks can add to a day, a week or a month
_SHORTEST_STEP: Final = UNITS["s"]
_MOST_PANES: Final = 50_000
_DURATION: Final = re.compile(r"([1-9][0-9]*)([smhd])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - the same object on every supported version


@dataclass(frozen=True, slots=True)
class Window:
    """``name`` as shown in labels and reports; ``span`` and ``step`` in ms; ``calendar`` for calendar windows."""

    name: str
    span: int
    step: int
    calendar: bool = False

    def panes(self, now: int, zone: tzinfo) -> tuple[int, int]:
        """First and last pane number (of this window's step) that count at ``now``."""
        last = now // self.step
        if self.calendar:
            return self._start(now, zone) // self.step, last
        return last - self.span // self.step + 1, last

    @property
    def longest(self) -> int:
        """Upper limit in ms of the time between the start of the oldest pane and ``now``."""
        return self.span + self.step + (_SHIFT if self.calendar else 0)

    def _start(self, now: int, zone: tzinfo) -> int:
        local = (_EPOCH + timedelta(milliseconds=now)).astimezone(zone)
        day = local.date()
        if self.name == "week":
            day -= timedelta(days=day.weekday())
        elif self.name == "month":
            day = day.replace(day=1)
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        return (midnight - _EPOCH) // timedelta(milliseconds=1)


def parse_windows(text: str) -> tuple[Window, ...]:
    """Read ``1h/1m,today/15m``; raises ``ValueError`` with the remedy in its text."""
    windows = tuple(_parse_window(part.strip()) for part in text.split(",") if part.strip())
    if not windows:
        message = "no window given: write for example 1h/1m,24h/15m"
        raise ValueError(message)
    names = [window.name for window in windows]
    for name in names:
        if names.count(name) > 1:
            message = f"window {name!r} is given twice: keep one"
            raise ValueError(message)
    return windows


def _parse_window(text: str) -> Window:
    name, slash, step_text = text.partition("/")
    if not slash:
        message = f"window {text!r} has no step: write {text}/1m"
        raise ValueError(message)
    step = _parse_span(step_text, text)
    if name in CALENDARS:
        if _DAY % step:
            message = f"window {text!r}: the step must divide a day, as 15m does"
            raise ValueError(message)
        return Window(name, CALENDARS[name], step, calendar=True)
    span = _parse_span(name, text)
    if span % step:
        message = f"window {text!r}: the span must be a multiple of the step, as in 1h/1m"
        raise ValueError(message)
    if span // step > _MOST_PANES:
        message = f"window {text!r} has {span // step} panes, at most {_MOST_PANES}: choose a longer step"
        raise ValueError(message)
    return Window(name, span, step)


def _parse_span(text: str, window: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        message = f"window {window!r}: {text!r} is no duration such as 15s, 5m, 36h or 7d"
        raise ValueError(message)
    return int(match[1]) * UNITS[match[2]]
