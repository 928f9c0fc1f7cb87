"""A naive calendar: walks from local minute to local minute and asks of each whether it is open.

Shares no code with the product. Slow on purpose: nothing is remembered, nothing is summed in advance.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = 60_000
Hours = dict[int, list[tuple[str, str]]]


def edge(day: date, text: str, zone: ZoneInfo) -> datetime:
    """The instant of a local time; 24:00 is the next day's midnight; RFC 5545 where there is none, or two."""
    hour, minute = map(int, text.split(":"))
    if hour == 24:
        day, hour = day + timedelta(days=1), 0
    local = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - the zone comes next
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def elapsed(
    start: int, end: int, zone: ZoneInfo, hours: Hours, dates: dict[date, list[tuple[str, str]]]
) -> int:
    """Open milliseconds between two instants, minute by minute; edges and offsets lie on whole minutes."""
    day = datetime.fromtimestamp(start // 1000, UTC).date() - timedelta(days=2)
    last = datetime.fromtimestamp(end // 1000, UTC).date() + timedelta(days=2)
    stretches = []
    while day <= last:
        for opens, closes in dates.get(day, hours.get(day.weekday(), [])):
            stretches.append([edge(day, text, zone).timestamp() * 1000 for text in (opens, closes)])
        day += timedelta(days=1)
    total, at = 0, start
    while at < end:
        until = min(end, at - at % MINUTE + MINUTE)
        if any(opens <= at < closes for opens, closes in stretches):
            total += until - at
        at = until
    return total
