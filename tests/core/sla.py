"""What tests of SLA clocks have in common: the office of the specification, its targets, and a week of a ticket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cxstream.core.calendar import Calendar
from cxstream.core.condition import Every
from cxstream.core.cycle import TRANSITIONS, Transition
from cxstream.core.event import AgentReplied, AnyEvent, CustomerReplied, Opened, Resolved, Updated
from cxstream.core.policy import TARGETS, Objective, Policies, Policy, PolicyHistory, Target
from cxstream.core.rules import DAY, HOUR
from cxstream.core.ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable

ZONE = ZoneInfo("Europe/Ljubljana")
MINUTE = 60_000
OFFICE = Calendar("office", ZONE, dict.fromkeys(range(5), ((540, 1020),)))
AMOUNTS = {
    "first_reply": 4, "next_reply": 2, "periodic_update": 8, "requester_wait": 32, "agent_work": 20,
    "resolution": 40, "first_resolution": 24,
}  # fmt: skip
PAUSES = {"requester_wait": ("pending",), "agent_work": ("pending", "on_hold")}


GOAL = Objective("standard", "first_reply", 90_000, 30 * DAY)


def target(
    name: str, amount: int, *pause_on: str, policy: str = "standard", calendar: Calendar = OFFICE
) -> Target:
    """A target of so many ms, with warnings at 0.75 and 15 minutes before the end."""
    steps = {amount * 3 // 4, amount - 15 * MINUTE}
    return Target(
        policy,
        TARGETS.index(name),
        amount,
        calendar,
        frozenset(pause_on),
        tuple(sorted(step for step in steps if 0 < step < amount)),
    )


def standard(pauses: dict[str, tuple[str, ...]] = PAUSES, **hours: int) -> dict[str, Target]:
    """The targets of the specification, or others, in hours."""
    return {
        name: target(name, amount * HOUR, *pauses.get(name, ()))
        for name, amount in (hours or AMOUNTS).items()
    }


def policies(*found: Policy, calendar: Calendar = OFFICE) -> PolicyHistory:
    """These policies, or the one of the specification for all tickets."""
    return PolicyHistory(
        Policies(found or [Policy("standard", Every(()), standard())], calendar=calendar, objectives=[GOAL])
    )


STANDARD = policies()


def at(text: str) -> int:
    """An instant of local time: ``03-02 16:00``, in March 2026 if there is no month."""
    day, time = text.split()
    month, _, date = day.rpartition("-")
    local = datetime.fromisoformat(f"2026-{month or '03'}-{date}T{time}").replace(tzinfo=ZONE)
    return round(local.timestamp() * 1000)


def local(instant: int | None) -> str | None:
    """``02 16:00``."""
    if instant is None:
        return None
    return datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZONE).strftime("%d %H:%M")


WEEK: list[AnyEvent] = [
    Opened(at("02 16:00"), "1", "billing", "email"),
    AgentReplied(at("03 10:30"), "2", author="bot"),
    AgentReplied(at("03 11:00"), "3", public=False),
    AgentReplied(at("03 11:30"), "4"),
    Updated(at("03 11:30"), "4b", status="pending"),
    CustomerReplied(at("03 13:00"), "5"),
    Updated(at("03 13:00"), "5b", status="open"),
    CustomerReplied(at("03 14:00"), "6"),
    AgentReplied(at("03 15:30"), "7"),
    AgentReplied(at("03 16:00"), "8"),
    Updated(at("03 16:00"), "8b", status="on_hold"),
    Updated(at("05 10:00"), "9", status="open"),
    AgentReplied(at("06 11:00"), "10"),
    Resolved(at("06 16:00"), "11"),
    Opened(at("09 09:30"), "12"),
    AgentReplied(at("09 11:00"), "13"),
    Resolved(at("09 12:00"), "14"),
]
"""The worked timeline; of a reply and a status at one instant the status goes first, which changes nothing."""


def ticket(
    events: Iterable[AnyEvent], history: PolicyHistory | None = None, until: int | None = None
) -> Ticket:
    """A ticket of these events, one after the other; time has acted up to and with ``until``, or not at all."""
    found = Ticket("default", "T-1", DAY, policies=history or STANDARD)
    for event in events:
        found.insert(event)
    if until is not None:
        found.fire(until + 1)
    return found


def told(transitions: Iterable[Transition], name: str | None = None) -> list[tuple[object, ...]]:
    """Target (if not given), cycle, what and when, in order."""
    found = sorted(
        (t for t in transitions if name in {None, t.target.name}),
        key=lambda t: (t.target.kind, t.cycle, t.at, t.kind),
    )
    return [
        (*(() if name else (t.target.name,)), t.cycle, TRANSITIONS[t.kind].removeprefix("sla."), local(t.at))
        for t in found
    ]
