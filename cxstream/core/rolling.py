"""Rolling windows: totals of the panes that count now, kept up to date as panes enter and leave.

Windows of one step share their panes; a pane is as wide as the step, so that a long window has few of them. What
tickets put in is only gathered. Adding it up waits until somebody reads or a pane is left: per label set into the
narrowest pane, whose sum is then passed on to the wider panes and the bars, so that a busy minute costs them one
merge. The totals of the windows follow when they are read, by the panes that have come and gone since. Reading costs
as many steps as there are label sets, whatever the number of panes.
"""

from __future__ import annotations

from math import gcd
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from cxstream.core.lane import SLACK, Bars, Lane, chains
from cxstream.core.pane import Cell, put
from cxstream.core.rules import LABELS, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cxstream.core.frame import Labels
    from cxstream.core.measure import Measurement
    from cxstream.core.window import Window

Group = tuple[str, ...]
"""Values of some of the labels, in the order in which the rules name them."""

Totals = dict[str, dict[Group, Cell]]
"""Per window name and label set."""

_MOST_GATHERED: Final = 2_000
"""Measurements gathered before they are added up without anybody reading: 2 ms of work."""
_BAR: Final = 300_000
"""Width in ms, at least, of the bars kept for charts: without label sets a week of them takes 1 MB."""
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


class Rolling:
    """The windows of one partition, and the sum of everything, whenever it was made."""

    def __init__(self, rules: Rules, now: int) -> None:
        by_step: dict[int, list[Window]] = {}
        for window in rules.windows:
            by_step.setdefault(window.step, []).append(window)
        self._names = [window.name for window in rules.windows]
        self._lanes = [Lane(rules, by_step[step], now) for step in sorted(by_step)]
        self._chains = chains(self._lanes)
        self._grain = gcd(*(lane.grain for lane in self._lanes))
        self._group = grouping(rules.window_labels)
        self._groups: dict[Labels, Group] = {}
        self._in: list[Measurement] = []
        self._out: list[Measurement] = []
        self._whole = self._chains[0][-1].whole = Cell()
        narrowest = gcd(*by_step)
        self.step = -(-_BAR // narrowest) * narrowest
        """Width in ms of the bars that :meth:`between` tells apart."""
        self._bars = Bars(self.step, max(window.longest for window in rules.windows) + SLACK, now)
        if self.step % self._lanes[0].step == 0:
            self._lanes[0].bars = self._bars
        self._source = self._lanes[0] if self._lanes[0].bars and len(self._chains) == 1 else None
        """The lane from which all others and the bars are made, if there is one."""
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
        for lane in self._chains[0]:
            lane.merge()
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
            for lane in self._lanes:
                if now // lane.grain != self._now // lane.grain:
                    lane.merge()
                    lane.advance(now)
            self.horizon = self._horizon()
            self._bars.advance(now)
        self._now = now

    def totals(self) -> Totals:
        """The windows as of the last :meth:`advance`; not to be changed by the caller."""
        self._add_up()
        found: Totals = {}
        for lane in self._lanes:
            lane.merge()
            found |= lane.totals()
        return {name: found[name] for name in self._names}

    def at(self, now: int) -> Totals:
        """The windows at another instant; ``ValueError`` if it is too long ago for the panes that are kept."""
        self._add_up()
        found: Totals = {}
        for lane in self._lanes:
            lane.merge()
            found |= lane.at(now)
        return {name: found[name] for name in self._names}

    def between(self, start: int, end: int) -> Cell | None:
        """All label sets together, over the bars that begin in ``[start, end)``; ``None`` if they are not kept."""
        first, last = -(-start // self.step), -(-end // self.step)
        if first < self._bars.oldest:
            return None
        self._add_up()
        self._lanes[0].merge()
        return self._bars.between(first, last)

    def _horizon(self) -> int:
        return min(first * lane.step for lane in self._lanes for first, _ in lane.ranges)

    def _add_up(self) -> None:
        """Add up what has been gathered, in the cells where it belongs."""
        last, known, cells = None, None, list[Cell]()
        for gathered, sign in ((self._in, 1), (self._out, -1)):
            for what, moment, labels, value, _ in gathered:
                if moment != last or labels is not known:  # an event makes several
                    last, known, cells = moment, labels, self._cells(moment, labels)
                put(cells, what, value, sign)
            gathered.clear()

    def _cells(self, moment: int, labels: Labels) -> list[Cell]:
        """The narrowest pane that is kept, and what is not passed on to from there."""
        group = self._groups.get(labels) or self._remember(labels)
        source = self._source
        if source is not None and (pane := moment // source.step) >= source.oldest:
            return [source.cell(pane, group)]
        cells, passed_on = [], False
        for chain in self._chains:
            for lane in chain:
                pane = moment // lane.step
                if pane >= lane.oldest:
                    cells.append(lane.cell(pane, group))
                    passed_on = passed_on or lane.bars is not None
                    break
            else:
                if chain[-1].whole is not None:
                    cells.append(chain[-1].whole)
        if not passed_on:
            bar = self._bars.cell(moment)
            if bar is not None:
                cells.append(bar)
        return cells

    def _remember(self, labels: Labels) -> Group:
        if len(self._groups) >= _MOST_GROUPS:
            self._groups.clear()
        group = self._groups[labels] = self._group(labels)
        return group
