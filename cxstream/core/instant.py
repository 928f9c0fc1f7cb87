"""Instants and durations: whole milliseconds, since 1970 UTC.

Text is RFC 3339 and nothing wider: a date, a time and an offset, no leap second, no week dates. The parts
that events have in common (hours, minutes and seconds, offsets) are looked up in tables, so that the usual
spellings cost no calendar arithmetic.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Final

from cxstream.core.window import UNITS

_SECOND: Final = UNITS["s"]
_MINUTE: Final = UNITS["m"]
_HOUR: Final = UNITS["h"]
_DAY: Final = UNITS["d"]
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()

FIRST: Final = (date.min.toordinal() - _EPOCH_DAY) * _DAY
"""0001-01-01T00:00:00.000Z, the first instant that can be written."""
LAST: Final = (date.max.toordinal() - _EPOCH_DAY + 1) * _DAY - 1
"""9999-12-31T23:59:59.999Z, the last instant that can be written."""
MILLISECONDS_FROM: Final = 100_000_000_000
"""Numbers from here on are milliseconds, below it seconds (until the year 5138)."""

_MOST_REMEMBERED: Final = 50_000  # entries of a table that fills up with what is read: 5 years of hours, 7 MB
_ENDING_AT: Final = len("2026-03-02T10:00:00")
_LONGEST_ENDING: Final = len(".123+01:00")  # longer fractions are too many to remember

_RFC3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]"
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    r"(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd])")

_hours: Final[dict[str, int]] = {}  # "2026-03-02T10" -> ms
_CLOCK: Final = {f":{m:02}:{s:02}": m * _MINUTE + s * _SECOND for m in range(60) for s in range(60)}
_CLOCKS: Final = tuple(_CLOCK)  # by the second of the hour
_FRACTIONS: Final = tuple(f".{millisecond:03}Z" for millisecond in range(1_000))
_endings: Final[dict[str, int]] = {"Z": 0}  # ".123+01:00" -> ms


class BeyondCalendarError(ValueError):
    """A number, or an offset, leads past the year 9999: a time, but none that can be written."""


def parse_instant(value: str | int | float) -> int:  # noqa: PYI041 - see _parse_number
    """Milliseconds of RFC 3339 text, or of epoch seconds (milliseconds from 10^11 on); fractions are cut.

    Raises ``ValueError`` for what is no time, ``BeyondCalendarError`` for what lies after the year 9999.
    """
    if isinstance(value, str):
        try:
            # The parts of 2026-03-02T10|:00:00|.123Z; a table only ever holds what is valid.
            return _hours[value[:13]] + _CLOCK[value[13:19]] + _endings[value[19:]]
        except KeyError:
            return _within(_parse_text(value))
    return _within(_parse_number(value))


def _within(instant: int) -> int:
    if instant > LAST:
        raise BeyondCalendarError("after the year 9999")
    if instant < FIRST:
        raise ValueError("before the year 1")
    return instant


def _parse_text(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("no RFC 3339 time with an offset, such as 2026-03-02T10:00:00Z")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError:
        raise ValueError("no day of the calendar") from None
    start = days * _DAY + int(hour) * _HOUR
    ending = int(fraction[:3].ljust(3, "0")) if fraction else 0
    if sign:
        offset = int(offset_hours) * _HOUR + int(offset_minutes) * _MINUTE
        ending += -offset if sign == "+" else offset
    if FIRST + _DAY <= start < LAST - _DAY:  # at the edges of the calendar the offset matters each time
        _remember(_hours, text[:13], start)
    if len(text) - _ENDING_AT <= _LONGEST_ENDING:
        _remember(_endings, text[_ENDING_AT:], ending)
    return start + int(minute) * _MINUTE + int(second) * _SECOND + ending


def _remember(table: dict[str, int], text: str, value: int) -> None:
    if len(table) >= _MOST_REMEMBERED:
        table.clear()
    table[text] = value


def _parse_number(number: object) -> int:  # of a parameter said to be a float, compiled code makes one
    if isinstance(number, int):
        return number if abs(number) >= MILLISECONDS_FROM else number * _SECOND
    if not (isinstance(number, float) and isfinite(number)):
        raise ValueError("no finite number")
    exact = Decimal(repr(number))  # 1772445600.123 is .123, though the nearest binary fraction lies below it
    if abs(number) < MILLISECONDS_FROM:
        exact *= _SECOND
    whole = int(exact)
    return whole - 1 if exact < whole else whole


def format_instant(instant: int) -> str:
    """``2026-03-02T09:00:00.000Z``."""
    hour, rest = divmod(instant, _HOUR)
    second, millisecond = divmod(rest, _SECOND)
    return _hour_text(hour) + _CLOCKS[second] + _FRACTIONS[millisecond]


@lru_cache(maxsize=_MOST_REMEMBERED)
def _hour_text(hour: int) -> str:
    day, hour = divmod(hour, 24)
    return f"{date.fromordinal(day + _EPOCH_DAY).isoformat()}T{hour:02}"


def parse_duration(text: str) -> int:
    """Milliseconds of ``15s``, ``5m``, ``36h`` or ``30d``; the ``ValueError`` it raises names the remedy."""
    match = _DURATION.fullmatch(text)
    if match is None:
        message = (
            f"{text!r} is no duration: write a whole number and s, m, h or d, such as 15s, 5m, 36h or 30d"
        )
        raise ValueError(message)
    return int(match[1]) * UNITS[match[2]]


def format_duration(duration: int) -> str:
    """The shortest spelling that :func:`parse_duration` reads back; a part of a second shows as decimals."""
    seconds, millisecond = divmod(abs(duration), _SECOND)
    sign = "-" if duration < 0 else ""
    if millisecond:
        return f"{sign}{seconds}.{millisecond:03}".rstrip("0") + "s"
    if not seconds:
        return "0s"
    unit = next(unit for unit in ("d", "h", "m", "s") if duration % UNITS[unit] == 0)
    return f"{sign}{abs(duration) // UNITS[unit]}{unit}"
