"""Goals: what of an SLA policy the boards and rules need to know.

Policies of the SLA are compiled for speed; these few facts are what a threshold or an alert is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxstream.core.rules import DAY, HOUR

if TYPE_CHECKING:
    from cxstream.core.calendar import Calendar
    from cxstream.core.policy import Policies, Target

MINUTE: Final = HOUR // 60


@dataclass(frozen=True, slots=True)
class Goal:
    """A target of a policy.

    ``span`` is the time allowed in ms as people live through it: on a calendar that closes, the open time that is
    promised takes as much longer as a week is longer than its hours.
    """

    policy: str
    target: str
    span: int
    calendar: str | None = None
    """``None``: the clock never stops."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The share of a target's evaluations that is to be met over ``period`` (ms)."""

    policy: str
    target: str
    attainment: float
    period: int = 30 * DAY
    least: int = 20
    """Fewer evaluations in the long window of an alert raise none."""


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """The share of satisfied answers that CSAT is to keep."""

    minimum: float = 0.85
    window: int = 7 * DAY
    """Length of the rolling window in ms."""
    least: int = 30
    """Of fewer answers, no share is read."""


@dataclass(frozen=True, slots=True)
class Goals:
    """All goals of a deployment."""

    goals: tuple[Goal, ...] = ()
    objectives: tuple[Objective, ...] = ()
    satisfaction: Satisfaction = Satisfaction()
    calendars: tuple[Calendar, ...] = ()
    """Those that close at times."""

    def spans(self, target: str) -> tuple[int, int]:
        """The shortest and the longest time (ms) that any policy allows for ``target``."""
        found = [goal.span for goal in self.goals if goal.target == target]
        return (min(found), max(found)) if found else _USUAL[target]

    def attainment(self, target: str) -> float:
        """The highest share that any objective asks of ``target``."""
        return max((each.attainment for each in self.objectives if each.target == target), default=0.9)


_USUAL: Final = {
    # What customers expect of the quickest and the slowest channel, where no policy says more: chat and email.
    "first_reply": (2 * MINUTE, DAY),
    "next_reply": (2 * MINUTE, DAY),
    # A working day and a week.
    "resolution": (8 * HOUR, 7 * DAY),
}


def goals_of(policies: Policies) -> Goals:
    """What boards and rules need of compiled policies."""
    minimum = next((each for each in policies.minimums if each.metric == "csat_positive"), None)
    return Goals(
        goals=tuple(
            _goal(policy.name, name, target)
            for policy in policies.policies
            for _, _, layer in policy.layers()
            for name, target in layer.items()
        ),
        objectives=tuple(
            Objective(each.policy, each.target, each.ratio, each.window) for each in policies.objectives
        ),
        satisfaction=Satisfaction(minimum.minimum, minimum.window, minimum.min_answers)
        if minimum
        else Satisfaction(),
        calendars=tuple(calendar for calendar in policies.calendars if not calendar.always_open),
    )


def _goal(policy: str, name: str, target: Target) -> Goal:
    calendar = target.calendar
    if calendar.always_open:
        return Goal(policy, name, target.amount)
    return Goal(policy, name, target.amount * 7 * DAY // calendar.week, calendar.name)
