"""Calendars: business time in whole milliseconds, exact over changes of the clocks.

A calendar says when a clock runs: intervals of local time by weekday, and by date where a date is an exception. Open
time is counted in blocks of 52 weeks that are laid out when first asked for; what lies between two blocks is a
difference of two sums, so a span of years costs as much as one of minutes.

An edge that does not exist in local time, or occurs twice, is read as RFC 5545 section 3.3.5 does (``fold=0``): with
the offset before the change, or as its first occurrence. Openings and closings alike, so neighbours stay neighbours.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cxstream.core.instant import LAST
from cxstream.core.rules import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

Interval = tuple[int, int]
"""Opening and closing in minutes of the local day, 0 to 1440; half-open."""

MINUTE: Final = 60_000  # ms
DAY_MINUTES: Final = 1_440
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_WEEKS: Final = 52
_BLOCK: Final = _WEEKS * 7 * DAY  # ms: about a year, so that a block is laid out in less than a millisecond
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_FIRST_DAY: Final = date.min.toordinal()
_LAST_DAY: Final = date.max.toordinal()
_UNCHANGED: Final = -130 * 366 * DAY // _BLOCK
"""Blocks before this one, of 1839, lie before every time zone's first change of the clocks: all weeks are alike."""
_MOST_BLOCKS: Final = 64  # kept laid out, about 60 kB each


class Calendar:
    """When a clock runs."""

    always_open: bool = False
    week: int
    """Open time of a week without exceptions, ms."""
    business_day: int
    """``1bd``: the weekly open time, shared out among the weekdays with hours, ms."""

    def __init__(
        self,
        name: str,
        zone: ZoneInfo,
        hours: Mapping[int, Sequence[Interval]],
        dates: Mapping[date, Sequence[Interval]] | None = None,
    ) -> None:
        """``hours`` by weekday (Monday 0), ``dates`` with other hours than their weekday; sorted, not overlapping."""
        self.name = name
        self.zone = zone
        self._hours = tuple(tuple(hours.get(weekday, ())) for weekday in range(7))
        self._dates = {day.toordinal(): tuple(intervals) for day, intervals in (dates or {}).items()}
        open_days = [sum(end - start for start, end in day) * MINUTE for day in self._hours if day]
        self.week = sum(open_days)
        if not self.week:
            message = f"calendar {name!r} never opens: give it hours, or always_open: true"
            raise ValueError(message)
        self.business_day = self.week // len(open_days)
        self._blocks: dict[int, _Block] = {}
        self._before: dict[int, int] = {}
        first_exception = min(self._dates, default=_LAST_DAY) - _EPOCH_DAY
        self._alike = min(_UNCHANGED, first_exception * DAY // _BLOCK - 1)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def hours(self) -> tuple[tuple[Interval, ...], ...]:
        """The intervals of each weekday, Monday first."""
        return self._hours

    @property
    def dates(self) -> dict[date, tuple[Interval, ...]]:
        """The dates with hours of their own; closed all day where there are none."""
        return {date.fromordinal(day): self._dates[day] for day in sorted(self._dates)}

    def same(self, other: Calendar) -> bool:
        """Whether both are open at the same times; names do not matter."""
        return self is other or (
            self.always_open == other.always_open
            and self.zone.key == other.zone.key
            and self._hours == other._hours
            and self._dates == other._dates
        )

    def elapsed(self, start: int, end: int) -> int:
        """Open time between two instants, ms; 0 if ``end`` is not after ``start``."""
        return self._count(end) - self._count(start) if end > start else 0

    def due(self, start: int, amount: int) -> int:
        """The earliest instant where ``elapsed(start, instant) == amount``; the last of all if there is none.

        ``start`` itself for an amount of 0 or less.
        """
        if amount <= 0:
            return start
        count = self._count(start) + amount
        number = start // _BLOCK
        while self._sum(number + 1) < count:
            number += 1
            if number * _BLOCK > LAST:
                return LAST
        return min(self._block(number).reached(count - self._sum(number)), LAST)

    def _count(self, instant: int) -> int:
        """Open time since the beginning of the block that was asked for first, ms; negative before it."""
        number = instant // _BLOCK
        return self._sum(number) + self._block(number).open_until(instant)

    def _sum(self, number: int) -> int:
        """The count at the beginning of a block."""
        known = self._before
        if number in known:
            return known[number]
        if number < self._alike:
            return self._sum(self._alike) - (self._alike - number) * _WEEKS * self.week
        if not known:
            known[number] = 0
        for n in range(max(known), number):
            known[n + 1] = known[n] + self._block(n).total
        for n in range(min(known) - 1, number - 1, -1):
            known[n] = known[n + 1] - self._block(n).total
        return known[number]

    def _block(self, number: int) -> _Block:
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            block = self._blocks[number] = self._lay_out(number)
        return block

    def _lay_out(self, number: int) -> _Block:
        """The open stretches of a block: those of its days and of their neighbours, joined and cut to it."""
        if number < self._alike - 1:  # also dates that Python cannot write
            return self._block(self._alike - 1).moved((number - self._alike + 1) * _BLOCK)
        first, last = number * _BLOCK, (number + 1) * _BLOCK
        day = number * _WEEKS * 7 + _EPOCH_DAY
        starts: list[int] = []
        ends: list[int] = []
        # Two days more at both ends: local dates are up to 14 hours off, and one may be skipped or repeated.
        for start, end in sorted(self._stretches(day - 2, day + _WEEKS * 7 + 2)):
            start, end = max(start, first), min(end, last)  # noqa: PLW2901 - cut to the block
            if start >= end:
                continue
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        return _Block(starts, ends)

    def _stretches(self, first: int, last: int) -> Iterator[Interval]:
        """The open stretches of some local days, as instants."""
        first, last = max(first, _FIRST_DAY), min(last, _LAST_DAY)
        after = self._midnight(first)
        for day in range(first, last):
            midnight, after = after, self._midnight(day + 1)
            intervals = self._dates.get(day)
            if intervals is None:
                intervals = self._hours[(day - 1) % 7]
            if after - midnight == DAY:
                for start, end in intervals:
                    yield midnight + start * MINUTE, midnight + end * MINUTE
            else:
                for start, end in intervals:
                    yield self._instant(day, start), self._instant(day, end)

    def _midnight(self, day: int) -> int:
        return self._instant(day, 0)

    def _instant(self, day: int, minute: int) -> int:
        """The instant of a local time."""
        if minute == DAY_MINUTES:
            return self._instant(day + 1, 0)
        naive = datetime.fromordinal(day) + timedelta(minutes=minute)
        offset = self.zone.utcoffset(naive) or timedelta()
        return (naive.replace(tzinfo=UTC) - _EPOCH - offset) // timedelta(milliseconds=1)


class _Block:
    """Open stretches as instants, and the open time before each."""

    __slots__ = ("_counts", "_ends", "_starts", "total")

    def __init__(self, starts: list[int], ends: list[int]) -> None:
        self._starts = starts
        self._ends = ends
        self._counts: list[int] = []
        total = 0
        for start, end in zip(starts, ends, strict=True):
            self._counts.append(total)
            total += end - start
        self.total = total

    def moved(self, by: int) -> _Block:
        """The same block at another time."""
        return _Block([start + by for start in self._starts], [end + by for end in self._ends])

    def open_until(self, instant: int) -> int:
        """Open time between the beginning of the block and an instant in it."""
        index = bisect_right(self._starts, instant) - 1
        if index < 0:
            return 0
        return self._counts[index] + min(instant, self._ends[index]) - self._starts[index]

    def reached(self, count: int) -> int:
        """The earliest instant of the block before which it has been open for ``count`` > 0."""
        index = bisect_left(self._counts, count) - 1
        return self._starts[index] + count - self._counts[index]


class AlwaysOpen(Calendar):
    """A calendar in which every instant counts; its zone says how people read it."""

    always_open = True

    def __init__(self, name: str, zone: ZoneInfo) -> None:
        super().__init__(name, zone, dict.fromkeys(range(7), ((0, DAY_MINUTES),)))
        self.week = 7 * DAY
        self.business_day = DAY

    def elapsed(self, start: int, end: int) -> int:
        """Time between two instants, ms."""
        return end - start if end > start else 0

    def due(self, start: int, amount: int) -> int:
        """``amount`` later, but not after the last instant of all."""
        due = start + amount if amount > 0 else start
        return min(LAST, due)
