"""Shapes: how a week's arrivals are spread over its 168 hours, and when the next one comes.

Arrivals are a non-homogeneous Poisson process whose rate is constant within an hour, so the next one is found
exactly, without rejection: an exponential amount of *expected arrivals* is walked off hour by hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cxstream.simulate.instant import DAY, HOUR, WEEK

HOURS: Final = WEEK // HOUR
_THURSDAY: Final = 3 * DAY  # 1970 began on a Thursday; weeks begin on Monday
_FRIDAY: Final = 4

# Weights of the hours 0-23 of a day; only their proportions matter.
_OFFICE: Final = (2, 1, 1, 1, 2, 4, 9, 22, 55, 88, 100, 94, 72, 82, 92, 88, 74, 52, 30, 18, 13, 9, 6, 3)
_LEISURE: Final = (8, 4, 3, 2, 2, 4, 10, 22, 38, 52, 62, 66, 70, 68, 64, 66, 74, 86, 97, 100, 92, 66, 38, 18)
_AROUND: Final = (
    34,
    30,
    28,
    27,
    28,
    32,
    42,
    60,
    80,
    95,
    100,
    97,
    88,
    92,
    96,
    92,
    84,
    74,
    66,
    60,
    56,
    50,
    44,
    38,
)


def week_position(at: int, offset: int = 0) -> int:
    """Milliseconds from Monday 00:00 local time to ``at``; ``offset`` is local time minus UTC in ms."""
    return (at + offset + _THURSDAY) % WEEK


def busy_at(at: int) -> int:
    """The offset (ms) of a place where ``at`` is ten in the morning of a working day, the nearest in the week."""
    day = week_position(at) // DAY
    return min(day, _FRIDAY) * DAY + 10 * HOUR - week_position(at)


@dataclass(frozen=True, slots=True)
class Shape:
    """The expected share of arrivals per hour of the week, Monday 00:00 first; their mean is 1."""

    weights: tuple[float, ...]

    @classmethod
    def of(cls, hours: tuple[int, ...], days: tuple[int, ...]) -> Shape:
        """From the weights of a day's 24 hours and of the week's 7 days."""
        raw = [day * hour for day in days for hour in hours]
        total = sum(raw)
        return cls(tuple(round(weight * HOURS / total, 9) for weight in raw))

    def after(self, at: int, amount: int, offset: int = 0) -> int:
        """The instant (ms) by which ``amount`` ms of time at the mean rate have passed since ``at``."""
        weights = self.weights
        place = week_position(at, offset)
        left = float(amount)
        while True:
            weight = weights[place // HOUR]
            room = HOUR - place % HOUR
            if left < room * weight:
                return at + int(left / weight)
            left -= room * weight
            at += room
            place = (place + room) % WEEK


OFFICE: Final = Shape.of(_OFFICE, (112, 106, 102, 98, 90, 22, 14))
"""Business customers: peaks at 10 and 14 o'clock, a dip at noon, hardly any weekend."""
LEISURE: Final = Shape.of(_LEISURE, (100, 96, 95, 97, 102, 84, 74))
"""Consumers: evenings, and a weekend that is only a little quieter."""
AROUND_THE_CLOCK: Final = Shape.of(_AROUND, (106, 104, 102, 100, 98, 58, 52))
"""A service that customers everywhere depend on: nights at a third of the day."""
