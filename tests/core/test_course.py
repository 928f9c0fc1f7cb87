"""The course of SLA clocks: the worked week, and its agreement with the transitions it is made of."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from cxstream.core.course import course
from cxstream.core.cycle import APPLIED, TRANSITIONS
from cxstream.core.event import AgentReplied, AnyEvent, Opened, Resolved, Updated
from cxstream.core.instant import format_instant
from cxstream.core.policy import PolicyHistory
from cxstream.core.report import Batch
from cxstream.core.rules import DAY, HOUR, Rules
from tests.core.sla import MINUTE, WEEK, at, policies, ticket
from tests.core.test_exactness import messages
from tests.core.test_sla import some_policies
from tests.oracle.histories import Event, histories, lines


def of_week(name: str) -> list[tuple[object, ...]]:
    now = at("09 12:00")
    return [
        (run["cycle"], run["state"], run["elapsed_business_s"] / 3_600, run["elapsed_calendar_s"] / 3_600)
        for run in course(ticket(WEEK, until=now), now)
        if run["target"] == name
    ]


def test_the_worked_week() -> None:
    assert of_week("first_reply") == [(1, "met", 3.5, 19.5)]
    assert of_week("next_reply") == [(1, "met_late", 2.5, 2.5), (2, "met", 1.5, 1.5)]
    assert of_week("resolution") == [(1, "met", 32.0, 96.0), (2, "met", 34.5, 98.5)]


def test_a_clock_that_runs() -> None:
    opened, now = at("02 16:00"), at("03 11:00")
    (first, *_) = course(ticket([Opened(opened, "o")], until=now), now)
    assert first == {
        "policy": "standard", "target": "first_reply", "target_s": 14_400.0, "cycle": 1, "state": "at_risk",
        "running": True, "paused": False, "started_at": format_instant(opened),
        "due_at": format_instant(at("03 12:00")), "ended_at": None, "elapsed_business_s": 10_800.0,
        "elapsed_calendar_s": 68_400.0, "remaining_s": 3_600.0, "warned_at": [format_instant(at("03 11:00"))],
        "breached_at": None, "by_resolution": False,
        "transitions": [
            {"type": "sla.applied", "at": format_instant(opened)},
            {"type": "sla.warning", "at": format_instant(at("03 11:00"))},
        ],
    }  # fmt: skip


def test_a_paused_clock_has_no_deadline_and_does_not_go_on() -> None:
    events: list[AnyEvent] = [Opened(at("02 09:00"), "o"), Updated(at("02 12:00"), "u", status="pending")]
    now = at("04 12:00")
    (work,) = (run for run in course(ticket(events, until=now), now) if run["target"] == "agent_work")
    assert (work["running"], work["paused"], work["due_at"], work["state"]) == (True, True, None, "ok")
    assert (work["elapsed_business_s"], work["remaining_s"]) == (3 * 3_600, 17 * 3_600)


def test_a_breach_and_what_came_after_it() -> None:
    events: list[AnyEvent] = [Opened(at("02 09:00"), "o"), AgentReplied(at("02 14:00"), "r")]
    now = at("02 15:00")
    (first, *_) = course(ticket(events, policies(), until=now), now)
    assert (first["state"], first["breached_at"]) == ("met_late", format_instant(at("02 13:00")))
    assert (first["ended_at"], first["remaining_s"]) == (format_instant(at("02 14:00")), -3_600)
    (first, *_) = course(ticket(events[:1], until=at("02 13:30")), at("02 13:30"))
    assert (first["state"], first["running"], first["remaining_s"]) == ("breached", True, -1_800)


def test_what_a_resolution_stops() -> None:
    opened = Opened(at("02 09:00"), "o")
    now = at("02 10:00")
    found = course(ticket([opened, Resolved(now, "s")], until=now), now)
    assert [(run["target"], run["by_resolution"]) for run in found if run["by_resolution"]] == [
        ("first_reply", True)
    ]
    spam = course(ticket([opened, Resolved(now, "s", outcome="spam")], until=now), now)
    assert {run["state"] for run in spam} == {"cancelled"}
    assert not any(run["running"] for run in spam)


@given(history=histories(), seed=st.integers(0, 2**32 - 1))
def test_it_tells_every_transition_once_and_every_clock_that_runs(history: list[Event], seed: int) -> None:
    rng = random.Random(seed)
    rules = Rules(policies=PolicyHistory(some_policies(rng)))
    batch = Batch(rules)
    delivered = [message for message in messages(lines(history)) if message]
    if not delivered:
        return
    for message in delivered:
        batch.add(message)
    now = max(message.event.at for message in delivered) + rng.choice((0, MINUTE, HOUR, 3 * DAY))
    for found, _ in batch.standing(None, now=now):
        told = course(found, now)
        assert sorted((one["target"], run["cycle"], one["type"], one["at"]) for run in told for one in [
            {**each, "target": run["target"]} for each in run["transitions"]
        ]) == sorted(
            (each.target.name, each.cycle, TRANSITIONS[each.kind], format_instant(each.at))
            for each in found.transitions()
        )  # fmt: skip
        running = {} if found.clocks is None else found.clocks.running
        assert {run["target"] for run in told if run["running"]} == {
            cycle.target.name for cycle in running.values()
        }
        for run in told:
            assert run["running"] == (run["ended_at"] is None)
            assert run["elapsed_business_s"] >= 0
            assert run["elapsed_business_s"] <= run["elapsed_calendar_s"]
            if run["breached_at"] is not None:
                assert run["state"] in {"breached", "met_late", "cancelled"}
            if run["transitions"][0]["type"] == TRANSITIONS[APPLIED]:
                assert run["started_at"]
