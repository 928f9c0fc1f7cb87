"""Rolling windows: totals of the panes that count now, kept up to date as panes enter and leave.

All windows share panes of one width, the greatest common divisor of their steps. Measurements are first gathered
per pane and label set; merging them into panes and totals waits until somebody reads, so that a busy minute costs
one merge and not one per event. Reading costs as many steps as there are label sets, whatever the number of panes.
"""

from __future__ import annotations

from math import gcd
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from cxstream.core.pane import Cell
from cxstream.core.rules import HOUR, LABELS, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cxstream.core.frame import Labels
    from cxstream.core.measure import Measurement

Group = tuple[str, ...]
"""Values of some of the labels, in the order in which the rules name them."""

Range = tuple[int, int]
"""First and last pane."""

Totals = dict[str, dict[Group, Cell]]
"""Per window name and label set."""

SLACK: Final = HOUR
"""How long panes are kept after they have left the last window, so that one can look back, in ms."""

_MOST_GATHERED: Final = 50_000
"""Pane cells gathered before they are merged without anybody reading: bounds the memory."""


def grouping(names: Iterable[str]) -> Callable[[Labels], Group]:
    """A function that picks the values of these labels."""
    indices = [LABELS.index(name) for name in names]
    if not indices:
        return lambda _: ()
    if len(indices) == 1:
        index = indices[0]
        return lambda labels: (labels[index],)
    return itemgetter(*indices)


class Rolling:
    """The windows of one partition."""

    def __init__(self, rules: Rules, now: int) -> None:
        self._windows = rules.windows
        self._zone = rules.timezone
        self._step = gcd(*(window.step for window in rules.windows))
        self._reach = max(window.longest for window in rules.windows)
        self._group = grouping(rules.window_labels)
        self._groups: dict[Labels, Group] = {}
        self._gathered: dict[tuple[int, Group], Cell] = {}
        self._panes: dict[int, dict[Group, Cell]] = {}
        self._totals: list[dict[Group, Cell]] = [{} for _ in self._windows]
        self._now = now
        self._ranges = self._panes_at(now)
        self._oldest = self._oldest_at(now)

    @property
    def now(self) -> int:
        """The instant up to which the windows have been moved."""
        return self._now

    def within(self, moment: int) -> bool:
        """Whether a moment lies in, or after, the longest window."""
        return moment // self._step >= min(first for first, _ in self._ranges)

    def put(self, measurement: Measurement, sign: int = 1) -> None:
        """Add (1) or take out (-1) a measurement, at its moment."""
        what, moment, labels, value, _ = measurement
        pane = moment // self._step
        if pane < self._oldest:
            return
        group = self._groups.get(labels)
        if group is None:
            if len(self._groups) > _MOST_GATHERED:
                self._groups.clear()
            group = self._groups[labels] = self._group(labels)
        key = (pane, group)
        cell = self._gathered.get(key)
        if cell is None:
            if len(self._gathered) >= _MOST_GATHERED:
                self._merge()
            cell = self._gathered[key] = Cell()
        cell.put(what, value, sign)

    def advance(self, now: int) -> None:
        """Move the windows to ``now``; panes enter and leave with no event arriving."""
        if now // self._step != self._now // self._step:
            self._merge()
            ranges = self._panes_at(now)
            for totals, old, new in zip(self._totals, self._ranges, ranges, strict=True):
                self._move(totals, old, new)
            self._ranges = ranges
            self._drop(self._oldest_at(now))
        self._now = now

    def totals(self) -> Totals:
        """The windows as of the last :meth:`advance`; not to be changed by the caller."""
        self._merge()
        return {window.name: totals for window, totals in zip(self._windows, self._totals, strict=True)}

    def at(self, now: int) -> Totals:
        """The windows at another instant; ``ValueError`` if it is too long ago for the panes that are kept."""
        ranges = self._panes_at(now)
        if min(first for first, _ in ranges) < self._oldest:
            message = "that instant is too long ago: the panes of its windows are no longer kept"
            raise ValueError(message)
        self._merge()
        found: Totals = {}
        for window, totals, old, new in zip(self._windows, self._totals, self._ranges, ranges, strict=True):
            moved = found[window.name] = {group: Cell(cell) for group, cell in totals.items()}
            self._move(moved, old, new)
        return found

    def between(self, start: int, end: int) -> Cell | None:
        """All label sets together, over the panes that begin in ``[start, end)``; ``None`` if they are not kept."""
        first, last = -(-start // self._step), -(-end // self._step)
        if first < self._oldest:
            return None
        self._merge()
        total = Cell()
        for number in range(first, last):
            for cell in self._panes.get(number, {}).values():
                total.merge(cell)
        return total

    @property
    def step(self) -> int:
        """Width in ms of the panes that all windows share."""
        return self._step

    def _panes_at(self, now: int) -> list[Range]:
        """Per window its first and last pane, in panes of the common width."""
        ranges = []
        for window in self._windows:
            first, last = window.panes(now, self._zone)
            width = window.step // self._step
            ranges.append((first * width, (last + 1) * width - 1))
        return ranges

    def _oldest_at(self, now: int) -> int:
        return (now - self._reach - SLACK) // self._step

    def _merge(self) -> None:
        for (pane, group), cell in self._gathered.items():
            if pane < self._oldest:
                continue
            _merge_into(self._panes.setdefault(pane, {}), group, cell, 1)
            for totals, (first, last) in zip(self._totals, self._ranges, strict=True):
                if first <= pane <= last:
                    _merge_into(totals, group, cell, 1)
        self._gathered.clear()

    def _move(self, totals: dict[Group, Cell], old: Range, new: Range) -> None:
        """Turn totals over one range of panes into those over another: a cost by what lies between them."""
        (old_first, old_last), (first, last) = old, new
        self._shift(totals, old_first, min(first - 1, old_last), -1)
        self._shift(totals, first, min(old_first - 1, last), 1)
        self._shift(totals, max(last + 1, old_first), old_last, -1)
        self._shift(totals, max(old_last + 1, first), last, 1)

    def _shift(self, totals: dict[Group, Cell], first: int, last: int, sign: int) -> None:
        """Add or take out the panes from ``first`` to ``last``; none if ``last`` is the lower."""
        if last < first:
            return
        if last - first < len(self._panes):
            numbers: Iterable[int] = range(first, last + 1)
        else:
            numbers = [number for number in self._panes if first <= number <= last]
        for number in numbers:
            for group, cell in self._panes.get(number, {}).items():
                _merge_into(totals, group, cell, sign)

    def _drop(self, oldest: int) -> None:
        """Forget panes that no window can reach any more."""
        if oldest <= self._oldest:
            return
        if oldest - self._oldest < len(self._panes):
            for number in range(self._oldest, oldest):
                self._panes.pop(number, None)
        else:
            self._panes = {number: pane for number, pane in self._panes.items() if number >= oldest}
        self._oldest = oldest


def _merge_into(cells: dict[Group, Cell], group: Group, cell: Cell, sign: int) -> None:
    total = cells.get(group)
    if total is None:
        total = cells[group] = Cell()
    total.merge(cell, sign)
    if not total:
        del cells[group]
