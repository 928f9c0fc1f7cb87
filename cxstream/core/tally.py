"""Tallies: the cumulative numbers of a process.

They start at zero, never go down, and are shared by all partitions of a worker. A measurement is counted when it
is first made, if its moment is recent (``Rules.live_lag``): history and backfill move the live values only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, Literal

from cxstream.core.pane import (
    ANSWER,
    BOUNDS,
    CATEGORIES,
    EVALUATED,
    FIRST_RESOLUTION,
    FIRST_RESPONSE,
    FIRST_RESPONSE_BUSINESS,
    FLOWS,
    MEASURES,
    RESOLUTION_BUSINESS,
    SECOND,
    SURVEYS,
    evaluated,
)
from cxstream.core.rolling import Group, grouping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.frame import Labels
    from cxstream.core.measure import Measurement
    from cxstream.core.rules import Rules

Result = Literal["applied", "duplicate", "late", "orphan", "invalid"]
RESULTS: Final[tuple[Result, ...]] = ("applied", "duplicate", "late", "orphan", "invalid")
"""What became of a record; each record has one result."""

DELAY_BOUNDS: Final[tuple[int, ...]] = (
    5, 10, 20, 50, 100, 250, 500, SECOND, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000, 86_400_000
)  # fmt: skip
"""Upper bounds (inclusive) of the buckets of the delay of an event, ms."""

_MOST_GATHERED: Final = 2_000
"""Measurements gathered before they are counted without anybody reading: 2 ms of work."""


class Histogram:
    """Counts per bucket (not cumulative, beyond the last bound at the end) and the sum, ms."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...] = BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def observe(self, value: int, times: int = 1) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def observe_all(self, values: list[int]) -> None:
        """Count many values, which get sorted: the bounds are looked up in them, not they in the bounds."""
        values.sort()
        below = 0
        for index, bound in enumerate(self.bounds):
            within = bisect_right(values, bound)
            self.counts[index] += within - below
            below = within
        self.counts[-1] += len(values) - below
        self.total += sum(values)


class Tally:
    """All cumulative numbers of a worker."""

    def __init__(self, rules: Rules) -> None:
        self._group = grouping(rules.labels)
        self._lag = rules.live_lag
        self.results: Counter[tuple[str, Result]] = Counter()
        """Records by topic and result."""
        self.letters: Counter[tuple[str, str]] = Counter()
        """Dead letters by topic and reason."""
        self.misplaced: Counter[str] = Counter()
        """By topic, the records whose key does not belong to their partition."""
        self.newest: dict[str, int] = {}
        """By source, the latest time of an event, ms."""
        self.delays: dict[str, Histogram] = {}
        """By topic, processing time minus event time."""
        self._measures: dict[tuple[str, Group], Histogram] = {}
        self._histograms: defaultdict[Group, dict[int, Histogram]] = defaultdict(dict)
        """The same by labels and code."""
        self._flows: Counter[tuple[str, Group]] = Counter()
        self._answers: Counter[tuple[str, str, Group]] = Counter()
        self._evaluations: Counter[tuple[int, str, Group]] = Counter()
        self._gathered: list[Measurement] = []

    @property
    def measures(self) -> dict[tuple[str, Group], Histogram]:
        """Durations by measure and labels."""
        self._settle()
        return self._measures

    @property
    def flows(self) -> Counter[tuple[str, Group]]:
        """Transitions by flow and labels."""
        self._settle()
        return self._flows

    @property
    def answers(self) -> Counter[tuple[str, str, Group]]:
        """Answers by survey, category and labels."""
        self._settle()
        return self._answers

    @property
    def evaluations(self) -> Counter[tuple[int, str, Group]]:
        """Evaluations of SLA targets by series, outcome and labels."""
        self._settle()
        return self._evaluations

    def count(self, fresh: Iterable[Measurement], now: int) -> None:
        """Count measurements that have been made for the first time."""
        horizon = now - self._lag
        gathered = self._gathered
        for measurement in fresh:
            if measurement[1] >= horizon:
                gathered.append(measurement)
        if len(gathered) >= _MOST_GATHERED:
            self._settle()

    def _settle(self) -> None:
        """Count what has been gathered: that waits until somebody reads, so that an event does not pay for it."""
        known: Labels | None = None
        group: Group = ()
        histograms: dict[int, Histogram] = {}
        for what, _, labels, value, _ in self._gathered:
            if what == FIRST_RESOLUTION:
                continue
            if labels is not known:  # an event makes several
                known, group = labels, self._group(labels)
                histograms = self._histograms[group]
            if what < FIRST_RESPONSE:
                self._flows[FLOWS[what], group] += 1
            elif what < ANSWER:
                histogram = histograms.get(what)
                if histogram is None:
                    histogram = histograms[what] = Histogram()
                    self._measures[MEASURES[what - FIRST_RESPONSE], group] = histogram
                histogram.observe(value)
            elif what >= FIRST_RESPONSE_BUSINESS:
                if what > RESOLUTION_BUSINESS:
                    series, outcome = evaluated(what)
                    self._evaluations[series, EVALUATED[outcome], group] += 1
            else:
                survey, category = divmod(what - ANSWER, 3)
                name = SURVEYS[survey]
                self._answers[name, CATEGORIES[name][category], group] += 1
        self._gathered.clear()

    def delayed(self, topic: str, delays: Iterable[int]) -> None:
        """Count the delays of events, ms; a time ahead of ours counts as none."""
        histogram = self.delays.get(topic)
        if histogram is None:
            histogram = self.delays[topic] = Histogram(DELAY_BOUNDS)
        histogram.observe_all([max(delay, 0) for delay in delays])
