"""A view: a copy of the numbers, added up over partitions and by the label sets that are shown. Used in a thread."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cxstream.metrics import counted
from cxstream.metrics.copied import backlog_sets
from cxstream.metrics.labels import Bounds, collect

if TYPE_CHECKING:
    from cxstream.core.pane import Cell
    from cxstream.core.rules import Rules
    from cxstream.metrics.copied import Copied
    from cxstream.metrics.counted import Numbers
    from cxstream.metrics.labels import LabelSet
    from cxstream.metrics.observed import Options


class View:
    """What only some metrics need is worked out when one of them is asked for."""

    def __init__(
        self, copied: Copied, rules: Rules, options: Options, shown: counted.Counted, judged: counted.Counted
    ) -> None:
        self.copied = copied
        self.rules = rules
        self.bounds = self._bounds(copied, rules, options)
        policies = rules.policies
        self.series = () if policies is None else policies.series
        """Names of policy and target of all SLA targets."""
        self.promised = None if policies is None else policies.current
        self._teams, self._shown, self._judged = options.teams, shown, judged

    @cached_property
    def _known(self) -> list[LabelSet]:
        return [*backlog_sets(self.copied.live), *counted.configured(self.rules.labels, self._teams)]

    @cached_property
    def counted(self) -> list[tuple[LabelSet, Numbers]]:
        """The cumulative numbers by shown label set."""
        found = self._shown.show(counted.gather(self.copied), self._known, self._by_labels)
        return sorted(found.items())

    @cached_property
    def evaluated(self) -> list[tuple[LabelSet, Numbers]]:
        """The evaluations of SLA targets by shown label set."""
        if not self.series:
            return []
        evaluations = counted.gather_evaluations(self.copied, len(self.series))
        return sorted(self._judged.show(evaluations, self._known, self._by_labels).items())

    def _by_labels(self, labels: LabelSet) -> LabelSet:
        return self.bounds.label_set(self.rules.labels, labels)

    @staticmethod
    def _bounds(copied: Copied, rules: Rules, options: Options) -> Bounds:
        live: dict[str, set[str]] = {"source": set(copied.newest)}
        tallied: dict[str, set[str]] = {}
        for partition in copied.live:
            collect(rules.labels, partition.backlog, live)
            for cells in partition.windows.values():
                collect(rules.window_labels, cells, live)
        for partition in copied.live:
            live.setdefault("team", set()).update(team for _, _, team in partition.clocks)
        for keys in (copied.flows, copied.measures, copied.answers, copied.evaluations):
            collect(rules.labels, [key[-1] for key in keys], tallied)
        return Bounds(options, live, tallied)

    @cached_property
    def cells(self) -> list[tuple[LabelSet, Cell]]:
        """The windows: one cell per window and shown label set."""
        totals: dict[LabelSet, Cell] = {}
        names = self.rules.window_labels
        for partition in self.copied.live:
            for window, cells in partition.windows.items():
                for labels, cell in cells.items():
                    key = (window, *self.bounds.label_set(names, labels))
                    total = totals.get(key)
                    if total is None:
                        totals[key] = cell  # a copy already, ours to change
                    else:
                        total.merge(cell)
        return sorted(totals.items())

    @cached_property
    def backlog(self) -> list[tuple[LabelSet, tuple[int, int, int, list[int], int]]]:
        """Awaiting, in progress, oldest opening, ages per bucket and their sum by shown label set; ms."""
        totals: dict[LabelSet, tuple[int, int, int, list[int], int]] = {}
        for partition in self.copied.live:
            for labels, row in partition.backlog.items():
                if row.oldest is None:
                    continue
                key = self._by_labels(labels)
                before = totals.get(key)
                if before is None:
                    totals[key] = (row.awaiting, row.in_progress, row.oldest, list(row.ages), row.age_sum)
                else:
                    awaiting, progress, oldest, ages, total = before
                    totals[key] = (
                        awaiting + row.awaiting,
                        progress + row.in_progress,
                        min(oldest, row.oldest),
                        [a + b for a, b in zip(ages, row.ages, strict=True)],
                        total + row.age_sum,
                    )
        return sorted(totals.items())
