"""Rolling windows: totals of the panes that count now, kept up to date as panes enter and leave.

Windows of one step share their panes; a pane is as wide as the step, so that a long window has few of them. What
tickets put in is only gathered. Adding it up waits until somebody reads or a pane is left: per label set into the
narrowest pane, whose sum is then merged into the totals of its windows and passed on to the wider panes, so that a
busy minute costs them one merge. Reading costs as many steps as there are label sets, whatever the number of panes.
"""

from __future__ import annotations

from math import gcd
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from cxstream.core.pane import Cell, merge, put
from cxstream.core.rules import HOUR, LABELS, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cxstream.core.frame import Labels
    from cxstream.core.measure import Measurement
    from cxstream.core.window import Window

Group = tuple[str, ...]
"""Values of some of the labels, in the order in which the rules name them."""

Range = tuple[int, int]
"""First and last pane."""

Totals = dict[str, dict[Group, Cell]]
"""Per window name and label set."""

SLACK: Final = HOUR
"""How long panes are kept after they have left the last window, so that one can look back, in ms."""

_MOST_GATHERED: Final = 2_000
"""Measurements gathered before they are added up without anybody reading: 5 ms of work."""
_BAR: Final = 300_000
"""Width in ms, at least, of the bars kept for charts: without label sets a week of them takes 1 MB."""
_MIDNIGHTS: Final = 60_000
"""Days begin at whole minutes, in ms, wherever on Earth: a calendar window may move in the midst of a pane."""
_MOST_GROUPS: Final = 50_000
"""Label sets whose group is remembered."""


def grouping(names: Iterable[str]) -> Callable[[Labels], Group]:
    """A function that picks the values of these labels."""
    indices = [LABELS.index(name) for name in names]
    if not indices:
        return lambda _: ()
    if len(indices) == 1:
        index = indices[0]
        return lambda labels: (labels[index],)
    return itemgetter(*indices)


class _Panes:
    """The panes of one width, and the windows made of them."""

    def __init__(self, rules: Rules, windows: list[Window], now: int) -> None:
        self.step = windows[0].step
        self.grain = gcd(self.step, _MIDNIGHTS) if any(window.calendar for window in windows) else self.step
        """Within a stretch so long, in ms, the windows do not move."""
        self.fresh: dict[int, dict[Group, Cell]] = {}
        """Per pane what has been added up but not merged yet."""
        self.wider: _Panes | None = None
        """Where it is passed on to."""
        self.whole: Cell | None = None
        """Where it is passed on to as well; that of the widest of a chain."""
        self.totals: dict[str, dict[Group, Cell]] = {window.name: {} for window in windows}
        self._windows = windows
        self._zone = rules.timezone
        self._reach = max(window.longest for window in windows) + SLACK
        self._panes: dict[int, dict[Group, Cell]] = {}
        self.ranges = self._ranges_at(now)
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
        """Bring panes and totals up to date, and pass on what is new."""
        for pane, fresh in self.fresh.items():
            self._pass_on(pane, fresh)
            if pane < self.oldest:
                continue
            for total, (first, last) in zip(self.totals.values(), self.ranges, strict=True):
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
        if self.wider is None:
            return
        wide = pane * self.step // self.wider.step
        cells = self.wider.fresh.get(wide)
        if cells is None:
            cells = self.wider.fresh[wide] = {}
        merge(cells, fresh, 1)

    def advance(self, now: int) -> None:
        """Move the windows; everything has been merged."""
        ranges = self._ranges_at(now)
        for total, old, new in zip(self.totals.values(), self.ranges, ranges, strict=True):
            self._move(total, old, new)
        self.ranges = ranges
        self._drop(self._oldest_at(now))

    def at(self, now: int) -> dict[str, dict[Group, Cell]]:
        """The windows at another instant; everything has been merged."""
        ranges = self._ranges_at(now)
        if min(first for first, _ in ranges) < self.oldest:
            message = "that instant is too long ago: the panes of its windows are no longer kept"
            raise ValueError(message)
        found = {}
        for (name, total), old, new in zip(self.totals.items(), self.ranges, ranges, strict=True):
            found[name] = {group: Cell(cell) for group, cell in total.items()}
            self._move(found[name], old, new)
        return found

    def _ranges_at(self, now: int) -> list[Range]:
        return [window.panes(now, self._zone) for window in self._windows]

    def _oldest_at(self, now: int) -> int:
        return (now - self._reach) // self.step

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


class Rolling:
    """The windows of one partition, and the sum of everything, whenever it was made."""

    def __init__(self, rules: Rules, now: int) -> None:
        by_step: dict[int, list[Window]] = {}
        for window in rules.windows:
            by_step.setdefault(window.step, []).append(window)
        self._names = [window.name for window in rules.windows]
        self._panes = [_Panes(rules, by_step[step], now) for step in sorted(by_step)]
        self._chains = _chains(self._panes)
        self._grain = gcd(*(panes.grain for panes in self._panes))
        self._group = grouping(rules.window_labels)
        self._groups: dict[Labels, Group] = {}
        self._in: list[Measurement] = []
        self._out: list[Measurement] = []
        self._whole = self._chains[0][-1].whole = Cell()
        narrowest = gcd(*by_step)
        self.step = -(-_BAR // narrowest) * narrowest
        """Width in ms of the bars that :meth:`between` tells apart."""
        self._bars: dict[int, Cell] = {}
        self._reach = max(window.longest for window in rules.windows) + SLACK
        self._oldest_bar = (now - self._reach) // self.step
        self._now = now
        self.horizon = self._horizon()
        """Where the longest window begins, ms."""

    @property
    def now(self) -> int:
        """The instant up to which the windows have been moved."""
        return self._now

    @property
    def whole(self) -> Cell:
        """The sum of everything."""
        self._add_up()
        for panes in self._chains[0]:
            panes.merge()
        return self._whole

    def put(self, added: Iterable[Measurement], removed: Iterable[Measurement] = ()) -> None:
        """Add measurements, each at its moment, and take others out."""
        self._in += added
        if removed:
            self._out += removed
        if len(self._in) >= _MOST_GATHERED:
            self._add_up()

    def advance(self, now: int) -> None:
        """Move the windows to ``now``; panes enter and leave with no event arriving."""
        if now // self._grain != self._now // self._grain:
            self._add_up()
            for panes in self._panes:
                if now // panes.grain != self._now // panes.grain:
                    panes.merge()
                    panes.advance(now)
            self.horizon = self._horizon()
            oldest = (now - self._reach) // self.step
            if oldest > self._oldest_bar:
                self._oldest_bar = oldest
                self._bars = {bar: cell for bar, cell in self._bars.items() if bar >= oldest}
        self._now = now

    def totals(self) -> Totals:
        """The windows as of the last :meth:`advance`; not to be changed by the caller."""
        self._add_up()
        found: Totals = {}
        for panes in self._panes:
            panes.merge()
            found |= panes.totals
        return {name: found[name] for name in self._names}

    def at(self, now: int) -> Totals:
        """The windows at another instant; ``ValueError`` if it is too long ago for the panes that are kept."""
        self._add_up()
        found: Totals = {}
        for panes in self._panes:
            panes.merge()
            found |= panes.at(now)
        return {name: found[name] for name in self._names}

    def between(self, start: int, end: int) -> Cell | None:
        """All label sets together, over the bars that begin in ``[start, end)``; ``None`` if they are not kept."""
        first, last = -(-start // self.step), -(-end // self.step)
        if first < self._oldest_bar:
            return None
        self._add_up()
        total = Cell()
        for bar in range(first, last):
            cell = self._bars.get(bar)
            if cell is not None:
                total.merge(cell)
        return total

    def _horizon(self) -> int:
        return min(first * panes.step for panes in self._panes for first, _ in panes.ranges)

    def _add_up(self) -> None:
        """Add up what has been gathered: in all, per bar, and per label set in the narrowest pane that is kept."""
        groups, bars, step, oldest = self._groups, self._bars, self.step, self._oldest_bar
        for gathered, sign in ((self._in, 1), (self._out, -1)):
            for what, moment, labels, value, _ in gathered:
                group = groups.get(labels) or self._remember(labels)
                cells = []
                for chain in self._chains:
                    for panes in chain:
                        pane = moment // panes.step
                        if pane >= panes.oldest:
                            cells.append(panes.cell(pane, group))
                            break
                    else:
                        if chain[-1].whole is not None:
                            cells.append(chain[-1].whole)
                bar = moment // step
                if bar >= oldest:
                    cell = bars.get(bar)
                    if cell is None:
                        cell = bars[bar] = Cell()
                    cells.append(cell)
                put(cells, what, value, sign)
            gathered.clear()

    def _remember(self, labels: Labels) -> Group:
        if len(self._groups) >= _MOST_GROUPS:
            self._groups.clear()
        group = self._groups[labels] = self._group(labels)
        return group


def _chains(panes: list[_Panes]) -> list[list[_Panes]]:
    """Panes, narrow to wide, in chains in which each wider one is made of whole narrower ones."""
    chains: list[list[_Panes]] = []
    for wide in panes:
        for chain in chains:
            if wide.step % chain[-1].step == 0:
                chain[-1].wider = wide
                chain.append(wide)
                break
        else:
            chains.append([wide])
    return chains
