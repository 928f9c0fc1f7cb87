"""Notices: transitions of SLA clocks as the events of the topic ``sla-events``.

    notice("default", "T-1", (), transition, detected=now, live_lag=HOUR)

The id of a notice is made of what it says, so that it is the same after a restart, a replay and on any worker.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring as _quoted
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cxstream.core.cycle import CANCELLED, TRANSITIONS, Transition
from cxstream.core.frame import NONE
from cxstream.core.instant import format_instant
from cxstream.core.policy import TARGETS

TOPIC: Final = "sla-events"
_ID_DIGITS: Final = 32  # hex, half a SHA-256, as of events without an id

Json = dict[str, Any]

_moment: Final = lru_cache(maxsize=16)(format_instant)
"""The instant of noticing, which many notices have in common."""


class Notice(BaseModel):
    """A transition of an SLA clock; fields that say nothing are left out."""

    model_config = ConfigDict(extra="forbid")

    example: ClassVar[Json] = {
        "type": "sla.breached",
        "event_id": "699e4f0d2b2d0fbb2c4bba09240a04f6",
        "ticket_id": "T-1",
        "source": "default",
        "occurred_at": "2026-03-03T14:00:00.000Z",
        "channel": "email",
        "priority": "normal",
        "team": "billing",
        "policy": "standard",
        "target": "next_reply",
        "cycle": 1,
        "started_at": "2026-03-03T12:00:00.000Z",
        "due_at": "2026-03-03T14:00:00.000Z",
        "elapsed_business_s": 7200,
        "elapsed_calendar_s": 7200,
        "remaining_s": 0,
        "detected_at": "2026-03-03T14:00:00.120Z",
        "lag_s": 0.12,
        "replayed": False,
    }

    type: Literal[
        "sla.applied", "sla.changed", "sla.paused", "sla.resumed", "sla.warning", "sla.breached", "sla.met",
        "sla.met_late", "sla.cancelled",
    ] = Field(description="What happened to the clock.")  # fmt: skip
    event_id: str = Field(
        description="The same for the same transition, however often it is sent: the first 32 hex digits of "
        "SHA-256 over the compact JSON array of source, ticket_id, target, cycle, type and occurred_at."
    )
    ticket_id: str = Field(description="The ticket, unique within its source; the record's Kafka key.")
    source: str = Field(description="Which helpdesk or account.")
    occurred_at: str = Field(
        description="When it took effect: a breach at its deadline, a warning at its step, a stop at the event "
        "that completed it.",
        json_schema_extra={"format": "date-time"},
    )
    channel: str | None = Field(None, description="The ticket's channel then.")
    priority: str | None = Field(None, description="The ticket's priority then.")
    team: str | None = Field(None, description="The ticket's team then.")
    kind: str | None = Field(None, description="What the ticket was about then.")
    tags: list[str] | None = Field(None, description="The ticket's tags.")
    policy: str = Field(description="The policy whose target it is.")
    target: str = Field(description="The target.")
    cycle: int = Field(description="Which run of the clock, from 1.", ge=1)
    started_at: str = Field(
        description="When this run began to count.", json_schema_extra={"format": "date-time"}
    )
    due_at: str | None = Field(
        None, description="The deadline; absent while paused.", json_schema_extra={"format": "date-time"}
    )
    elapsed_business_s: float = Field(description="Seconds elapsed on the target's calendar.", ge=0)
    elapsed_calendar_s: float = Field(description="Seconds elapsed on the wall.", ge=0)
    remaining_s: float = Field(description="Seconds left on the target's calendar; negative if late.")
    by: Literal["resolve"] | None = Field(
        None, description="A first reply that a resolution made needless: left out of all rates."
    )
    cancels: str | None = Field(
        None, description="The id of an outcome that has been disproved by a late event."
    )
    detected_at: str = Field(description="When it was noticed.", json_schema_extra={"format": "date-time"})
    lag_s: float = Field(description="Seconds from occurred_at to detected_at.")
    replayed: bool = Field(
        description="Noticed so late that it is history: raises no alarm and moves no counter."
    )


def event_id(source: str, ticket_id: str, transition: Transition, kind: int | None = None) -> str:
    """The id of a transition's notice, or of one of another kind about the same."""
    name = TRANSITIONS[transition.kind if kind is None else kind]
    return _id(source, ticket_id, transition, name, format_instant(transition.at))


def _id(source: str, ticket_id: str, transition: Transition, name: str, at: str) -> str:
    # The array as json.dumps writes it with ensure_ascii=False, of which only the first two can need escaping.
    text = (
        f"[{_quoted(source)},{_quoted(ticket_id)},"
        f'"{TARGETS[transition.target.kind]}",{transition.cycle},"{name}","{at}"]'
    )
    return sha256(text.encode()).hexdigest()[:_ID_DIGITS]


def notice(
    source: str,
    ticket_id: str,
    transition: Transition,
    *,
    tags: tuple[str, ...] = (),
    detected: int,
    live_lag: int,
) -> Json:
    """The payload of a transition; ``detected`` is the instant of noticing it, ``live_lag`` a duration, ms."""
    kind, target, cycle, at, started, due, used, passed, labels, by_resolution = transition
    team, channel, priority, _, topic = labels
    name, occurred, lag = TRANSITIONS[kind], format_instant(at), detected - at
    told: Json = {
        "type": name,
        "event_id": _id(source, ticket_id, transition, name, occurred),
        "ticket_id": ticket_id,
        "source": source,
        "occurred_at": occurred,
    }
    if channel != NONE:
        told["channel"] = channel
    if priority != NONE:
        told["priority"] = priority
    if team != NONE:
        told["team"] = team
    if topic != NONE:
        told["kind"] = topic
    if tags:
        told["tags"] = list(tags)
    told["policy"] = target.policy
    told["target"] = TARGETS[target.kind]
    told["cycle"] = cycle
    told["started_at"] = occurred if started == at else format_instant(started)
    if due is not None:
        told["due_at"] = occurred if due == at else format_instant(due)
    told["elapsed_business_s"] = _seconds(used)
    told["elapsed_calendar_s"] = _seconds(passed)
    told["remaining_s"] = _seconds(target.amount - used)
    if by_resolution and transition.needless:
        told["by"] = "resolve"
    told["detected_at"] = _moment(detected)
    told["lag_s"] = _seconds(lag)
    told["replayed"] = lag > live_lag
    return told


def cancellation(
    source: str,
    ticket_id: str,
    outcome: Transition,
    *,
    tags: tuple[str, ...] = (),
    detected: int,
    live_lag: int,
) -> Json:
    """The payload that takes back an outcome; it took effect when that did, and has the details of that."""
    told = notice(source, ticket_id, outcome, tags=tags, detected=detected, live_lag=live_lag)
    return told | {
        "type": TRANSITIONS[CANCELLED],
        "event_id": event_id(source, ticket_id, outcome, CANCELLED),
        "cancels": told["event_id"],
    }


def _seconds(ms: int) -> float:
    """Seconds, without needless decimals."""
    return ms / 1_000 if ms % 1_000 else ms // 1_000
