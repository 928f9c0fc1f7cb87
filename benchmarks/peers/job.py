"""The job itself, without any engine: bytes to an event, an event and a ticket's state to measurements."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from typing_extensions import TypedDict

TOPICS: Final = ("ticket-opened", "agent-replied", "ticket-resolved", "survey-answered")
PANES: Final = (60_000, 900_000, 7_200_000)
"""ms of event time: of the worker's default windows an hour, a day and today, and a week, to be added up when read."""
BOUNDS: Final = tuple(60_000 * minutes for minutes in (1, 5, 15, 30, 60, 120, 240, 480, 1_440, 2_880, 10_080))
"""ms, of the histogram."""
WAIT: Final = 86_400_000
"""ms that a pane stays open for what comes late."""

State = dict[str, Any]
"""What is known of a ticket: its team, instants in ms, and what has been measured."""
Measured = dict[str, Any]
"""``key`` (team, channel and measure), ``at`` and ``ms``."""
Cell = list[int]
"""Count, sum in ms, and the counts of the histogram."""


class Event(TypedDict, total=False):
    """What the job needs of an event; other fields are ignored."""

    ticket_id: str | int
    occurred_at: datetime
    waiting_since: datetime
    event_id: str
    team: str
    channel: str
    opened_by: str
    author: str
    public: bool
    automatic: bool


_validate: Final = TypeAdapter(Event).validate_json


def read(topic: str, value: bytes) -> Event:
    """Validate; raises pydantic's ``ValidationError``."""
    return {**_validate(value), "topic": topic}  # type: ignore[typeddict-unknown-key]


def learn(state: State, event: Any) -> list[Measured]:
    """Change a ticket's state by one event; the measurements it completes, whatever came first."""
    at, topic = _ms(event["occurred_at"]), event["topic"]
    identity = event.get("event_id") or f"{topic} {at}"
    seen = state.setdefault("seen", [])
    if identity in seen:
        return []
    seen.append(identity)
    for label in ("team", "channel"):
        state[label] = event.get(label) or state.get(label, "none")
    found: list[Measured] = []
    if topic == "ticket-opened":
        state["opened"] = min(at, state.get("opened", at))
        if event.get("opened_by", "customer") == "customer":
            state.setdefault("waiting", at)
    elif topic == "agent-replied":
        if event.get("author", "agent") == "agent" and event.get("public", True):
            state["replied"] = min(at, state.get("replied", at))
            since = state.pop("waiting", None)
            if "waiting_since" in event:
                since = _ms(event["waiting_since"])
            if since is not None:
                found += _measured(state, "response", at, since)
    elif topic == "ticket-resolved" and not event.get("automatic"):
        state["resolved"] = at
    if "opened" in state:
        if "replied" in state and "answered" not in state:
            state["answered"] = True
            found += _measured(state, "first_response", state["replied"], state["opened"])
        if "resolved" in state:
            found += _measured(state, "resolution", state.pop("resolved"), state["opened"])
    return found


def _measured(state: State, name: str, at: int, since: int) -> list[Measured]:
    if at < since:
        return []
    return [{"key": f"{state['team']}/{state['channel']}/{name}", "at": at, "ms": at - since}]


def empty() -> Cell:
    """A pane of one key without measurements."""
    return [0, 0, *[0] * (len(BOUNDS) + 1)]


def add(cell: Cell, measured: Measured) -> Cell:
    """Count a measurement in."""
    ms = measured["ms"]
    cell[0] += 1
    cell[1] += ms
    cell[2 + bisect_left(BOUNDS, ms)] += 1
    return cell


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
