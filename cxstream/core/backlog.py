"""The backlog: open tickets by state and age, per label set, exact at any instant.

Ages are counted from sorted openings, so reading costs the number of label sets and bounds, not of tickets. What
comes and goes between two readings is only noted, and sorted in when somebody reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sortedcontainers import SortedList

from cxstream.core.change import AWAITING, IN_PROGRESS, VOID, Summary
from cxstream.core.pane import AGE_BOUNDS
from cxstream.core.rolling import Group, grouping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.rules import Rules


_MOST_NOTED: Final = 1_000
"""Openings of a label set noted before they are sorted in without anybody reading: 2 ms of work."""


class Row(NamedTuple):
    """The open tickets of one label set; ``ages`` per bucket of ``AGE_BOUNDS``, not cumulative, +Inf last; ms."""

    awaiting: int
    in_progress: int
    oldest: int | None
    """The earliest opening, an instant."""
    ages: list[int]
    age_sum: int
    oldest_awaiting: int | None
    """The earliest opening of those that await their first reply."""

    def plus(self, other: Row) -> Row:
        """The open tickets of both, of the same label set."""
        return Row(
            self.awaiting + other.awaiting,
            self.in_progress + other.in_progress,
            _earlier(self.oldest, other.oldest),
            [a + b for a, b in zip(self.ages, other.ages, strict=True)],
            self.age_sum + other.age_sum,
            _earlier(self.oldest_awaiting, other.oldest_awaiting),
        )


NO_ROW: Final = Row(0, 0, None, [0] * (len(AGE_BOUNDS) + 1), 0, None)
"""No open ticket."""


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)


class _Openings:
    """Openings of tickets, sorted."""

    __slots__ = ("_noted", "_sorted", "tickets", "total")

    def __init__(self) -> None:
        self.tickets = 0
        self.total = 0
        """Sum of the openings."""
        self._sorted: SortedList[int] = SortedList()
        self._noted: dict[int, int] = {}

    def note(self, opening: int, sign: int) -> None:
        """Add (1) or take out (-1) a ticket's opening."""
        self.tickets += sign
        self.total += sign * opening
        noted = self._noted
        noted[opening] = noted.get(opening, 0) + sign
        if len(noted) >= _MOST_NOTED:
            self.sorted()

    def sorted(self) -> SortedList[int]:
        """All openings, the earliest first."""
        openings = self._sorted
        if self._noted:
            for opening, times in self._noted.items():
                for _ in range(-times):
                    openings.remove(opening)
            openings.update([opening for opening, times in self._noted.items() for _ in range(times)])
            self._noted.clear()
        return openings


class Backlog:
    """The open tickets of one partition."""

    def __init__(self, rules: Rules) -> None:
        self._group = grouping(rules.labels)
        self._rows: dict[Group, tuple[_Openings, _Openings]] = {}
        """The open tickets of a label set, and those of them that await their first reply."""

    def move(self, before: Summary, after: Summary) -> None:
        """Follow a ticket from one summary to the next."""
        was, now, labels = before.state, after.state, before.labels
        if _OPEN[was]:
            if _OPEN[now] and before.opening == after.opening and labels == after.labels:
                if was != now:
                    _, awaiting = self._rows[self._group(labels)]
                    awaiting.note(before.opening or 0, (now == AWAITING) - (was == AWAITING))
                return
            self._note(before, -1)
        if _OPEN[now]:
            self._note(after, 1)

    def groups(self) -> Iterable[Group]:
        """Every label set with an open ticket."""
        return self._rows.keys()

    def rows(self, now: int) -> dict[Group, Row]:
        """Every label set with an open ticket, as of ``now``; a ticket opened after ``now`` has age 0."""
        found = {}
        for group, (row, awaiting) in self._rows.items():
            openings = row.sorted()
            ahead = openings[openings.bisect_right(now) :]
            younger = [len(openings) - openings.bisect_left(now - bound) for bound in AGE_BOUNDS]
            counts = [b - a for a, b in zip([0, *younger], [*younger, len(openings)], strict=True)]
            found[group] = Row(
                awaiting.tickets,
                len(openings) - awaiting.tickets,
                openings[0],
                counts,
                now * (len(openings) - len(ahead)) - (row.total - sum(ahead)),
                awaiting.sorted()[0] if awaiting.tickets else None,
            )
        return found

    def _note(self, summary: Summary, sign: int) -> None:
        group = self._group(summary.labels)
        found = self._rows.get(group)
        if found is None:
            found = self._rows[group] = (_Openings(), _Openings())
        row, awaiting = found
        row.note(summary.opening or 0, sign)
        if summary.state == AWAITING:
            awaiting.note(summary.opening or 0, sign)
        if not row.tickets:
            del self._rows[group]


_OPEN: Final = tuple(state in (AWAITING, IN_PROGRESS) for state in range(VOID + 1))
"""By state, whether a ticket is in the backlog."""
