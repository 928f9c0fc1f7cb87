"""The fleet: snapshots of several workers, as the one that a single worker with all partitions would tell.

Counts, sums and buckets add up. What does not (means, percentiles, ratios, scores) is calculated again from them
by the code that calculated it first, so the result is equal to the bit.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from cxstream.core.answer import Json, estimated, survey
from cxstream.core.instant import parse_instant
from cxstream.core.pane import CATEGORIES, POINT, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PLURAL: Final = {"promoter": "promoters", "passive": "passives", "detractor": "detractors"}
_OWN: Final = (
    "at",
    "now",
    "clock",
    "worker",
    "fingerprint",
    "complete",
    "reason",
    "partitions",
    "topic_partitions",
    "offsets",
    "deadlines",
    "behind",
)
"""Keys that say whose snapshot it is and of when; all others hold numbers."""


def together(snapshots: Sequence[Json]) -> Json:
    """The sum of at least one snapshot, all of one instant; ``complete`` and, if not, ``reason``."""
    reason = gap(snapshots)
    offsets: dict[str, dict[str, int]] = {}
    for one in snapshots:
        for topic, applied in one.get("offsets", {}).items():
            offsets.setdefault(topic, {}).update(applied)
    numbers = [{key: value for key, value in one.items() if key not in _OWN} for one in snapshots]
    return {
        "at": snapshots[0]["at"],
        "now": snapshots[0]["now"],
        **added(numbers),
        "complete": reason is None,
        "reason": reason,
        "partitions": sorted({number for one in snapshots for number in one["partitions"]}),
        "topic_partitions": max(one["topic_partitions"] for one in snapshots),
        "offsets": offsets,
        "behind": sum(one.get("behind", 0) for one in snapshots),
        "workers": len(snapshots),
    }


def added(numbers: Sequence[Json]) -> Json:
    """The sum of parts of snapshots that have one shape: windows, say, of several label sets."""
    return numbers[0] if len(numbers) == 1 else _mapping("", numbers)


def gap(snapshots: Sequence[Json]) -> str | None:
    """Why the sum is not the whole, in words; ``None`` if it is."""
    held = sorted(number for one in snapshots for number in one["partitions"])
    twice = sorted({a for a, b in pairwise(held) if a == b})
    wanted = max(one["topic_partitions"] for one in snapshots)
    if len({parse_instant(one["now"]) for one in snapshots}) > 1:
        return "the workers have answered for different instants"
    if len({one.get("fingerprint") for one in snapshots}) > 1:
        return "the workers run under different settings"
    if twice:
        return f"partition {_listed(twice)} is held by two workers at once"
    if not wanted:
        return "the number of partitions is not known yet"
    if missing := sorted(set(range(wanted)) - set(held)):
        return f"partition {_listed(missing)} of {wanted} is with no worker that answers"
    return None


def _listed(numbers: Sequence[int], most: int = 8) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return f"{shown} …" if len(numbers) > most else shown


def _added(name: str, values: Sequence[Any]) -> Any:
    """The sum of values that stand under one name."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    first = values[0]
    if isinstance(first, dict):
        return _mapping(name, values)
    if isinstance(first, list):
        return _rows(values)
    if name in {"oldest", "oldest_awaiting"}:
        return min(values, key=parse_instant)
    if isinstance(first, float):  # seconds, whole milliseconds each: added as such
        return sum(round(value * SECOND) for value in values) / SECOND
    return sum(values) if isinstance(first, int) else first


def _mapping(name: str, values: Sequence[Json]) -> Json:
    first = values[0]
    if "mean_seconds" in first:
        return _durations(values)
    if name in CATEGORIES and "answers" in first:
        return _answers(name, values)
    total = {
        key: _added(key, [value.get(key) for value in values])
        for key in dict.fromkeys(key for value in values for key in value)
        if key not in {"labels", "at", "bar_seconds"}
    }
    kept: Json = {key: first[key] for key in ("labels", "at", "bar_seconds") if key in first}
    if "attainment" in first:
        judged = total["met"] + total["breached"]
        total["attainment"] = total["met"] / judged if judged else None
    return {**kept, **total}


def _durations(values: Sequence[Json]) -> Json:
    counts = [after - before for before, after in pairwise([0, *_buckets(values).values()])]
    return estimated(counts, sum(round(value["sum_seconds"] * SECOND) for value in values))


def _answers(name: str, values: Sequence[Json]) -> Json:
    keys = (_PLURAL.get(category, category) for category in CATEGORIES[name])
    categories = [sum(value[key] for value in values) for key in keys]
    points = sum(_points(value) for value in values)
    return {**survey(name, categories, points), "buckets": _buckets(values)}


def _buckets(values: Sequence[Json]) -> dict[str, int]:
    """The sum of cumulative counts; ``ValueError`` if the bounds differ, as those of two versions may."""
    columns = zip(*(value["buckets"].values() for value in values), strict=True)
    return dict(zip(values[0]["buckets"], map(sum, columns), strict=True))


def _points(one: Json) -> int:
    """The sum of scores behind a mean, in billionths: a mean is told to 16 digits, so rounding finds it."""
    return round(one["mean"] * one["answers"] * POINT) if one["answers"] else 0


def _rows(values: Sequence[list[Json]]) -> list[Json]:
    """Rows of the same label set, or of the same bar, are one row."""
    found: dict[tuple[str, ...], list[Json]] = {}
    for row in _each(values):
        key = tuple(row["labels"].values()) if "labels" in row else (row["at"],)
        found.setdefault(key, []).append(row)
    return [_mapping("", found[key]) for key in sorted(found)]


def _each(values: Sequence[list[Json]]) -> Iterable[Json]:
    for rows in values:
        yield from rows
