"""The job itself, without any engine: bytes to an event, an event and a ticket's state to measurements."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from typing_extensions import TypedDict

TOPICS: Final = ("ticket-opened", "agent-replied", "ticket-resolved", "survey-answered")
PANE: Final = 900_000
"""ms of event time."""
WAIT: Final = 86_400_000
"""ms that a pane stays open for what comes late."""

State = dict[str, Any]
"""What is known of a ticket: its team, instants in ms, and what has been measured."""
Measured = dict[str, Any]
"""``key`` (team and measure), ``at`` and ``ms``."""


class Event(TypedDict, total=False):
    """What the job needs of an event; other fields are ignored."""

    ticket_id: str | int
    occurred_at: datetime
    waiting_since: datetime
    team: str
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
    at = _ms(event["occurred_at"])
    state["team"] = event.get("team") or state.get("team", "none")
    found: list[Measured] = []
    topic = event["topic"]
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
    return [{"key": f"{state['team']}/{name}", "at": at, "ms": at - since}]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
