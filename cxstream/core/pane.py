"""Panes: the algebra in which numbers are added up and taken back.

A :class:`Cell` holds whole numbers only (counts, milliseconds, billionths of a survey's scale), so adding and
taking out are exact and the order of additions cannot matter: ``zero`` is ``Cell()``, ``a + b == b + a``,
``(a + b) - b == a``. A merge leaves no empty slots behind, so a total that holds nothing is falsy.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

K = TypeVar("K")

SECOND: Final = 1_000  # milliseconds

BOUNDS: Final[tuple[int, ...]] = tuple(
    s * SECOND
    for s in (
        30, 60, 120, 180, 240, 300, 450, 600, 900, 1_200, 1_800, 2_700, 3_600, 5_400, 7_200, 10_800,
        14_400, 21_600, 28_800, 43_200, 86_400, 172_800, 259_200, 432_000,
    )
)  # fmt: skip
"""Upper bounds (inclusive) of the duration buckets in ms: neighbours at most x1.5 apart around the usual targets."""

AGE_BOUNDS: Final[tuple[int, ...]] = tuple(
    s * SECOND for s in (3_600, 14_400, 28_800, 86_400, 259_200, 604_800, 2_592_000)
)
"""Upper bounds (inclusive) of the age of an open ticket in ms."""

POINT: Final = 1_000_000_000
"""One step of a survey's default scale: scores are kept in billionths."""

FLOWS: Final = ("opened", "resolved", "reopened")
MEASURES: Final = ("first_response", "response", "first_resolution", "resolution")
SURVEYS: Final = ("csat", "nps", "ces")
SCALES: Final = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}
CATEGORIES: Final = {
    "csat": ("positive", "neutral", "negative"),
    "nps": ("promoter", "passive", "detractor"),
    "ces": ("positive", "neutral", "negative"),
}
SCORE_BOUNDS: Final[dict[str, tuple[int, ...]]] = {
    survey: tuple(range(low, high + 1)) for survey, (low, high) in SCALES.items()
}
"""Upper bounds (inclusive) of the score buckets, in points of the survey's default scale."""

BUSINESS: Final = ("first_response_business", "resolution_business")
"""The measures that are taken on the business clock too."""
EVALUATED: Final = ("met", "breached", "met_late")
"""What can become of an SLA clock; what is met late is breached too."""

# What a measurement is of: flows 0-2, durations 3-6, then three codes (one per category) for each survey, the
# durations on the business clock, and from there on three codes (one per outcome) for each SLA target.
OPENED, RESOLVED, REOPENED = range(3)
FIRST_RESPONSE, RESPONSE, FIRST_RESOLUTION, RESOLUTION = range(3, 7)
ANSWER: Final = 7
FIRST_RESPONSE_BUSINESS: Final = ANSWER + 3 * len(SURVEYS)
RESOLUTION_BUSINESS: Final = FIRST_RESPONSE_BUSINESS + 1
_EVALUATION: Final = RESOLUTION_BUSINESS + 1


def answer_code(survey: str, category: int) -> int:
    """The code of an answer: ``category`` is the index into :data:`CATEGORIES` of the survey."""
    return ANSWER + SURVEYS.index(survey) * 3 + category


def evaluation(series: int, outcome: int) -> int:
    """The code of an evaluation: ``series`` is the number of the SLA target, ``outcome`` one of :data:`EVALUATED`."""
    return _EVALUATION + 3 * series + outcome


def evaluated(code: int) -> tuple[int, int]:
    """Series and outcome of a code that is not below :func:`evaluation` of 0 and 0."""
    return divmod(code - _EVALUATION, 3)


# Slots: flows, then buckets and sum of each duration, then categories, buckets and sum of each survey.
_WIDTH: Final = len(BOUNDS) + 2
_DURATION_SLOT: Final = tuple(len(FLOWS) + i * _WIDTH for i in range(len(MEASURES)))
_first_survey: Final = len(FLOWS) + len(MEASURES) * _WIDTH
_SURVEY_SLOT: Final = tuple(
    accumulate((3 + len(SCORE_BOUNDS[s]) + 2 for s in SURVEYS), initial=_first_survey)
)[:-1]
_SCORE_POINTS: Final = tuple(tuple(b * POINT for b in SCORE_BOUNDS[s]) for s in SURVEYS)
_BUSINESS_SLOT: Final = tuple(
    _SURVEY_SLOT[-1] + 3 + len(SCORE_BOUNDS[SURVEYS[-1]]) + 2 + i * _WIDTH for i in range(len(BUSINESS))
)
_EVALUATION_SLOT: Final = _BUSINESS_SLOT[-1] + _WIDTH
_SLOT_OF: Final = dict(zip((*MEASURES, *BUSINESS), (*_DURATION_SLOT, *_BUSINESS_SLOT), strict=True))
_SUM: Final = len(BOUNDS) + 1  # offset of the sum behind the buckets of a duration


class Cell(dict[int, int]):
    """Counts and sums of one label set; a sparse vector of whole numbers."""

    __slots__ = ()

    def put(self, what: int, value: int, sign: int = 1) -> None:
        """Add (``sign`` 1) or take out (-1) one measurement; ``value`` in ms, or billionths for answers."""
        put((self,), what, value, sign)

    def merge(self, other: Cell, sign: int = 1) -> None:
        """Add or take out a whole cell; slots that come to nothing disappear."""
        get = self.get
        if sign == 1:
            for slot, amount in other.items():
                if total := get(slot, 0) + amount:
                    self[slot] = total
                elif amount:
                    del self[slot]
        else:
            for slot, amount in other.items():
                if total := get(slot, 0) - amount:
                    self[slot] = total
                elif amount:
                    del self[slot]

    def flow(self, name: str) -> int:
        """Number of transitions ``opened``, ``resolved`` or ``reopened``."""
        return self.get(FLOWS.index(name), 0)

    def histogram(self, measure: str) -> tuple[list[int], int]:
        """Counts per bucket of :data:`BOUNDS` (not cumulative, beyond the last bound at the end), sum in ms."""
        base = _SLOT_OF[measure]
        return [self.get(slot, 0) for slot in range(base, base + _SUM)], self.get(base + _SUM, 0)

    def survey(self, survey: str) -> tuple[tuple[int, ...], list[int], int]:
        """Counts per category, counts per bucket of :data:`SCORE_BOUNDS`, sum in billionths of a point."""
        base = _SURVEY_SLOT[SURVEYS.index(survey)]
        first, total = base + 3, base + 4 + len(SCORE_BOUNDS[survey])
        categories = tuple(self.get(base + i, 0) for i in range(3))
        return categories, [self.get(slot, 0) for slot in range(first, total)], self.get(total, 0)

    def evaluations(self, series: int) -> tuple[int, int, int]:
        """How often an SLA target was met, breached, and met late after a breach."""
        slot = _EVALUATION_SLOT + 3 * series
        return self.get(slot, 0), self.get(slot + 1, 0), self.get(slot + 2, 0)


def put(cells: Iterable[Cell], what: int, value: int, sign: int) -> None:
    """:meth:`Cell.put` into several cells: where the measurement belongs is found once."""
    place = _PLACES.get(what)
    if place is None:  # an evaluation, or a flow: nothing but a count
        slot = what if what < FIRST_RESPONSE else _EVALUATION_SLOT + what - _EVALUATION
        for cell in cells:
            cell[slot] = cell.get(slot, 0) + sign
        return
    bounds, first, total, category = place
    slot = first + bisect_left(bounds, value)
    value *= sign
    for cell in cells:
        get = cell.get
        cell[slot] = get(slot, 0) + sign
        if value:
            cell[total] = get(total, 0) + value
        if category is not None:
            cell[category] = get(category, 0) + sign


def _places() -> dict[int, tuple[tuple[int, ...], int, int, int | None]]:
    """By code, for what has a value: bounds of the buckets, slots of the first bucket, the sum and the category."""
    places: dict[int, tuple[tuple[int, ...], int, int, int | None]] = {}
    durations = (*range(FIRST_RESPONSE, ANSWER), FIRST_RESPONSE_BUSINESS, RESOLUTION_BUSINESS)
    for code, base in zip(durations, _SLOT_OF.values(), strict=True):
        places[code] = (BOUNDS, base, base + _SUM, None)
    for survey, (base, points) in enumerate(zip(_SURVEY_SLOT, _SCORE_POINTS, strict=True)):
        for category in range(3):
            places[ANSWER + 3 * survey + category] = (
                points,
                base + 3,
                base + 4 + len(points),
                base + category,
            )
    return places


_PLACES: Final = _places()


def merge(cells: dict[K, Cell], others: Mapping[K, Cell], sign: int = 1) -> None:
    """:meth:`Cell.merge` of each of ``others`` into the one under the same key; what comes to nothing disappears."""
    for key, other in others.items():
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = Cell()
        cell.merge(other, sign)
        if not cell:
            del cells[key]
