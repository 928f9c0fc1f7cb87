"""Surveys: what an answer counts as, and where it lies on its survey's default scale.

Scores are compared as the decimals written, by whole numbers only: with binary fractions an answer at the
very edge of a category would fall on either side.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from cxstream.core.pane import CATEGORIES, POINT, SCALES

__all__ = ["CATEGORIES", "SCALES", "classify"]

_EDGES: Final = {
    "csat": (Fraction(3, 4), Fraction(1, 4)),
    "nps": (Fraction(9, 10), Fraction(6, 10)),
    "ces": (Fraction(3, 4), Fraction(1, 4)),
}
"""Share of the scale from which on an answer is of the first category, and up to which it is of the last."""


@lru_cache(maxsize=4_096)
def classify(
    survey: str,
    score: str,
    scale_min: str | None = None,
    scale_max: str | None = None,
    higher_is_better: bool = True,
) -> tuple[int, int]:
    """Index into the survey's ``CATEGORIES``, and the score on the default scale in billionths, half to even.

    The numbers are plain decimals, as :class:`~cxstream.core.event.SurveyAnswered` keeps them. Raises
    ``ValueError`` for a score outside its scale and for a scale that ends where, or before, it begins.
    """
    default_low, default_high = SCALES[survey]
    low = Fraction(default_low if scale_min is None else scale_min)
    high = Fraction(default_high if scale_max is None else scale_max)
    if high <= low:
        raise ValueError("the scale ends where, or before, it begins")
    share = (Fraction(score) - low) / (high - low)
    if not 0 <= share <= 1:
        raise ValueError("outside its scale")
    if not higher_is_better:
        share = 1 - share
    first, last = _EDGES[survey]
    category = 0 if share >= first else 2 if share <= last else 1
    return category, round((default_low + share * (default_high - default_low)) * POINT)
