"""Numbers: every sum, count and bucket of snapshots by its name, so that they can be added up and compared.

A name is the path through the snapshot: ``windows.1h.first_response.count``, ``backlog{team=billing}.in_progress``.
Only what adds up is a number: means, percentiles and ratios are left out, the mean of a survey is turned back into its
sum. All are whole: durations (``sum_ms``) and instants in ms, ``points`` of surveys in billionths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxstream.core.instant import format_instant, parse_instant
from cxstream.core.pane import POINT
from cxstream.core.rules import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Numbers = dict[str, int]

_DERIVED: Final = frozenset({"ratio", "score", "attainment"})
"""What is computed from numbers; means and percentiles are known by not being whole."""
_OLDEST: Final = ("oldest", "oldest_awaiting")
_ENDS: Final = tuple(f".{name}" for name in _OLDEST)
_POINTS: Final = "points"
_EXACT: Final = 10**12
"""A sum of points that was turned into a mean and back is exact to one part in this."""


class Difference(NamedTuple):
    """A number that is shown otherwise than it should be."""

    name: str
    shown: int
    expected: int

    def text(self, number: int) -> str:
        """Write one of the two as people read it."""
        if self.name.endswith(_ENDS):
            return format_instant(number) if number else "none"
        if self.name.endswith(f".{_POINTS}"):
            return f"{number / POINT:.9f}"
        return str(number)


def numbers(snapshot: Mapping[str, Any], sections: Iterable[str]) -> Numbers:
    """The numbers of these sections of a snapshot."""
    found: Numbers = {}
    _walk({name: snapshot[name] for name in sections if name in snapshot}, "", found)
    return found


def added(parts: Iterable[Numbers]) -> Numbers:
    """The sum over workers; of the oldest openings, the oldest."""
    total: Numbers = {}
    for part in parts:
        for name, value in part.items():
            other = total.get(name)
            if other is None:
                total[name] = value
            else:
                total[name] = min(other, value) if name.endswith(_ENDS) else other + value
    return total


def differences(shown: Numbers, expected: Numbers) -> Iterator[Difference]:
    """What is not equal, in the order of the snapshot; a number that is not there is 0."""
    for name in {**expected, **shown}:
        a, b = shown.get(name, 0), expected.get(name, 0)
        if abs(a - b) > (max(a, b) // _EXACT if name.endswith(f".{_POINTS}") else 0):
            yield Difference(name, a, b)


def _instant(name: str) -> bool:
    return name.rpartition(".")[2].startswith(_OLDEST)


def _walk(told: Mapping[str, Any], path: str, found: Numbers) -> None:
    for name, value in told.items():
        if name in _DERIVED:
            continue
        place = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            _walk(value, place, found)
        elif isinstance(value, list):
            for item in value:
                _walk(item, f"{place}{{{_labels(item)}}}", found)
        elif name == "mean":
            found[f"{path}.{_POINTS}"] = round((value or 0) * told["answers"] * POINT)
        elif name.startswith("sum_") and name.endswith("seconds"):
            found[f"{path}.{name.removesuffix('seconds')}ms"] = round(value * SECOND)
        elif name in _OLDEST:
            if value is not None:
                found[place] = parse_instant(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            found[place] = value


def _labels(item: Mapping[str, Any]) -> str:
    """What tells an item of a list from the others."""
    words = {name: value for name, value in item.items() if isinstance(value, str) and name not in _OLDEST}
    return ",".join(f"{name}={value}" for name, value in {**item.get("labels", {}), **words}.items())
