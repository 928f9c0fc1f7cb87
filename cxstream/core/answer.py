"""Answers: the JSON shapes in which durations and surveys are told, exact or from buckets.

Durations are told in seconds, rounded to the millisecond in which they are measured; means, ratios and scores of
nothing are ``None``.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from cxstream.core.pane import (
    ANSWER,
    BOUNDS,
    CATEGORIES,
    FIRST_RESPONSE,
    FIRST_RESPONSE_BUSINESS,
    FLOWS,
    MEASURES,
    POINT,
    SCORE_BOUNDS,
    SECOND,
    SURVEYS,
    Cell,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cxstream.core.measure import Measurement

Json = dict[str, Any]

PERCENTILES: Final = (50, 90, 95)


def seconds(ms: int) -> float:
    """Milliseconds as seconds."""
    return ms / SECOND


def durations(values: list[int]) -> Json:
    """D of CONTRACT section 6, exact, from durations in ms; percentiles by linear interpolation between ranks."""
    values = sorted(values)
    count, total = len(values), sum(values)
    answer: Json = {"count": count, "sum_seconds": seconds(total), "mean_seconds": _mean(total, count)}
    for percent in PERCENTILES:
        answer[f"p{percent}_seconds"] = _percentile(values, percent) if count else None
    answer["max_seconds"] = seconds(values[-1]) if count else None
    return answer


def estimated(counts: Sequence[int], total: int) -> Json:
    """D from counts per bucket and a sum in ms: with ``buckets``, percentiles estimated from them, no maximum."""
    cumulative = list(accumulate(counts))
    count = cumulative[-1]
    answer: Json = {"count": count, "sum_seconds": seconds(total), "mean_seconds": _mean(total, count)}
    for percent in PERCENTILES:
        answer[f"p{percent}_seconds"] = _estimate(cumulative, percent) if count else None
    answer["max_seconds"] = None
    answer["buckets"] = dict(zip(_BOUNDS, cumulative, strict=True))
    return answer


def named(bounds: Iterable[float]) -> tuple[str, ...]:
    """Upper bounds of buckets as Prometheus writes them, +Inf at the end; worth to be done once."""
    return (*(str(float(bound)) for bound in bounds), "+Inf")


def survey(name: str, categories: Sequence[int], points: int) -> Json:
    """S, or the shape of the NPS, from counts per category and the sum in billionths of the default scale."""
    answers = sum(categories)
    mean = points / (answers * POINT) if answers else None
    if name == "nps":
        promoters, passives, detractors = categories
        return {
            "answers": answers,
            "promoters": promoters,
            "passives": passives,
            "detractors": detractors,
            "score": 100 * (promoters - detractors) / answers if answers else None,
            "mean": mean,
        }
    named = dict(zip(CATEGORIES[name], categories, strict=True))
    return {"answers": answers, **named, "ratio": categories[0] / answers if answers else None, "mean": mean}


def exact(measurements: Iterable[Measurement]) -> Json:
    """Flows, the four durations and the surveys of these measurements."""
    flows = [0] * len(FLOWS)
    taken: list[list[int]] = [[] for _ in MEASURES]
    categories = [[0, 0, 0] for _ in SURVEYS]
    points = [0] * len(SURVEYS)
    for what, _, _, value, _ in measurements:
        if what < FIRST_RESPONSE:
            flows[what] += 1
        elif what < ANSWER:
            taken[what - FIRST_RESPONSE].append(value)
        elif what < FIRST_RESPONSE_BUSINESS:
            index, category = divmod(what - ANSWER, 3)
            categories[index][category] += 1
            points[index] += value
    return {
        **dict(zip(FLOWS, flows, strict=True)),
        **{name: durations(values) for name, values in zip(MEASURES, taken, strict=True)},
        **{name: survey(name, categories[i], points[i]) for i, name in enumerate(SURVEYS)},
    }


def of_cell(cell: Cell) -> Json:
    """Flows, the four durations and the surveys of a cell, with their buckets."""
    answer: Json = {name: cell.flow(name) for name in FLOWS}
    for name in MEASURES:
        answer[name] = estimated(*cell.histogram(name))
    for name in SURVEYS:
        categories, counts, points = cell.survey(name)
        answer[name] = survey(name, categories, points)
        answer[name]["buckets"] = dict(zip(_SCORES[name], accumulate(counts), strict=True))
    return answer


def _mean(total: int, count: int) -> float | None:
    return round(total / count / SECOND, 3) if count else None


def _percentile(values: Sequence[int], percent: int) -> float:
    rank, rest = divmod(percent * (len(values) - 1), 100)
    low = values[rank]
    high = values[rank + 1] if rest else low
    return round((low * 100 + (high - low) * rest) / (100 * SECOND), 3)


def _estimate(cumulative: Sequence[int], percent: int) -> float:
    """As ``histogram_quantile`` of Prometheus does: linear within the bucket, the last bound beyond it."""
    rank = percent * cumulative[-1] / 100
    index = bisect_left(cumulative, rank)
    if index == len(BOUNDS):
        return seconds(BOUNDS[-1])
    low = BOUNDS[index - 1] if index else 0
    below = cumulative[index - 1] if index else 0
    share = (rank - below) / (cumulative[index] - below)
    return round(seconds(low) + seconds(BOUNDS[index] - low) * share, 3)


_BOUNDS: Final = named(seconds(bound) for bound in BOUNDS)
_SCORES: Final = {name: named(bounds) for name, bounds in SCORE_BOUNDS.items()}
