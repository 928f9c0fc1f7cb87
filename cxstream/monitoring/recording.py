"""Recording rules: what boards and alerts read more often than they could afford to compute.

Names are ``level:metric:operations``, the level being the labels that remain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxstream.core.window import UNITS
from cxstream.monitoring.query import COMPLETE

if TYPE_CHECKING:
    from cxstream.monitoring.query import Query

Rule = dict[str, Any]

LADDER: Final = (
    (0.02, "1h", "5m", "critical"),
    (0.05, "6h", "30m", "critical"),
    (0.10, "1d", "2h", "warning"),
    (0.10, "3d", "6h", "warning"),
)
"""Share of the budget spent, the long and the short window, severity: SRE workbook, chapter 5."""
BUDGET: Final = "30d"
"""The period of the budget on the boards."""
_EVALUATIONS: Final = "cxstream_sla_evaluations_total"
_LEVEL: Final = "policy_target_team"
_BY: Final = "policy, target, team"


def milliseconds(duration: str) -> int:
    """``5m`` → 300000."""
    return int(duration[:-1]) * UNITS[duration[-1]]


def ratio_name(over: str) -> str:
    """Share of the evaluations that were missed."""
    return f"{_LEVEL}:cxstream_sla_breaches:ratio_rate{over}"


def volume_name(over: str) -> str:
    """Number of evaluations."""
    return f"{_LEVEL}:cxstream_sla_evaluations:increase{over}"


def remaining_name(over: str) -> str:
    """Share of the budget of misses that is left."""
    return f"{_LEVEL}:cxstream_sla_budget:remaining{over}"


def _record(name: str, expr: str) -> Rule:
    return {"record": name, "expr": expr}


def _ratio(query: Query, over: str) -> Rule:
    missed = query.rate(_EVALUATIONS, over, _BY, outcome="breached")
    return _record(ratio_name(over), f"{missed}\n/\n({query.rate(_EVALUATIONS, over, _BY)} > 0)")


def complete(query: Query) -> list[Rule]:
    """Whether every partition of every topic is owned, and every table read back."""
    assigned, all_of_them = (
        query.series("cxstream_assigned_partitions"),
        query.series("cxstream_topic_partitions"),
    )
    recovering = query.series("cxstream_table_recovering")
    return [
        _record(
            COMPLETE,
            f"(min(sum by (topic) ({assigned}) / max by (topic) ({all_of_them})) >= bool 1)\n*\n"
            f"(max({recovering}) == bool 0)",
        )
    ]


def windows_of_ladder(query: Query) -> list[Rule]:
    """Numbers of evaluations over the long windows, shares missed over all."""
    longs = [long for _, long, _, _ in LADDER]
    every = sorted({over for _, long, short, _ in LADDER for over in (long, short)}, key=milliseconds)
    volumes = [_record(volume_name(over), query.increase(_EVALUATIONS, over, _BY)) for over in longs]
    return volumes + [_ratio(query, over) for over in every]


def budget(query: Query) -> list[Rule]:
    """What is left of the budget of :data:`BUDGET`; dear, so in a group of its own that runs less often."""
    allowed = f"(1 - max by (policy, target) ({query.series('cxstream_sla_objective_ratio')}))"
    return [
        _ratio(query, BUDGET),
        _record(
            remaining_name(BUDGET),
            f"1 - (\n  {ratio_name(BUDGET)}\n  / on (policy, target) group_left ()\n  {allowed}\n)",
        ),
    ]


def names(query: Query) -> set[str]:
    """All names that rules record."""
    return {rule["record"] for rule in (*complete(query), *windows_of_ladder(query), *budget(query))}
