"""Instants: whole milliseconds since 1970 UTC, and the ways helpdesks spell them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the offset is written by hand
_ZONES: Final = ((0, "+00:00"), (60, "+01:00"), (330, "+05:30"), (-480, "-08:00"))  # minutes east of UTC
SPELLINGS: Final = 3 + len(_ZONES)


@lru_cache(maxsize=8_192)
def _minute(minutes: int) -> str:
    return (_EPOCH + timedelta(minutes=minutes)).isoformat()[:17]


def rfc3339(at: int) -> str:
    """``at`` (ms) as ``2026-03-02T09:00:00.000Z``."""
    minutes, rest = divmod(at, MINUTE)
    return f"{_minute(minutes)}{rest // SECOND:02d}.{rest % SECOND:03d}Z"


def respelled(at: int, kind: int) -> str | int:
    """``at`` (ms) in another of :data:`SPELLINGS` ways that read as the same millisecond."""
    if kind == 0:
        return at
    if kind == 1 and at % SECOND == 0:
        return at // SECOND
    if kind <= 2:
        return rfc3339(at).lower()
    minutes, offset = _ZONES[kind - 3]
    return rfc3339(at + minutes * MINUTE)[:-1] + offset
