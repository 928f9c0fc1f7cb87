"""The oracle against small timelines worked out by hand, one rule of the contract each.

Unless a case says otherwise everything happens on Wednesday 2024-07-17, UTC, on ticket "1".
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .answer import Refused, answer, canonical, instant, read, read_line, window_start, written
from .histories import (
    REASONS,
    dead_letters,
    enveloped,
    histories,
    history,
    invalid,
    iso,
    lines,
    milliseconds,
    question,
    questioned_histories,
    respelled,
    story,
)

Event = dict[str, Any]
WALL = milliseconds("2024-08-01T00:00:00Z")
MINUTE = 60.0
HOUR = 3600.0


def t(clock: str, day: int = 17) -> str:
    """``9:30`` of a day of July 2024."""
    hour, *rest = clock.split(":")
    return f"2024-07-{day:02d}T{int(hour):02d}:{':'.join(rest)}" + (":00Z" if len(rest) == 1 else "Z")


def _event(topic: str, at: str, fields: dict[str, Any]) -> Event:
    return {"topic": topic, "ticket_id": "1", "occurred_at": at if "T" in at else t(at), **fields}


def opened(at: str, **fields: Any) -> Event:
    return _event("ticket-opened", at, fields)


def updated(at: str, **fields: Any) -> Event:
    return _event("ticket-updated", at, fields)


def customer(at: str, **fields: Any) -> Event:
    return _event("customer-replied", at, fields)


def replied(at: str, **fields: Any) -> Event:
    return _event("agent-replied", at, fields)


def resolved(at: str, **fields: Any) -> Event:
    return _event("ticket-resolved", at, fields)


def survey(at: str, kind: str, score: Any, **fields: Any) -> Event:
    return _event("survey-answered", at, {"survey": kind, "score": score, **fields})


def ask(*events: Event, **asked: Any) -> dict[str, Any]:
    return answer(lines(events), wall_now_ms=WALL, **asked)


def durations(answered: dict[str, Any], what: str) -> tuple[int, float]:
    """Count and sum of a measure."""
    return answered[what]["count"], answered[what]["sum_seconds"]


NOTHING = (0, 0.0)


# --- first response ---------------------------------------------------------------------


def test_first_response_from_opening_to_first_qualifying_reply() -> None:
    a = ask(opened("9:00"), replied("9:10"), replied("9:30"))
    assert durations(a, "first_response") == (1, 10 * MINUTE)  # 9:10 - 9:00; the second is no first


def test_first_response_only_for_tickets_opened_by_a_customer() -> None:
    a = ask(opened("9:00", opened_by="agent"), replied("9:10"))
    assert durations(a, "first_response") == NOTHING  # opened by an agent
    assert durations(a, "response") == NOTHING  # and no wait was started
    assert a["tickets"]["replies"] == 1
    assert a["tickets"]["in_progress"] == 1  # replied to, and not opened by a customer


def test_first_response_passes_over_bots_and_private_notes() -> None:
    a = ask(opened("9:00"), replied("9:01", author="bot"), replied("9:02", public=False), replied("9:20"))
    assert durations(a, "first_response") == (1, 20 * MINUTE)  # neither bot nor note qualifies
    assert a["tickets"]["replies"] == 1


def test_first_response_also_after_a_resolution() -> None:
    a = ask(opened("9:00"), resolved("9:30"), replied("10:00"))
    assert durations(a, "first_response") == (1, 60 * MINUTE)  # 10:00 - 9:00
    assert durations(a, "response") == NOTHING  # the resolution ended the wait unmeasured


def test_first_response_from_the_hand_off() -> None:
    a = ask(opened("9:00"), updated("9:06", human_since=t("9:05")), replied("9:20"))
    assert durations(a, "first_response") == (1, 15 * MINUTE)  # 9:20 - 9:05
    assert durations(a, "response") == (1, 15 * MINUTE)  # the opening's wait counts from it too


def test_last_hand_off_not_after_the_reply() -> None:
    a = ask(
        opened("9:00", human_since=t("9:02")),
        updated("9:06", human_since=t("9:20")),  # exactly at the reply: not after it
        updated("9:07", human_since=t("9:21")),  # after it: not used
        replied("9:20"),
    )
    assert durations(a, "first_response") == (1, 0.0)  # 9:20 - 9:20


def test_hand_off_before_the_opening_is_not_later() -> None:
    a = ask(opened("9:00", human_since=t("8:30")), replied("9:10"))
    assert durations(a, "first_response") == (1, 10 * MINUTE)


def test_hand_off_counts_whichever_event_carries_it() -> None:
    a = ask(opened("9:00"), replied("9:20"), updated("11:00", human_since=t("9:15")))
    assert durations(a, "first_response") == (1, 5 * MINUTE)  # told at 11:00, handed off at 9:15


def test_opening_is_the_earliest() -> None:
    a = ask(opened("9:00"), opened("8:00", opened_by="agent"), replied("9:10"))
    assert a["tickets"]["opened"] == 1
    assert a["tickets"]["reopened"] == 0  # the ticket was open: labels only
    assert durations(a, "first_response") == NOTHING  # the opening of 8:00 is an agent's


def test_openings_of_one_instant_are_ordered_by_event_id() -> None:
    a = ask(opened("9:00", event_id="b"), opened("9:00", event_id="a", opened_by="agent"), replied("9:10"))
    assert durations(a, "first_response") == NOTHING  # "a" is the opening


# --- response ---------------------------------------------------------------------------


def test_response_counts_each_wait_once() -> None:
    a = ask(
        opened("9:00"),
        replied("9:10"),
        replied("9:15"),
        customer("10:00"),
        customer("10:20"),
        replied("10:30"),
    )
    # 9:00→9:10 = 10 min; 9:15 ends no wait; 10:00→10:30 = 30 min (10:20 starts none, one runs)
    assert durations(a, "response") == (2, 40 * MINUTE)


def test_customer_reply_before_the_first_reply_keeps_the_wait_of_the_opening() -> None:
    a = ask(opened("9:00"), customer("9:05"), replied("9:10"))
    assert durations(a, "response") == (1, 10 * MINUTE)


def test_customer_reply_starts_the_wait_of_a_ticket_an_agent_opened() -> None:
    a = ask(opened("9:00", opened_by="agent"), customer("9:05"), replied("9:10"))
    assert durations(a, "response") == (1, 5 * MINUTE)
    assert durations(a, "first_response") == NOTHING


def test_hand_off_does_not_move_the_wait_of_a_customer_reply() -> None:
    a = ask(
        opened("9:00", opened_by="agent"),
        customer("9:05"),
        updated("9:08", human_since=t("9:08")),
        replied("9:10"),
    )
    assert durations(a, "response") == (1, 5 * MINUTE)  # only openings and reopenings count from it


def test_hand_off_itself_starts_no_wait() -> None:
    a = ask(opened("9:00"), replied("9:10"), updated("9:20", human_since=t("9:20")), replied("9:30"))
    assert durations(a, "response") == (1, 10 * MINUTE)


def test_customer_reply_on_a_resolved_ticket_waits_but_does_not_reopen() -> None:
    a = ask(opened("9:00"), resolved("9:30"), customer("10:00"), replied("10:25"))
    assert durations(a, "response") == (1, 25 * MINUTE)
    assert (a["tickets"]["resolved"], a["tickets"]["reopened"]) == (1, 0)


def test_confirmation_leaves_the_wait_alone() -> None:
    a = ask(
        opened("9:00"),
        resolved("9:30"),
        customer("10:00"),
        resolved("10:10", automatic=True),
        replied("10:25"),
    )
    assert durations(a, "response") == (1, 25 * MINUTE)


def test_effective_resolution_ends_the_wait_unmeasured() -> None:
    a = ask(opened("9:00"), replied("9:10"), customer("9:20"), resolved("9:30"), replied("9:40"))
    assert durations(a, "response") == (1, 10 * MINUTE)


def test_waiting_since_wins_over_the_running_wait() -> None:
    a = ask(opened("9:00"), replied("9:10", waiting_since=t("9:07")))
    assert durations(a, "response") == (1, 3 * MINUTE)
    assert durations(a, "first_response") == (1, 10 * MINUTE)


def test_waiting_since_needs_no_running_wait() -> None:
    a = ask(opened("9:00"), replied("9:10"), replied("9:30", waiting_since=t("9:25")))
    assert durations(a, "response") == (2, 15 * MINUTE)  # 10 + 5


def test_waiting_since_from_before_a_resolution_and_the_opening() -> None:
    a = ask(opened("9:00"), resolved("9:10"), replied("9:20", waiting_since=t("9:05")))
    assert durations(a, "response") == (1, 15 * MINUTE)
    b = ask(opened("9:00"), replied("9:10", waiting_since=t("8:00")))
    assert durations(b, "response") == (1, 70 * MINUTE)


def test_waiting_since_at_the_previous_reply_is_as_if_absent() -> None:
    a = ask(opened("9:00"), replied("9:10"), customer("9:20"), replied("9:30", waiting_since=t("9:10")))
    assert durations(a, "response") == (2, 20 * MINUTE)  # 10, and the running wait 9:20→9:30
    b = ask(
        opened("9:00"), replied("9:10"), customer("9:20"), replied("9:30", waiting_since=t("9:10:00.001"))
    )
    assert durations(b, "response") == (2, 10 * MINUTE + 20 * MINUTE - 0.001)


def test_waiting_since_of_a_bot_is_no_wait() -> None:
    a = ask(opened("9:00"), replied("9:05", author="bot", waiting_since=t("9:01")), replied("9:10"))
    assert durations(a, "response") == (1, 10 * MINUTE)


def test_explicit_reopening_by_a_customer_starts_a_wait() -> None:
    a = ask(opened("9:00"), replied("9:10"), resolved("9:20"), opened("11:00"), replied("11:15"))
    assert durations(a, "response") == (2, 25 * MINUTE)  # 10 + 15
    b = ask(
        opened("9:00"),
        replied("9:10"),
        resolved("9:20"),
        opened("11:00", opened_by="system"),
        replied("11:15"),
    )
    assert durations(b, "response") == (1, 10 * MINUTE)
    assert b["tickets"]["reopened"] == 1


def test_wait_of_a_reopening_counts_from_a_later_hand_off() -> None:
    a = ask(
        opened("9:00"),
        replied("9:10"),
        resolved("9:20"),
        opened("11:00", human_since=t("11:05")),
        replied("11:15"),
    )
    assert durations(a, "response") == (2, 20 * MINUTE)  # 10, and 11:05→11:15


def test_reopening_does_not_replace_a_running_wait() -> None:
    a = ask(
        opened("9:00", opened_by="agent"),
        resolved("9:20"),
        customer("10:00"),
        opened("11:00"),
        replied("11:15"),
    )
    assert durations(a, "response") == (1, 75 * MINUTE)  # since 10:00


def test_implied_reopening_starts_no_wait() -> None:
    a = ask(opened("9:00"), resolved("9:20"), resolved("10:00"), replied("10:30"))
    assert durations(a, "response") == NOTHING
    assert a["tickets"]["reopened"] == 1


# --- resolutions and state --------------------------------------------------------------


def test_first_and_last_resolution() -> None:
    a = ask(opened("9:00"), resolved("10:00"), opened("11:00"), resolved("12:00"))
    assert durations(a, "first_resolution") == (1, HOUR)
    assert durations(a, "resolution") == (1, 3 * HOUR)
    assert a["windows"]["24h"]["resolved"] == 2  # transitions, while tickets.resolved is now
    assert a["tickets"]["resolved"] == 1


def test_reopening_takes_the_resolution_back_out() -> None:
    a = ask(opened("9:00"), resolved("10:00"), opened("11:00"))
    assert durations(a, "resolution") == NOTHING
    assert durations(a, "first_resolution") == (1, HOUR)
    assert (a["tickets"]["open"], a["tickets"]["resolved"]) == (1, 0)


def test_implied_reopening_is_a_transition_at_the_later_resolution() -> None:
    a = ask(opened("9:00"), resolved("10:00"), resolved("12:30"), windows="1h/30m")
    # now 12:30; panes of 12:00 and 12:30: the reopening and the second resolution are both there
    assert {flow: a["windows"]["1h"][flow] for flow in ("opened", "resolved", "reopened")} == {
        "opened": 0,
        "resolved": 1,
        "reopened": 1,
    }
    assert durations(a, "resolution") == (1, 3.5 * HOUR)


def test_automatic_confirmation_has_no_effect() -> None:
    a = ask(opened("9:00"), resolved("10:00"), resolved("12:00", automatic=True, outcome="spam"))
    assert durations(a, "resolution") == (1, HOUR)
    assert (a["tickets"]["void"], a["tickets"]["reopened"]) == (0, 0)


def test_automatic_resolution_of_an_open_ticket_is_effective() -> None:
    a = ask(opened("9:00"), resolved("10:00", automatic=True))
    assert durations(a, "resolution") == (1, HOUR)


def test_opened_comes_before_resolved_at_one_instant() -> None:
    a = ask(opened("9:00"), resolved("10:00"), opened("10:00"))
    assert (a["tickets"]["resolved"], a["tickets"]["reopened"]) == (1, 0)  # the opening was first


def test_resolutions_of_one_instant_are_ordered_by_event_id() -> None:
    one, two = resolved("10:00", event_id="a", automatic=True), resolved("10:00", event_id="b")
    assert ask(opened("9:00"), one, two)["tickets"]["reopened"] == 1  # "a" resolves, "b" again
    two["event_id"] = "A"
    assert ask(opened("9:00"), one, two)["tickets"]["reopened"] == 0  # "A" resolves, "a" confirms


def test_one_touch() -> None:
    once = [opened("9:00"), replied("9:10"), resolved("9:20")]
    assert ask(*once)["tickets"]["one_touch"] == 1
    assert ask(*once, replied("9:30"))["tickets"]["one_touch"] == 0  # two replies
    assert ask(*once, opened("9:30"))["tickets"]["one_touch"] == 0  # not resolved now


def test_backlog_states() -> None:
    a = ask(
        opened("9:00", ticket_id="waits"),
        opened("9:00", ticket_id="answered"),
        replied("9:05", ticket_id="answered"),
        opened("9:00", ticket_id="by an agent", opened_by="agent"),
        opened("9:00", ticket_id="bot only"),
        replied("9:05", ticket_id="bot only", author="bot"),
    )
    assert a["tickets"]["open"] == 4
    assert a["tickets"]["awaiting_first_reply"] == 2  # "waits", "bot only"
    assert a["tickets"]["in_progress"] == 2


# --- void -------------------------------------------------------------------------------


def test_void_ticket_leaves_everything_but_void() -> None:
    a = ask(
        opened("9:00"),
        replied("8:59"),  # skewed: would be negative
        survey("9:30", "csat", 5),
        resolved("10:00", outcome="Spam"),
    )
    assert a["tickets"] == dict.fromkeys(a["tickets"], 0) | {"void": 1}
    assert (a["events"]["negative"], a["csat"]["answers"]) == (0, 0)
    assert a["events"]["total"] == 4
    assert durations(a, "first_response") == durations(a, "resolution") == NOTHING


def test_void_reopened_returns_and_is_no_first_resolution() -> None:
    a = ask(opened("9:00"), resolved("10:00", outcome="merged"), opened("11:00"))
    assert (a["tickets"]["void"], a["tickets"]["open"], a["tickets"]["reopened"]) == (0, 1, 1)
    assert durations(a, "first_resolution") == NOTHING
    b = ask(opened("9:00"), resolved("10:00", outcome="merged"), opened("11:00"), resolved("12:00"))
    assert durations(b, "first_resolution") == (1, 3 * HOUR)  # the next that is not void
    assert b["windows"]["24h"]["resolved"] == 2


def test_void_stays_void_through_a_confirmation_but_not_an_implied_reopening() -> None:
    void = [opened("9:00"), resolved("10:00", outcome="duplicate")]
    assert ask(*void, resolved("11:00", automatic=True))["tickets"]["void"] == 1
    a = ask(*void, resolved("11:00"))
    assert (a["tickets"]["void"], a["tickets"]["resolved"], a["tickets"]["reopened"]) == (0, 1, 1)
    assert durations(a, "first_resolution") == (1, 2 * HOUR)


def test_solved_then_void_at_the_end_is_void() -> None:
    a = ask(opened("9:00"), resolved("10:00"), resolved("11:00", outcome="deleted"))
    assert (a["tickets"]["void"], a["tickets"]["opened"]) == (1, 0)


@pytest.mark.parametrize("outcome", ["no_response", "ABANDONED", "solved"])
def test_other_outcomes_are_not_void(outcome: str) -> None:
    assert ask(opened("9:00"), resolved("10:00", outcome=outcome))["tickets"]["resolved"] == 1


# --- skew, orphans, negatives -----------------------------------------------------------


def test_skewed_reply_is_the_first_and_negative() -> None:
    a = ask(opened("9:00"), replied("8:50"), replied("9:10"))
    assert durations(a, "first_response") == NOTHING  # 8:50 is the first; 8:50 - 9:00 is not taken
    assert durations(a, "response") == NOTHING  # it ended the wait
    assert a["events"]["negative"] == 1  # once, though two measures would be negative
    assert a["tickets"]["replies"] == 2


def test_skewed_reply_with_its_own_wait_is_measured_in_the_pane_of_the_opening() -> None:
    a = ask(opened("9:00", opened_by="agent"), replied("8:50", waiting_since=t("8:30")), windows="1m/1m")
    assert durations(a["windows"]["1m"], "response") == (1, 20 * MINUTE)  # 8:50 - 8:30, at 9:00
    assert a["events"]["negative"] == 0


def test_previous_reply_is_compared_by_its_own_time() -> None:
    a = ask(opened("9:00", opened_by="agent"), replied("8:50"), replied("9:10", waiting_since=t("8:55")))
    assert durations(a, "response") == (1, 15 * MINUTE)  # 8:55 is after 8:50


def test_skewed_resolution_is_negative_and_still_the_first() -> None:
    a = ask(opened("9:00"), resolved("8:00"), opened("10:00"), resolved("11:00"))
    assert a["events"]["negative"] == 1
    assert durations(a, "first_resolution") == NOTHING  # the first was the negative one
    assert durations(a, "resolution") == (1, 2 * HOUR)


def test_skewed_customer_reply_waits_from_its_own_time() -> None:
    a = ask(opened("9:00", opened_by="agent"), customer("8:30"), replied("9:10"))
    assert durations(a, "response") == (1, 40 * MINUTE)


def test_skewed_events_come_before_the_others_of_the_opening_instant() -> None:
    # Order: opening, skewed resolution, then the second opening of 9:00, which reopens.
    a = ask(opened("9:00", event_id="a"), opened("9:00", event_id="b"), resolved("8:59"))
    assert (a["tickets"]["open"], a["tickets"]["reopened"]) == (1, 1)


@pytest.mark.parametrize(("moment", "orphan"), [("9:00:00.000", 0), ("8:59:59.999", 1)])
def test_skew_is_inclusive(moment: str, orphan: int) -> None:
    a = ask(opened("9:00"), replied(t(moment, 16)))
    assert a["events"]["orphan"] == orphan  # 24 h before is skew, a millisecond more is not
    assert a["events"]["negative"] == 1 - orphan
    assert a["tickets"]["awaiting_first_reply"] == orphan  # an orphan is no reply of this life


def test_orphans_without_an_opening() -> None:
    a = ask(
        replied("9:00"), resolved("9:10"), resolved("9:20", automatic=True), replied("9:30", author="bot")
    )
    assert a["events"]["orphan"] == 3  # the bot's reply is none
    assert a["tickets"] == dict.fromkeys(a["tickets"], 0)
    assert a["windows"]["24h"]["resolved"] == 0


def test_orphans_are_measured_when_the_opening_arrives() -> None:
    a = ask(replied("9:10"), opened("9:00"))
    assert a["events"]["orphan"] == 0
    assert durations(a, "first_response") == (1, 10 * MINUTE)


def test_old_resolution_does_not_resolve() -> None:
    a = ask(resolved(t("8:00", 16)), opened("9:00"), opened("10:00"))
    assert (a["tickets"]["open"], a["tickets"]["reopened"], a["events"]["orphan"]) == (1, 0, 1)


def test_old_customer_reply_starts_no_wait() -> None:
    a = ask(customer(t("8:00", 16)), opened("9:00", opened_by="agent"), replied("9:10"))
    assert durations(a, "response") == NOTHING
    assert a["events"]["orphan"] == 0


def test_wait_that_begins_after_the_reply_is_negative() -> None:
    a = ask(opened("9:00"), replied("9:10", waiting_since=t("9:11")))
    assert durations(a, "response") == NOTHING
    assert durations(a, "first_response") == (1, 10 * MINUTE)
    assert a["events"]["negative"] == 1


# --- surveys ----------------------------------------------------------------------------


def test_last_answer_stands() -> None:
    a = ask(opened("9:00"), survey("9:30", "csat", 1), survey("9:40", "CSAT", 5), survey("9:35", "csat", 3))
    assert (a["csat"]["answers"], a["csat"]["positive"], a["csat"]["mean"]) == (1, 1, 5.0)


def test_last_answer_is_per_survey_and_survey_id() -> None:
    a = ask(
        survey("9:30", "csat", 1),
        survey("9:40", "csat", 5, survey_id="x"),
        survey("9:41", "csat", 4, survey_id=7),
        survey("9:42", "csat", 2, survey_id="7"),  # the same id as 7
        survey("9:42", "nps", 10),
    )
    # no opening needed; stand: 1 (no id), 5 (x), 2 (7) → positive 1, negative 2 (s = 0 and ¼)
    assert (a["csat"]["answers"], a["csat"]["positive"], a["csat"]["negative"]) == (3, 1, 2)
    assert a["csat"]["mean"] == pytest.approx(8 / 3)
    assert a["csat"]["ratio"] == pytest.approx(1 / 3)
    assert a["nps"]["answers"] == 1


@pytest.mark.parametrize(
    ("score", "fields", "category"),
    [
        (4, {}, "positive"),  # s = 3/4
        (2, {}, "negative"),  # s = 1/4
        (3.99, {}, "neutral"),
        (0.4, {"scale_min": 0.1, "scale_max": 0.5}, "positive"),  # exactly ¾ in decimals only
        (0.2, {"scale_min": 0.1, "scale_max": 0.5}, "negative"),
        (7.75, {"scale_max": 10}, "positive"),  # (7.75 - 1)/9 = ¾
        (2, {"higher_is_better": False}, "positive"),  # mirrored: 1 - ¼
        (4, {"higher_is_better": False}, "negative"),
    ],
)
def test_csat_thresholds(score: float, fields: dict[str, Any], category: str) -> None:
    a = ask(survey("9:30", "csat", score, **fields))
    assert a["csat"][category] == 1
    assert a["csat"]["answers"] == sum(a["csat"][name] for name in ("positive", "neutral", "negative")) == 1


@pytest.mark.parametrize(
    ("score", "fields", "category"),
    [
        (9, {}, "promoters"),
        (8.99, {}, "passives"),
        (6.01, {}, "passives"),
        (6, {}, "detractors"),
        (0.56, {"scale_min": -0.7, "scale_max": 0.7}, "promoters"),  # 1.26/1.4 = 0.9
        (9.1, {"scale_min": 1}, "promoters"),  # 8.1/9 = 0.9
        (1, {"higher_is_better": False}, "promoters"),
        (4, {"higher_is_better": False}, "detractors"),  # 10 - 4 = 6
    ],
)
def test_nps_thresholds(score: float, fields: dict[str, Any], category: str) -> None:
    assert ask(survey("9:30", "nps", score, **fields))["nps"][category] == 1


def test_nps_score_and_mean() -> None:
    scores = (10, 9, 7, 0)  # 2 promoters, 1 passive, 1 detractor → 100·(2 - 1)/4; mean 26/4
    a = ask(*(survey("9:30", "nps", score, ticket_id=str(score)) for score in scores))
    assert (a["nps"]["score"], a["nps"]["mean"]) == (25.0, 6.5)


def test_ces_is_on_one_to_seven_and_means_are_rescaled() -> None:
    a = ask(survey("9:30", "ces", 5.5))  # s = 4.5/6 = ¾
    assert (a["ces"]["positive"], a["ces"]["mean"]) == (1, 5.5)
    b = ask(survey("9:30", "ces", 5, scale_min=0, scale_max=10, higher_is_better=False))
    assert b["ces"]["mean"] == 4.0  # the middle stays the middle


def test_old_survey_keeps_its_own_time() -> None:
    old = survey(t("8:00", 16), "csat", 5, team="x")
    a = ask(opened("9:00", team="y"), old, windows="24h/1h,48h/1h", by="team")
    assert a["windows"]["24h"]["csat"]["answers"] == 0  # panes from the 16th, 10:00, on
    assert a["windows"]["48h"]["csat"]["answers"] == 1
    assert a["by"]["team"]["x"]["csat"]["answers"] == 1  # its own label then
    skewed = ask(opened("9:00"), survey(t("10:00", 16), "csat", 5), windows="1h/1h")
    assert skewed["windows"]["1h"]["csat"]["answers"] == 1  # within the skew: at 9:00


# --- labels -----------------------------------------------------------------------------


def test_labels_are_those_in_force_at_the_moment() -> None:
    a = ask(opened("9:00", team="a"), replied("9:10"), updated("9:20", team="b"), resolved("9:30"), by="team")
    assert set(a["by"]["team"]) == {"a", "b"}
    assert a["by"]["team"]["a"]["opened"] == a["by"]["team"]["a"]["first_response"]["count"] == 1
    assert a["by"]["team"]["b"]["resolved"] == a["by"]["team"]["b"]["resolution"]["count"] == 1


def test_labels_of_the_same_instant_are_included() -> None:
    a = ask(
        opened("9:00", team="a"),
        replied("9:10"),
        survey("9:10", "csat", 5, team="c"),  # the last of that instant
        updated("9:10", team="b"),
        by="team",
    )
    assert a["by"]["team"]["c"]["first_response"]["count"] == 1
    assert set(a["by"]["team"]) == {"a", "c"}


def test_labels_before_any_known_are_the_earliest_known() -> None:
    a = ask(opened("9:00"), updated("10:00", channel="chat"), updated("11:00", channel="web"), by="channel")
    assert list(a["by"]["channel"]) == ["chat"]  # the opening has the earliest known
    assert list(ask(opened("9:00"), by="channel")["by"]["channel"]) == ["none"]


def test_labels_come_from_confirmations_and_orphans_too() -> None:
    a = ask(replied(t("8:00", 16), team="old"), opened("9:00"), by="team")
    assert list(a["by"]["team"]) == ["old"]
    b = ask(
        opened("9:00", team="a"),
        resolved("9:10"),
        resolved("9:20", automatic=True, team="b"),
        opened("9:30"),
        by="team",
    )
    assert b["by"]["team"]["b"]["reopened"] == 1


def test_labels_of_skewed_events_are_at_the_opening() -> None:
    a = ask(opened("9:00", team="a"), updated("8:00", team="b"), by="team")
    assert list(a["by"]["team"]) == ["b"]  # placed right after the opening, its instant included


def test_implied_reopening_has_the_labels_of_the_later_resolution() -> None:
    a = ask(opened("9:00", team="a"), resolved("9:10"), resolved("9:30", team="b"), by="team")
    assert a["by"]["team"]["b"]["reopened"] == 1


def test_foreign_channel_is_other_and_foreign_priority_dropped() -> None:
    event = opened("9:00", channel="Fax", priority="P1")
    assert list(ask(event, by="channel")["by"]["channel"]) == ["other"]
    assert list(ask(event, by="priority")["by"]["priority"]) == ["none"]


def test_tickets_of_two_sources_are_two() -> None:
    a = ask(opened("9:00", source="x"), replied("9:10", source="y"), opened("9:20"), by="source")
    assert a["tickets"]["opened"] == 2
    assert a["events"]["orphan"] == 1
    assert list(a["by"]["source"]) == ["default", "x"]  # y holds no number


# --- windows ----------------------------------------------------------------------------


def test_rolling_windows_hold_whole_panes() -> None:
    events = [
        opened("9:00", ticket_id="a"),
        opened("9:14:59.999", ticket_id="b"),
        opened("9:15", ticket_id="c"),
    ]
    # At 10:01, 1h/15m holds the panes 9:15, 9:30, 9:45, 10:00 and no more.
    assert ask(*events, at=t("10:01"), windows="1h/15m")["windows"]["1h"]["opened"] == 1
    # At 10:15 the pane of 9:15 is gone; a millisecond before it is still held.
    assert ask(*events, at=t("10:15"), windows="1h/15m")["windows"]["1h"]["opened"] == 0
    assert ask(*events, at=t("10:14:59.999"), windows="1h/15m")["windows"]["1h"]["opened"] == 1


def test_calendar_windows() -> None:
    # Wednesday the 17th, 00:30 in Berlin is the 16th, 22:30 in UTC.
    now = milliseconds("2024-07-16T22:30:00Z")
    pane = 15 * 60_000
    assert written(window_start("today", pane, now, "Europe/Berlin")) == "2024-07-16T22:00:00.000Z"
    assert written(window_start("today", pane, now, "UTC")) == "2024-07-16T00:00:00.000Z"
    assert written(window_start("week", pane, now, "Europe/Berlin")) == "2024-07-14T22:00:00.000Z"
    assert written(window_start("month", pane, now, "Europe/Berlin")) == "2024-06-30T22:00:00.000Z"


def test_calendar_windows_over_a_clock_change() -> None:
    # On 2024-03-31 Berlin's midnight was 23:00Z; at noon (summer time) it is 10:00Z.
    now = milliseconds("2024-03-31T10:00:00Z")
    assert written(window_start("today", 900_000, now, "Europe/Berlin")) == "2024-03-30T23:00:00.000Z"
    # November began in summer time in New York: its first is 04:00Z, though now is 05:00 behind.
    now = milliseconds("2024-11-03T12:00:00Z")
    assert written(window_start("month", 900_000, now, "America/New_York")) == "2024-11-01T04:00:00.000Z"


def test_midnight_inside_a_pane_keeps_that_pane() -> None:
    # Kolkata's midnight is 18:30Z; with panes of an hour, the one of 18:00Z holds it.
    now = milliseconds("2024-07-16T18:40:00Z")
    assert written(window_start("today", 3_600_000, now, "Asia/Kolkata")) == "2024-07-16T18:00:00.000Z"


# --- the cut, identities, totals --------------------------------------------------------


def test_events_are_cut_before_identities_are_compared() -> None:
    late, early = opened("11:00", event_id="x"), opened("9:00", event_id="x")
    a = ask(late, early, at=t("10:00"))
    assert (a["events"]["total"], a["events"]["duplicate"]) == (1, 0)
    b = ask(late, early)
    assert (b["at"], b["events"]["total"], b["events"]["duplicate"]) == (t("11:00"), 2, 1)
    assert ask(opened("9:00"), at=t("9:00"))["events"]["total"] == 1  # ≤ INSTANT


def test_smallest_copy_stands() -> None:
    a, b = opened("9:00", event_id="x", team="b"), opened("9:00", event_id="x", team="a")
    for events in ([a, b], [b, a]):
        assert list(ask(*events, by="team")["by"]["team"]) == ["a"]  # the smaller JSON
    c = opened("8:00", event_id="x", team="z")
    assert list(ask(a, b, c, by="team")["by"]["team"]) == ["z"]  # the smaller time comes first


def test_identity_holds_the_topic_and_the_ticket() -> None:
    a = ask(
        opened("9:00", event_id="x"), replied("9:10", event_id="x"), opened("9:00", event_id="x", ticket_id=2)
    )
    assert a["events"]["duplicate"] == 0


def test_identity_example_of_the_contract() -> None:
    line = (
        '{"topic":"survey-answered","ticket_id":7,"occurred_at":"2026-03-02T10:00:00+01:00",'
        '"survey":"CSAT","score":4.0,"scale_min":1,"x":1}'
    )
    event = read_line(line, wall_now_ms=milliseconds("2026-03-03T00:00:00Z"))
    assert event is not None
    assert event["canonical"] == (
        '{"occurred_at":"2026-03-02T09:00:00.000Z","scale_min":1,"score":4,"survey":"csat",'
        '"ticket_id":"7","topic":"survey-answered"}'
    )
    assert event["event_id"] == "b376b89f8d9c3a2d089a7c45fb5e902c"


def test_redelivery_in_another_spelling_is_a_duplicate() -> None:
    a = ask(
        opened("9:00", opened_by="Customer", priority="HIGH", team=None),
        opened("2024-07-17T11:00:00.0009+02:00", priority="high", source="", extra=[1]),
        {"topic": "ticket-opened", "ticket_id": 1, "occurred_at": 1721206800, "priority": "high"},
        {"topic": "ticket-opened", "ticket_id": "1", "occurred_at": 1721206800000, "priority": "High"},
    )
    assert (a["events"]["total"], a["events"]["duplicate"]) == (4, 3)


def test_invalid_lines_are_counted_and_stop_nothing() -> None:
    good = json.dumps(opened("9:00"))
    a = answer([good, "{", b"\xff", "[]", "", '{"ticket_id":"1"}', good], wall_now_ms=WALL)
    assert a["events"] == {"total": 2, "duplicate": 1, "orphan": 0, "negative": 0, "invalid": 4}


def test_percentiles_interpolate_linearly() -> None:
    events: list[Event] = []
    for index, minute in enumerate((1, 2, 4, 10)):
        events += [opened("9:00", ticket_id=index), resolved(f"9:{minute:02d}", ticket_id=index)]
    found = ask(*events)["resolution"]
    # 60, 120, 240, 600 s: p50 at rank 1.5 → 180; p90 at 2.7 → 240 + 0.7·360; p95 at 2.85 → 240 + 0.85·360
    assert (found["p50_seconds"], found["p90_seconds"], found["p95_seconds"]) == (180.0, 492.0, 546.0)
    assert (found["mean_seconds"], found["max_seconds"]) == (255.0, 600.0)


def test_nothing_is_null_and_zero() -> None:
    a = ask(opened("9:00"))
    assert a["resolution"] == {
        "count": 0,
        "sum_seconds": 0.0,
        "mean_seconds": None,
        "p50_seconds": None,
        "p90_seconds": None,
        "p95_seconds": None,
        "max_seconds": None,
    }
    assert a["csat"] == {
        "answers": 0,
        "positive": 0,
        "neutral": 0,
        "negative": 0,
        "ratio": None,
        "mean": None,
    }
    assert a["nps"]["score"] is None
    assert "by" not in a


# --- reading ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-07-17T09:00:00Z", "2024-07-17T09:00:00.000Z"),
        ("2024-07-17t11:30:00.9999+02:30", "2024-07-17T09:00:00.999Z"),
        (99_999_999_999, "5138-11-16T09:46:39.000Z"),  # still seconds
        (100_000_000_000, "1973-03-03T09:46:40.000Z"),  # milliseconds from here on
        (-1, "1969-12-31T23:59:59.000Z"),
    ],
)
def test_times(value: object, expected: str) -> None:
    assert written(instant(value)) == expected


@pytest.mark.parametrize(
    "value", ["2024-07-17T09:00:00", "2024-07-17", "1721206800", "", True, [], "2024-02-30T00:00:00Z"]
)
def test_times_that_do_not_read(value: object) -> None:
    with pytest.raises(Refused) as refused:
        instant(value)
    assert refused.value.reason == "bad_time"


def test_future_is_more_than_the_bound_ahead() -> None:
    event = json.dumps(opened("9:00")).encode()
    now = milliseconds(t("9:00", 16))
    assert read("ticket-opened", event, wall_now_ms=now)["ticket_id"] == "1"  # exactly 24 h
    with pytest.raises(Refused, match="future"):
        read("ticket-opened", event, wall_now_ms=now - 1)


def test_keys() -> None:
    event = json.dumps(opened("9:00", source="acme")).encode()
    for key in (b"1", b"acme/1"):
        assert read("ticket-opened", event, key, wall_now_ms=WALL)["source"] == "acme"
    for wrong in (None, b"", b"2", b"default/1"):
        with pytest.raises(Refused, match="key_mismatch"):
            read("ticket-opened", event, wrong, wall_now_ms=WALL)


def test_cloud_events_and_the_registry_frame() -> None:
    flat = replied("9:10", event_id="e", source="acme", author="bot")
    plain = read("agent-replied", json.dumps(flat).encode(), wall_now_ms=WALL)
    envelope = {
        "specversion": "1.0",
        "type": "cxstream.agent.replied.v1",
        "id": "e",
        "source": "acme",
        "time": t("9:10"),
        "subject": "1",
        "data": {"author": "bot"},
    }
    structured = json.dumps(envelope).encode()
    assert read("agent-replied", structured, wall_now_ms=WALL) == plain
    assert read("agent-replied", b"\0\0\0\0\7" + structured, wall_now_ms=WALL) == plain
    assert read_line(structured, wall_now_ms=WALL) == plain
    headers = {f"ce_{name}": str(envelope[name]).encode() for name in envelope if name != "data"}
    assert read("agent-replied", b'{"author":"Bot"}', headers=headers, wall_now_ms=WALL) == plain


def test_canonical_leaves_defaults_out() -> None:
    event = read("ticket-resolved", json.dumps(resolved("9:00", automatic=False, outcome="SOLVED")).encode())
    assert (
        event["canonical"]
        == '{"occurred_at":"2024-07-17T09:00:00.000Z","ticket_id":"1","topic":"ticket-resolved"}'
    )
    assert canonical("ticket-resolved", {"ticket_id": "é", "automatic": True}) == (
        '{"automatic":true,"ticket_id":"é","topic":"ticket-resolved"}'
    )


def test_labels_and_agents_of_a_wrong_type_are_dropped() -> None:
    event = read(
        "ticket-updated",
        json.dumps(updated("9:00", agent_id=[1], customer_id=12, tags="x", status=3)).encode(),
    )
    assert "agent_id" not in event
    assert event["customer_id"] == "12"
    assert "tags" not in event
    assert "status" not in event


# --- the histories themselves -----------------------------------------------------------


@pytest.mark.parametrize("reason", REASONS)
def test_invalid_events_have_the_fault_they_say(reason: str) -> None:
    rng = random.Random(reason)
    for _ in range(100):
        event, _ = invalid(rng, reason)
        with pytest.raises(Refused) as refused:
            read_line(lines([event])[0])
        assert refused.value.reason == reason, event


def test_dead_letters_have_the_fault_they_say() -> None:
    rng = random.Random(1)
    for _ in range(300):
        topic, value, key, reason = dead_letters(rng)
        with pytest.raises(Refused) as refused:
            read(topic, value, key)
        assert refused.value.reason == reason, (topic, value and value[:200], key)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_respelled_events_read_the_same(seed: int) -> None:
    rng = random.Random(seed)
    for event in story(rng, "1", None, milliseconds("2024-07-17T10:00:00Z")):
        plain = read_line(lines([event])[0])
        assert read_line(lines([respelled(rng, event)])[0]) == plain
        if "event_id" in event:
            assert read_line(lines([enveloped(rng, event)])[0]) == plain


@settings(max_examples=60, deadline=None)
@given(questioned_histories(), st.randoms(use_true_random=False))
def test_answer_does_not_depend_on_the_order(
    asked: tuple[list[Event], dict[str, Any]], rng: random.Random
) -> None:
    events, how = asked
    shuffled = events[:]
    rng.shuffle(shuffled)
    assert answer(lines(shuffled), **how) == answer(lines(events), **how)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_redeliveries_change_only_total_and_duplicate(events: list[Event]) -> None:
    once, twice = answer(lines(events)), answer(lines(events * 2))
    assert twice["events"]["total"] == 2 * once["events"]["total"]
    for told in (once, twice):
        for name in ("total", "duplicate", "invalid"):
            del told["events"][name]
    assert once == twice


@settings(max_examples=60, deadline=None)
@given(histories())
def test_flows_and_states_agree(events: list[Event]) -> None:
    # "open now = opened + reopened - resolved"; a window over everything holds every transition
    a = answer(lines(events), windows="365d/1d", by="team")
    everything, tickets = a["windows"]["365d"], a["tickets"]
    assert tickets["open"] == everything["opened"] + everything["reopened"] - everything["resolved"]
    assert tickets["opened"] == tickets["open"] + tickets["resolved"]
    assert tickets["open"] == tickets["awaiting_first_reply"] + tickets["in_progress"]
    for what in ("first_response", "response", "first_resolution", "resolution"):
        assert sum(group[what]["count"] for group in a["by"]["team"].values()) == a[what]["count"]


def test_histories_walk_into_the_rules() -> None:
    seen: dict[str, int] = {}
    for seed in range(150):
        rng = random.Random(seed)
        events = history(rng)
        assert 5 <= len(events) <= 60
        a = answer(lines(events), **question(rng, events))
        for part in ("events", "tickets"):
            for name, count in a[part].items():
                seen[name] = seen.get(name, 0) + (count > 0)
    assert min(seen.values()) >= 15, seen


def test_iso_is_what_it_says() -> None:
    moment = milliseconds("2024-03-31T01:00:00.007Z")
    assert iso(moment, 120, 6) == "2024-03-31T03:00:00.007777+02:00"
    assert instant(iso(moment, -570, 9)) == moment
