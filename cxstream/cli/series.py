"""How many series a worker can come to show at worst: the price of labels and windows, known beforehand."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from cxstream.core.event import CHANNELS, KINDS, PRIORITIES
from cxstream.core.pane import AGE_BOUNDS, BOUNDS, CATEGORIES, FLOWS, SCORE_BOUNDS, SURVEYS
from cxstream.core.reading import REASONS
from cxstream.core.tally import DELAY_BOUNDS, RESULTS
from cxstream.metrics.catalogue import CATALOGUE, STATES, Metric

if TYPE_CHECKING:
    from cxstream.settings import Settings

_BESIDE_NAMES: Final = 2  # `other` and `none`
_UNKNOWN: Final = 1  # `none`
_BOUNDS: Final = {
    "cxstream_backlog_age_tickets": len(AGE_BOUNDS),
    "cxstream_event_delay_seconds": len(DELAY_BOUNDS),
}
_BESIDE_BUCKETS: Final = 3  # +Inf, sum and count


def worst_case(settings: Settings) -> dict[str, int]:
    """Return the largest number of series of each metric, all label values in use at once."""
    return {metric.name: _series(metric, settings) for metric in CATALOGUE}


def _series(metric: Metric, settings: Settings) -> int:
    names = metric.label_names(settings.rules)
    sets = prod(_values(name, settings) for name in names if name not in {"survey", "category"})
    if "category" in names:
        return sets * sum(map(len, CATEGORIES.values()))
    if "survey" in names:
        return sets * sum(len(SCORE_BOUNDS[survey]) + _BESIDE_BUCKETS for survey in SURVEYS)
    if metric.kind in {"histogram", "window histogram"}:
        return sets * (_BOUNDS.get(metric.name, len(BOUNDS)) + _BESIDE_BUCKETS)
    return sets


def _values(label: str, settings: Settings) -> int:
    named = settings.max_label_values + _BESIDE_NAMES
    return {
        "team": len(settings.teams) + _BESIDE_NAMES if settings.teams else named,
        "source": named,
        "channel": len(CHANNELS) + _UNKNOWN,
        "priority": len(PRIORITIES) + _UNKNOWN,
        "kind": len(KINDS) + _UNKNOWN,
        "window": len(settings.rules.windows),
        "flow": len(FLOWS),
        "state": len(STATES),
        "topic": len(settings.topics),
        "result": len(RESULTS),
        "reason": len(REASONS),
        "partition": settings.partitions,
    }.get(label, 1)
