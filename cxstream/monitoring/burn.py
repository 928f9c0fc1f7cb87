"""Burn rates: alerts on how fast the misses that an objective allows are being used up.

Over 30 days, the rungs of the ladder are burn rates of 14.4, 6, 3 and 1. A rung fires while both of its windows
are above its threshold: the long one says that it matters, the short one that it still goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxstream.core.rules import DAY
from cxstream.metrics.labels import escape
from cxstream.monitoring.alert import alert
from cxstream.monitoring.recording import LADDER, milliseconds, ratio_name, volume_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cxstream.monitoring.alert import Places
    from cxstream.monitoring.goals import Objective

Rule = dict[str, Any]

CAP: Final = 0.8
"""A share missed cannot exceed 1: at an objective of 90 % the first rung would ask for 1.44 and never fire."""


class PeriodError(ValueError):
    """An objective's period is too short for the ladder."""


def burn(objectives: Iterable[Objective], places: Places) -> Iterator[Rule]:
    """Yield a rung of every objective; raises :class:`PeriodError`."""
    for objective in objectives:
        for share, long, short, severity in LADDER:
            rate = share * objective.period / milliseconds(long)
            if rate < 1:
                message = (
                    f"the objective for {objective.target} of policy {objective.policy} has a period of"
                    f" {objective.period // DAY}d, over which the alert on {long} would fire inside the budget:"
                    " set it to 30d"
                )
                raise PeriodError(message)
            yield _rung(objective, places, min(rate * (1 - objective.attainment), CAP), long, short, severity)


def _rung(
    objective: Objective, places: Places, threshold: float, long: str, short: str, severity: str
) -> Rule:
    policy, target = escape(objective.policy), objective.target
    match = f'{{policy="{policy}", target="{target}"}}'
    asked = f"{threshold:.4g}"
    return alert(
        "CxSlaErrorBudgetBurn",
        f"{ratio_name(long)}{match} > {asked}\nand\n"
        f"{ratio_name(short)}{match} > {asked}\nand\n"
        f"{volume_name(long)}{match} >= {objective.least}",
        places,
        severity=severity,
        component="sla",
        summary=f"{{{{ $labels.team }}}}: {target} is missed so often that the objective is in danger",
        description=f"{{{{ $value | humanizePercentage }}}} were missed over {long}, more than {threshold:.0%};"
        f" the objective is that {objective.attainment:.0%} are met.",
        # policy, target and window also tell rules of one name apart, which Prometheus demands.
        labels={"policy": objective.policy, "target": target, "long_window": long, "short_window": short},
        links={
            "tickets_url": places.list_of("breached"),
            "dashboard_url": places.board("cx-sla", "team"),
        },
    )
