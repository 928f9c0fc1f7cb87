"""PromQL out of the metric catalogue: a series that no worker exposes cannot be written down.

    >>> Query(Rules()).series("cxstream_backlog_tickets", state="awaiting_first_reply")
    'cxstream_backlog_tickets{state="awaiting_first_reply"}'

Name, labels, the values of closed labels and the bounds of buckets are checked when the query is made; what is
wrong raises :class:`UnknownSeriesError`, so that a generator fails and not, silently, an alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cxstream.core.pane import AGE_BOUNDS, BOUNDS, CATEGORIES, FLOWS, SCORE_BOUNDS, SECOND, SURVEYS
from cxstream.core.tally import DELAY_BOUNDS, RESULTS
from cxstream.metrics.catalogue import METRICS, STATES, le

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.rules import Rules
    from cxstream.metrics.catalogue import Metric

COMPLETE: Final = "cxstream:complete:bool"
"""Recorded: 1 while every partition is owned and recovered, else 0."""
JOB: Final = "cxstream"
"""The scrape job of the workers in ``deploy/prometheus/prometheus.yml``."""
FOREIGN: Final = ("up", "process_cpu_seconds_total", "process_resident_memory_bytes")
"""Series of Prometheus itself and of prometheus_client, which every worker has besides those of the catalogue."""

_SUFFIXES: Final = {
    "window histogram": ("_bucket", "_gsum", "_gcount"),
    "histogram": ("_bucket", "_sum", "_count"),
}
_SLA_STATES: Final = ("ok", "at_risk", "breached")
_VALUES: Final = {
    "flow": FLOWS,
    "state": (*STATES, *_SLA_STATES),
    "survey": SURVEYS,
    "category": tuple(category for names in CATEGORIES.values() for category in names),
    "result": RESULTS,
    "outcome": ("met", "breached"),
}
_BOUNDS: Final = {le(bound / SECOND) for bound in (*BOUNDS, *AGE_BOUNDS, *DELAY_BOUNDS)} | {
    le(bound) for bounds in SCORE_BOUNDS.values() for bound in bounds
}


class UnknownSeriesError(LookupError):
    """A query names what no worker exposes; the text says what, and what there is."""


@dataclass(frozen=True)
class Query:
    """Makes the queries of a deployment with these rules.

    ``board``: for a dashboard, whose variables ``$job``, ``$instance``, ``$team`` and ``$channel`` every
    selector keeps; a label that the metric does not have must not be selected, since ``=~".+"`` on it matches
    nothing.
    """

    rules: Rules
    board: bool = False

    def series(self, name: str, **matchers: str | tuple[str, ...]) -> str:
        """The selector of ``name`` (with the suffix of a histogram's part); a tuple matches each of its values."""
        labels = self.labels(name)
        for label, wanted in matchers.items():
            self._demand(name, label)
            for value in (wanted,) if isinstance(wanted, str) else wanted:
                self._check(name, label, value)
        kept = self._variables(labels) if self.board else ()
        written = [*kept, *(_matcher(*each) for each in matchers.items())]
        return f"{name}{{{', '.join(written)}}}" if written else name

    def labels(self, name: str) -> tuple[str, ...]:
        """The labels of a series, without those that Prometheus gives it."""
        if name in FOREIGN:
            return ()
        labels = self._metric(name).label_names(self.rules)
        return (*labels, "le") if name.endswith("_bucket") else labels

    def by(self, name: str, labels: str) -> str:
        """``by (labels)``, with commas between them, behind an operator over ``name``; nothing for no label."""
        if not labels:
            return ""
        for label in labels.split(", "):
            self._demand(name, label)
        return f" by ({labels}) "

    def _demand(self, name: str, label: str) -> None:
        labels = self.labels(name)
        if label not in {*labels, "job", "instance"}:
            message = f"{name} has no label {label!r}: it has {', '.join(labels) or 'none'}"
            raise UnknownSeriesError(message)

    def _metric(self, name: str) -> Metric:
        for metric in METRICS.values():
            if name in {metric.name + suffix for suffix in _SUFFIXES.get(metric.kind, ("",))}:
                return metric
        message = f"{name} is no series of the catalogue: see cxstream/metrics/catalogue.py"
        raise UnknownSeriesError(message)

    def _check(self, name: str, label: str, value: str) -> None:
        if value.startswith("$"):
            return  # a variable of the board
        known: Iterable[str] | None = _VALUES.get(label)
        if label == "window":
            known = self.windows
        elif label == "le":
            known = _BOUNDS
        if known is not None and value not in known:
            message = (
                f"{name}: {label}={value!r} does not occur: {label} is one of {', '.join(sorted(known))}"
            )
            raise UnknownSeriesError(message)

    def _variables(self, labels: tuple[str, ...]) -> Iterable[str]:
        yield 'job=~"$job"'
        yield 'instance=~"$instance"'
        yield from (f'{label}=~"${label}"' for label in ("team", "channel") if label in labels)

    # ------------------------------------------------------------------------------------ windows

    @cached_property
    def windows(self) -> tuple[str, ...]:
        """Names of all rolling windows."""
        return tuple(window.name for window in self.rules.windows)

    def window_near(self, span: int) -> str:
        """The window whose length is nearest to ``span`` (ms); fixed ones before those of the calendar."""
        return min(self.rules.windows, key=lambda window: (abs(window.span - span), window.calendar)).name

    # ------------------------------------------------------------------------ the usual expressions

    def total(self, name: str, by: str = "", **matchers: str | tuple[str, ...]) -> str:
        """``sum``; ``by`` are labels with commas between them."""
        return f"sum{self.by(name, by)}({self.series(name, **matchers)})"

    def rate(self, name: str, over: str, by: str = "", **matchers: str | tuple[str, ...]) -> str:
        """Sum of ``rate``; first the rate, then the sum: the other way round a restart is a negative step."""
        return f"sum{self.by(name, by)}(rate({self.series(name, **matchers)}[{over}]))"

    def increase(self, name: str, over: str, by: str = "", **matchers: str | tuple[str, ...]) -> str:
        """Sum of ``increase``."""
        return f"sum{self.by(name, by)}(increase({self.series(name, **matchers)}[{over}]))"

    def mean(self, name: str, by: str = "", **matchers: str | tuple[str, ...]) -> str:
        """Mean of a window histogram; an empty one has none, instead of NaN."""
        sums, counts = (self.total(name + part, by, **matchers) for part in ("_gsum", "_gcount"))
        return f"{sums} / ({counts} > 0)"

    def quantile(self, q: float, name: str, by: str = "", **matchers: str | tuple[str, ...]) -> str:
        """Quantile of a window histogram, interpolated within its bucket; none of an empty one."""
        buckets = self.total(f"{name}_bucket", f"{by}, le" if by else "le", **matchers)
        return f"histogram_quantile({q}, {buckets}) >= 0"  # NaN >= 0 is false: an empty histogram has none

    def within(self, seconds: float, name: str, by: str = "", **matchers: str | tuple[str, ...]) -> str:
        """Share of a window histogram at or below a bound, which must be one of its buckets."""
        below = self.total(f"{name}_bucket", by, le=le(seconds), **matchers)
        return f"{below} / ({self.total(f'{name}_gcount', by, **matchers)} > 0)"

    def share(self, name: str, part: dict[str, str], by: str = "", **matchers: str | tuple[str, ...]) -> str:
        """Share of those that also match ``part``."""
        return f"{self.total(name, by, **matchers, **part)} / ({self.total(name, by, **matchers)} > 0)"


def live(expr: str) -> str:
    """``expr`` while the numbers are complete, else nothing: a board says "no data", and no alert is raised."""
    return f"({expr}) and on () ({COMPLETE} == 1)"


def _matcher(label: str, wanted: str | tuple[str, ...]) -> str:
    if isinstance(wanted, str):
        return f'{label}="{wanted}"'
    return f'{label}=~"{"|".join(wanted)}"'
