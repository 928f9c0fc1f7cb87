"""Chance: draws from tabulated distributions, the same on every machine.

``random.Random`` gives the same uniform numbers everywhere, but logarithms and exponentials may differ in
their last bit between C libraries. So every distribution is a table of whole numbers made once, rounded far
above that bit, and a draw only interpolates in it, which is also faster than ``lognormvariate``.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from math import exp, log
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Table = tuple[int, ...]
T = TypeVar("T")

STEPS: Final = 1_024
"""Intervals of a table; its ends cut off one draw in two thousand on either side."""

_PLACES: Final = 6  # decimals kept of a factor: far above the last bit, far below what anyone sees
_UNIT: Final = 1_000_000
_QUANTILES: Final = tuple((i + 0.5) / (STEPS + 1) for i in range(STEPS + 1))

CHOICES: Final = 256
"""Entries of a choice's table: shares are kept to 1/256, and whatever has a share has an entry."""


@cache
def lognormal(median: int, sigma: float) -> Table:
    """The table of a lognormal duration with this ``median`` in ms; ``sigma`` is that of its logarithm."""
    normal = NormalDist()
    factors = (round(exp(round(sigma * normal.inv_cdf(q), _PLACES)), _PLACES) for q in _QUANTILES)
    return tuple(int(median * factor) for factor in factors)


EXPONENTIAL: Final[Table] = tuple(int(_UNIT * round(-log(1 - q), _PLACES)) for q in _QUANTILES)
"""An exponential number of mean 1, in millionths."""


def draw(table: Table, u: float) -> int:
    """The number of ``table`` at the share ``u`` (from 0 up to, not including, 1) of its distribution."""
    place = u * STEPS
    step = int(place)
    low = table[step]
    return low + int((table[step + 1] - low) * (place - step))


def mean(table: Table) -> int:
    """The mean of a table, in its own unit."""
    return sum(table) // len(table)


def choice(options: Sequence[tuple[T, float]]) -> tuple[T, ...]:
    """:data:`CHOICES` entries in which each option stands as often as its weight says, at least once."""
    parts = list(
        accumulate((weight for _, weight in options), initial=0.0)
    )  # `sum` rounds otherwise from 3.12 on
    bounds = [round(CHOICES * part / parts[-1]) for part in parts]
    entries: list[T] = []
    for (option, _), low, high in zip(options, bounds, bounds[1:], strict=False):
        entries.extend([option] * max(1, high - low))
    return tuple(entries)
