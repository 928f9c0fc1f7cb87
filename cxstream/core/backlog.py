"""The backlog: open tickets by state and age, per label set, exact at any instant.

Ages are counted from sorted openings, so reading costs the number of label sets and bounds, not of tickets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sortedcontainers import SortedList

from cxstream.core.pane import AGE_BOUNDS
from cxstream.core.rolling import Group, grouping
from cxstream.core.ticket import AWAITING, IN_PROGRESS, Summary

if TYPE_CHECKING:
    from cxstream.core.rules import Rules


class Row(NamedTuple):
    """The open tickets of one label set; ``ages`` per bucket of ``AGE_BOUNDS``, not cumulative, +Inf last; ms."""

    awaiting: int
    in_progress: int
    oldest: int | None
    """The earliest opening, an instant."""
    ages: list[int]
    age_sum: int

    def plus(self, other: Row) -> Row:
        """The open tickets of both, of the same label set."""
        return Row(
            self.awaiting + other.awaiting,
            self.in_progress + other.in_progress,
            min((at for at in (self.oldest, other.oldest) if at is not None), default=None),
            [a + b for a, b in zip(self.ages, other.ages, strict=True)],
            self.age_sum + other.age_sum,
        )


class _Openings:
    """Openings of the open tickets of one label set."""

    __slots__ = ("awaiting", "openings", "total")

    def __init__(self) -> None:
        self.openings: SortedList[int] = SortedList()
        self.awaiting = 0
        self.total = 0


class Backlog:
    """The open tickets of one partition."""

    def __init__(self, rules: Rules) -> None:
        self._group = grouping(rules.labels)
        self._rows: dict[Group, _Openings] = {}

    def move(self, before: Summary, after: Summary) -> None:
        """Follow a ticket from one summary to the next."""
        if before.state in _OPEN:
            if after.state in _OPEN and before.opening == after.opening and before.labels == after.labels:
                if before.state != after.state:
                    self._rows[self._group(after.labels)].awaiting += (after.state == AWAITING) - (
                        before.state == AWAITING
                    )
                return
            self._take(before)
        if after.state in _OPEN:
            self._put(after)

    def rows(self, now: int) -> dict[Group, Row]:
        """Every label set with an open ticket, as of ``now``; a ticket opened after ``now`` has age 0."""
        found = {}
        for group, row in self._rows.items():
            openings = row.openings
            ahead = openings[openings.bisect_right(now) :]
            younger = [len(openings) - openings.bisect_left(now - bound) for bound in AGE_BOUNDS]
            counts = [b - a for a, b in zip([0, *younger], [*younger, len(openings)], strict=True)]
            found[group] = Row(
                row.awaiting,
                len(openings) - row.awaiting,
                openings[0],
                counts,
                now * (len(openings) - len(ahead)) - (row.total - sum(ahead)),
            )
        return found

    def _put(self, summary: Summary) -> None:
        row = self._rows.setdefault(self._group(summary.labels), _Openings())
        opening = summary.opening or 0
        row.openings.add(opening)
        row.total += opening
        row.awaiting += summary.state == AWAITING

    def _take(self, summary: Summary) -> None:
        group = self._group(summary.labels)
        row = self._rows[group]
        opening = summary.opening or 0
        row.openings.remove(opening)
        row.total -= opening
        row.awaiting -= summary.state == AWAITING
        if not row.openings:
            del self._rows[group]


_OPEN = (AWAITING, IN_PROGRESS)
