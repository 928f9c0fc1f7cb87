"""The course of a ticket's SLA clocks: every run of every target, what became of it, and what happened to it.

    {"policy": "standard", "target": "next_reply", "cycle": 2, "state": "met", "running": False, "paused": False,
     "started_at": …, "due_at": …, "ended_at": …, "elapsed_business_s": 5400.0, "elapsed_calendar_s": 5400.0,
     "remaining_s": 1800.0, "warned_at": […], "breached_at": None, "transitions": [{"type": "sla.applied", "at": …}]}

``state`` is how a run ended (met, met_late, cancelled) or, while it runs, ok, at_risk or breached. Elapsed is what had
elapsed at its end or by now, with earlier runs where the target keeps that. What ``sla-events`` tell too is called the
same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxstream.core.answer import seconds
from cxstream.core.cycle import BREACHED, CANCELLED, MET, MET_LATE, STATES, TRANSITIONS, WARNING
from cxstream.core.instant import format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.core.cycle import Cycle, Transition
    from cxstream.core.ticket import Ticket

Json = dict[str, Any]

_ENDS: Final = {MET: "met", MET_LATE: "met_late", CANCELLED: "cancelled"}


def course(ticket: Ticket, now: int) -> list[Json]:
    """All runs of the clocks of a ticket on which time has acted up to ``now`` (ms), by target and number."""
    clocks = ticket.clocks
    running = {} if clocks is None else clocks.running
    runs: dict[tuple[int, int], list[Transition]] = {}
    for transition in ticket.transitions():
        runs.setdefault((transition.target.kind, transition.cycle), []).append(transition)
    told = []
    for (kind, number), transitions in sorted(runs.items()):
        cycle = running.get(kind)
        here = cycle if cycle is not None and cycle.number == number else None
        told.append(_run(transitions, here, now))
    return told


def _run(transitions: list[Transition], cycle: Cycle | None, now: int) -> Json:
    last = transitions[-1]
    due = next((each.due for each in reversed(transitions) if each.due is not None), None)
    if cycle is None:
        target, started, used, passed = last.target, last.started, last.used, last.passed
    else:
        target, started, due = cycle.target, cycle.started, cycle.due
        used, passed = cycle.elapsed(max(now, cycle.mark)), cycle.passed + max(now - cycle.started, 0)
    return {
        "policy": target.policy,
        "target": target.name,
        "target_s": seconds(target.amount),
        "cycle": last.cycle,
        "state": _ENDS.get(last.kind, "breached") if cycle is None else STATES[cycle.state],
        "running": cycle is not None,
        "paused": cycle is not None and not cycle.running,
        "started_at": format_instant(started),
        "due_at": None if due is None else format_instant(due),
        "ended_at": format_instant(last.at) if cycle is None else None,
        "elapsed_business_s": seconds(used),
        "elapsed_calendar_s": seconds(passed),
        "remaining_s": seconds(target.amount - used),
        "warned_at": list(_instants(transitions, WARNING)),
        "breached_at": next(_instants(transitions, BREACHED), None),
        "by_resolution": last.needless,
        "transitions": [
            {"type": TRANSITIONS[each.kind], "at": format_instant(each.at)} for each in transitions
        ],
    }


def _instants(transitions: list[Transition], kind: int) -> Iterator[str]:
    return (format_instant(each.at) for each in transitions if each.kind == kind)
