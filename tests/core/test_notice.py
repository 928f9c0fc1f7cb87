"""Notices: the payload of sla-events, and the ids that make each of them one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jsonschema import Draft202012Validator

from cxstream.core.calendar import AlwaysOpen
from cxstream.core.cycle import BREACHED, CANCELLED, MET, PAUSED, TRANSITIONS, Transition
from cxstream.core.notice import Notice, cancellation, event_id, notice
from cxstream.core.policy import FIRST_REPLY, NEXT_REPLY, Target
from cxstream.core.rules import HOUR
from cxstream.core.schema import notice_schema

LABELS = ("billing", "email", "none", "default", "none")
SCHEMA = Draft202012Validator(notice_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def at(text: str) -> int:
    return round(datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC).timestamp() * 1000)


def transition(
    kind: int, when: str, due: str | None = "03T14:00", target: int = NEXT_REPLY, **more: Any
) -> Transition:
    promise = Target("standard", target, 2 * HOUR, AlwaysOpen("always", ZoneInfo("UTC")))
    used = at(when) - at("03T12:00")
    return Transition(
        kind, promise, 1, at(when), at("03T12:00"), due and at(due), used, used + HOUR, LABELS, **more
    )  # type: ignore[arg-type]


def told(found: Transition, detected: str) -> dict[str, Any]:
    answer = notice("default", "T-1", found, tags=("vip",), detected=at(detected), live_lag=HOUR)
    SCHEMA.validate(answer)
    assert Notice.model_validate(answer).model_dump(exclude_none=True) == answer
    return answer


def test_the_id_of_the_specification() -> None:
    breach = transition(BREACHED, "03T14:00")
    assert event_id("default", "T-1", breach) == "699e4f0d2b2d0fbb2c4bba09240a04f6"
    assert event_id("default", "Ž-1", breach) != event_id("default", "\\u017d-1", breach)


def test_a_breach() -> None:
    assert told(transition(BREACHED, "03T14:00"), "03T14:00:00.120") == {
        "type": "sla.breached",
        "event_id": "699e4f0d2b2d0fbb2c4bba09240a04f6",
        "ticket_id": "T-1",
        "source": "default",
        "occurred_at": "2026-03-03T14:00:00.000Z",
        "channel": "email",
        "team": "billing",
        "tags": ["vip"],
        "policy": "standard",
        "target": "next_reply",
        "cycle": 1,
        "started_at": "2026-03-03T12:00:00.000Z",
        "due_at": "2026-03-03T14:00:00.000Z",
        "elapsed_business_s": 7200,
        "elapsed_calendar_s": 10800,
        "remaining_s": 0,
        "detected_at": "2026-03-03T14:00:00.120Z",
        "lag_s": 0.12,
        "replayed": False,
    }


def test_a_paused_clock_has_no_deadline_and_a_late_one_less_than_nothing_left() -> None:
    assert "due_at" not in told(transition(PAUSED, "03T13:00", None), "03T13:00")
    assert told(transition(MET, "03T14:30"), "03T14:30")["remaining_s"] == -1800


@pytest.mark.parametrize(("detected", "replayed"), [("03T15:00", False), ("03T15:00:00.001", True)])
def test_what_is_noticed_after_the_live_lag_is_history(detected: str, replayed: bool) -> None:
    assert told(transition(BREACHED, "03T14:00"), detected)["replayed"] is replayed


def test_a_first_reply_that_a_resolution_made_needless() -> None:
    assert (
        told(transition(MET, "03T13:00", target=FIRST_REPLY, by_resolution=True), "03T13:00")["by"]
        == "resolve"
    )
    assert "by" not in told(transition(MET, "03T13:00", by_resolution=True), "03T13:00")


def test_an_outcome_that_is_taken_back() -> None:
    breach = transition(BREACHED, "03T14:00")
    answer = cancellation("default", "T-1", breach, detected=at("03T16:00"), live_lag=HOUR)
    SCHEMA.validate(answer)
    assert answer["cancels"] == "699e4f0d2b2d0fbb2c4bba09240a04f6"
    assert answer["type"] == TRANSITIONS[CANCELLED] == "sla.cancelled"
    assert answer["event_id"] == event_id("default", "T-1", breach, CANCELLED) != answer["cancels"]
    assert answer["occurred_at"] == "2026-03-03T14:00:00.000Z"


def test_the_example_is_what_it_shows() -> None:
    SCHEMA.validate(Notice.example)
    parts = [
        Notice.example[name] for name in ("source", "ticket_id", "target", "cycle", "type", "occurred_at")
    ]
    assert (
        json.dumps(parts) == '["default", "T-1", "next_reply", 1, "sla.breached", "2026-03-03T14:00:00.000Z"]'
    )
    assert Notice.example["event_id"] == "699e4f0d2b2d0fbb2c4bba09240a04f6"


def test_every_transition_has_a_type_in_the_schema() -> None:
    assert tuple(notice_schema()["properties"]["type"]["enum"]) == TRANSITIONS
