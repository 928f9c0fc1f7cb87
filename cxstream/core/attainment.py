"""Attainment: what SLA targets come to, and the measures on the business clock, in the shapes of report and snapshot.

``attainment`` = met / (met + breached), ``None`` if neither; what is met late is among the breached. ``open`` clocks
run and may still be met, and ``at_risk`` is how many of those have passed their first warning.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cxstream.core.answer import Json, durations, estimated
from cxstream.core.cycle import AT_RISK, OK, STATES
from cxstream.core.pane import BUSINESS, EVALUATED, FIRST_RESPONSE_BUSINESS, RESOLUTION_BUSINESS, evaluated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cxstream.core.measure import Measurement
    from cxstream.core.pane import Cell
    from cxstream.core.policy import PolicyHistory


def exact(policies: PolicyHistory | None, measurements: Iterable[Measurement]) -> Json:
    """Business time and evaluations of these measurements; nothing without policies."""
    if policies is None:
        return {}
    taken: list[list[int]] = [[] for _ in BUSINESS]
    counts: Counter[tuple[int, int]] = Counter()
    for what, _, _, value, _ in measurements:
        if what > RESOLUTION_BUSINESS:
            counts[evaluated(what)] += 1
        elif what >= FIRST_RESPONSE_BUSINESS:
            taken[what - FIRST_RESPONSE_BUSINESS].append(value)
    answer: Json = {}
    if policies.closes:
        answer = {name: durations(values) for name, values in zip(BUSINESS, taken, strict=True)}
    return answer | {
        "sla": _sla(policies, lambda series: [counts[series, outcome] for outcome in range(len(EVALUATED))])
    }


def of_cell(policies: PolicyHistory | None, cell: Cell) -> Json:
    """Business time, with buckets, and evaluations of a cell; nothing without policies."""
    if policies is None:
        return {}
    answer: Json = {}
    if policies.closes:
        answer = {name: estimated(*cell.histogram(name)) for name in BUSINESS}
    return answer | {"sla": _sla(policies, cell.evaluations)}


def running(policies: PolicyHistory | None, sla: Json, clocks: Mapping[tuple[int, int, str], int]) -> Json:
    """Evaluations, and what is open now."""
    if policies is None:
        return {}
    found: Counter[tuple[int, int]] = Counter()
    for (series, state, _), count in clocks.items():
        found[series, state] += count
    for series, (policy, target) in enumerate(policies.series):
        told = sla[policy][target]
        told["open"] = found[series, OK] + found[series, AT_RISK]
        told["at_risk"] = found[series, AT_RISK]
    return {"sla": sla}


def states(policies: PolicyHistory | None, clocks: Mapping[tuple[int, int, str], int]) -> Json:
    """Per policy and target how many clocks run, by their state."""
    if policies is None:
        return {}
    found: Counter[tuple[int, int]] = Counter()
    for (series, state, _), count in clocks.items():
        found[series, state] += count
    answer: Json = {}
    for series, (policy, target) in enumerate(policies.series):
        counts = {name: found[series, state] for state, name in enumerate(STATES)}
        answer.setdefault(policy, {})[target] = counts
    return {"sla_tickets": answer}


def _sla(policies: PolicyHistory, count: Callable[[int], Iterable[int]]) -> Json:
    """Per policy and target what became of its clocks."""
    answer: Json = {}
    for series, (policy, target) in enumerate(policies.series):
        met, breached, late = count(series)
        judged = met + breached
        answer.setdefault(policy, {})[target] = {
            "met": met,
            "met_late": late,
            "breached": breached,
            "attainment": met / judged if judged else None,
        }
    return answer
