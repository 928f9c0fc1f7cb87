"""Lanes: the panes of one width side by side, the windows made of them, and the bars for charts.

What is new goes into the narrowest lane and is passed on from there, pane by pane, to the wider ones and the bars. The
totals of the windows follow when they are read, by the panes that have come and gone since.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Final

from cxstream.core.pane import Cell, merge
from cxstream.core.rules import HOUR, Rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.rolling import Group
    from cxstream.core.window import Window

Range = tuple[int, int]
"""First and last pane."""

SLACK: Final = HOUR
"""How long panes are kept after they have left the last window, so that one can look back, in ms."""

_MIDNIGHTS: Final = 60_000
"""Days begin at whole minutes, in ms, wherever on Earth: a calendar window may move in the midst of a pane."""


class Bars:
    """All label sets together, in bars that are narrow enough for charts."""

    def __init__(self, step: int, reach: int, now: int) -> None:
        self.step = step
        self.oldest = (now - reach) // step
        """Bars before this one are not kept."""
        self._reach = reach
        self._bars: dict[int, Cell] = {}

    def cell(self, moment: int) -> Cell | None:
        """The bar of a moment, if it is kept."""
        bar = moment // self.step
        if bar < self.oldest:
            return None
        cell = self._bars.get(bar)
        if cell is None:
            cell = self._bars[bar] = Cell()
        return cell

    def merge(self, moment: int, cells: dict[Group, Cell]) -> None:
        """Add what is new in a pane that begins at ``moment``."""
        bar = self.cell(moment)
        if bar is not None:
            for cell in cells.values():
                bar.merge(cell)

    def advance(self, now: int) -> None:
        """Forget what is too old."""
        oldest = (now - self._reach) // self.step
        if oldest > self.oldest:
            self.oldest = oldest
            self._bars = {bar: cell for bar, cell in self._bars.items() if bar >= oldest}

    def between(self, first: int, last: int) -> Cell:
        """The sum of the bars from ``first`` to ``last``; everything has been merged."""
        total = Cell()
        for bar in range(first, last):
            cell = self._bars.get(bar)
            if cell is not None:
                total.merge(cell)
        return total


class Lane:
    """The panes of one width, and the windows made of them."""

    def __init__(self, rules: Rules, windows: list[Window], now: int) -> None:
        self.step = windows[0].step
        self.grain = gcd(self.step, _MIDNIGHTS) if any(window.calendar for window in windows) else self.step
        """Within a stretch so long, in ms, the windows do not move."""
        self.fresh: dict[int, dict[Group, Cell]] = {}
        """Per pane what has been added up but not merged yet."""
        self.wider: Lane | None = None
        """Where it is passed on to."""
        self.whole: Cell | None = None
        """Where it is passed on to as well; that of the widest of a chain."""
        self.bars: Bars | None = None
        """Where it is passed on to as well, if they are made of whole panes."""
        self._windows = windows
        self._zone = rules.timezone
        self._reach = max(window.longest for window in windows) + SLACK
        self._panes: dict[int, dict[Group, Cell]] = {}
        self.ranges = self._ranges_at(now)
        self._totals: list[dict[Group, Cell]] = [{} for _ in windows]
        self._summed = list(self.ranges)
        """Over which panes the totals are, as of now."""
        self.oldest = self._oldest_at(now)
        """Panes before this one are not kept."""

    def cell(self, pane: int, group: Group) -> Cell:
        """What is added up for a pane and a label set."""
        cells = self.fresh.get(pane)
        if cells is None:
            cells = self.fresh[pane] = {}
        cell = cells.get(group)
        if cell is None:
            cell = cells[group] = Cell()
        return cell

    def merge(self) -> None:
        """Bring the panes up to date, and pass on what is new."""
        for pane, fresh in self.fresh.items():
            self._pass_on(pane, fresh)
            if pane < self.oldest:
                continue
            for total, (first, last) in zip(self._totals, self._summed, strict=True):
                if first <= pane <= last:
                    merge(total, fresh, 1)
            cells = self._panes.get(pane)
            if cells is None:
                self._panes[pane] = fresh
            else:
                merge(cells, fresh, 1)
        self.fresh = {}

    def _pass_on(self, pane: int, fresh: dict[Group, Cell]) -> None:
        if self.whole is not None:
            for cell in fresh.values():
                self.whole.merge(cell)
        if self.bars is not None:
            self.bars.merge(pane * self.step, fresh)
        if self.wider is None:
            return
        wide = pane * self.step // self.wider.step
        cells = self.wider.fresh.get(wide)
        if cells is None:
            cells = self.wider.fresh[wide] = {}
        merge(cells, fresh, 1)

    def advance(self, now: int) -> None:
        """Move the windows; everything has been merged."""
        self.ranges = self._ranges_at(now)
        oldest = self._oldest_at(now)
        if oldest > self.oldest:
            self._release(oldest)
            self._drop(oldest)

    def totals(self) -> dict[str, dict[Group, Cell]]:
        """The windows as of the last move; everything has been merged."""
        for index, (old, new) in enumerate(zip(self._summed, self.ranges, strict=True)):
            self._move(self._totals[index], old, new)
            self._summed[index] = new
        return {window.name: total for window, total in zip(self._windows, self._totals, strict=True)}

    def at(self, now: int) -> dict[str, dict[Group, Cell]]:
        """The windows at another instant; everything has been merged."""
        ranges = self._ranges_at(now)
        if min(first for first, _ in ranges) < self.oldest:
            message = "that instant is too long ago: the panes of its windows are no longer kept"
            raise ValueError(message)
        found = self.totals()
        for name, old, new in zip(list(found), self.ranges, ranges, strict=True):
            found[name] = {group: Cell(cell) for group, cell in found[name].items()}
            self._move(found[name], old, new)
        return found

    def _release(self, oldest: int) -> None:
        """Take out of the totals the panes before ``oldest``."""
        for index, (old, new) in enumerate(zip(self._summed, self.ranges, strict=True)):
            if old[0] >= oldest:
                continue
            if old[1] < new[0]:  # all of them: what has come since waits until somebody reads
                self._totals[index] = {}
                self._summed[index] = (new[0], new[0] - 1)
            else:
                self._move(self._totals[index], old, new)
                self._summed[index] = new

    def _ranges_at(self, now: int) -> list[Range]:
        return [window.panes(now, self._zone) for window in self._windows]

    def _oldest_at(self, now: int) -> int:
        return (now - self._reach) // self.step

    def _move(self, totals: dict[Group, Cell], old: Range, new: Range) -> None:
        """Turn totals over one range of panes into those over another: a cost by what lies between them."""
        (old_first, old_last), (first, last) = old, new
        if old_last < first or last < old_first:
            totals.clear()
            self._shift(totals, first, last, 1)
            return
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
            cells = self._panes.get(number)
            if cells is not None:
                merge(totals, cells, sign)

    def _drop(self, oldest: int) -> None:
        """Forget panes that no window can reach any more."""
        if oldest <= self.oldest:
            return
        if oldest - self.oldest < len(self._panes):
            for number in range(self.oldest, oldest):
                self._panes.pop(number, None)
        else:
            self._panes = {number: pane for number, pane in self._panes.items() if number >= oldest}
        self.oldest = oldest


def chains(lanes: list[Lane]) -> list[list[Lane]]:
    """Lanes, narrow to wide, in chains in which each wider one is made of whole narrower ones."""
    found: list[list[Lane]] = []
    for wide in lanes:
        for chain in found:
            if wide.step % chain[-1].step == 0:
                chain[-1].wider = wide
                chain.append(wide)
                break
        else:
            found.append([wide])
    return found
