"""The oracle of the service levels against timelines worked out by hand, one rule each.

Unless a case says otherwise the office is open Monday to Friday 09:00-17:00 in Ljubljana, the
times are local ones of the week of Monday 2026-03-02 (+01:00), and the ticket is "1".
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .business import elapsed as minute_by_minute
from .sla import (
    WEEKDAYS,
    Cycle,
    Levels,
    Told,
    business,
    calendar_of,
    duration,
    earliest,
    goals,
    service_levels,
)
from .sla_histories import POLICIES, policed_histories, policed_history, redelivered

Event = dict[str, Any]
LJUBLJANA = ZoneInfo("Europe/Ljubljana")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFFICE: dict[str, Any] = {
    "timezone": "Europe/Ljubljana",
    "hours": {day: ["09:00-17:00"] for day in WEEKDAYS[:5]},
}
EU_OFFICE: dict[str, Any] = {
    "timezone": "Europe/Ljubljana",
    "hours": {
        "mon": ["08:00-12:00", "13:00-17:00"],
        **{day: ["08:00-17:00"] for day in ("tue", "wed", "thu")},
        "fri": ["08:00-15:00"],
    },
    "holidays": ["2026-12-25", {"date": "2026-12-24", "hours": ["08:00-12:00"]}],
}
ALWAYS: dict[str, Any] = {"timezone": "UTC", "always_open": True}


def t(when: str) -> int:
    """``mon 16:00``, ``mon2 9:30`` (a week later), or a date and time, of Ljubljana."""
    day, clock = when.rsplit(" ", 1)
    if "-" in day:
        local = datetime.fromisoformat(f"{day} {clock.rjust(5, '0')}")
    else:
        date = 2 + DAYS.index(day[:3]) + 7 * (int(day[3:] or 1) - 1)
        hour, minute = clock.split(":")
        local = datetime(2026, 3, date, int(hour), int(minute))  # noqa: DTZ001 - the zone comes next
    return int(local.replace(tzinfo=LJUBLJANA).timestamp() * 1000)


def z(text: str) -> int:
    """An RFC 3339 time."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def h(clock: str) -> int:
    """A duration ``h:mm``."""
    hours, minutes = clock.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


def event(topic: str, when: str, **fields: Any) -> Event:
    return {"topic": topic, "ticket_id": "1", "occurred_at": t(when), **fields}


def opened(when: str, **fields: Any) -> Event:
    return event("ticket-opened", when, **fields)


def updated(when: str, **fields: Any) -> Event:
    return event("ticket-updated", when, **fields)


def customer(when: str, **fields: Any) -> Event:
    return event("customer-replied", when, **fields)


def replied(when: str, **fields: Any) -> Event:
    return event("agent-replied", when, **fields)


def resolved(when: str, **fields: Any) -> Event:
    return event("ticket-resolved", when, **fields)


def promise(**targets: Any) -> dict[str, Any]:
    """A policy file of one policy; durations or whole target specs."""
    return {
        "version": 1,
        "calendars": {"office": OFFICE, "always": ALWAYS},
        "defaults": {"calendar": "office"},
        "policies": [{"name": "standard", "when": {}, "targets": targets}],
    }


def ask(policy: Any, *events: Event, now: str, **asked: Any) -> Levels:
    return service_levels(events, policy, now=t(now), **asked)


def only(levels: Levels, target: str, number: int = 1) -> Cycle:
    (found,) = [cycle for cycle in levels.of(target) if cycle.number == number]
    return found


def told(levels: Levels, target: str | None = None, cycle: int | None = None) -> list[tuple[str, int]]:
    """Types (without ``sla.``) and moments, of a target and a cycle."""
    return [
        (each.type.removeprefix("sla."), each.occurred_at)
        for each in levels.events
        if target in {None, each.target} and cycle in {None, each.cycle}
    ]


# --- the worked timeline (§7) -----------------------------------------------------------

TIMELINE = (
    opened("mon 16:00"),
    replied("tue 10:30", author="bot"),
    replied("tue 11:00", public=False),
    replied("tue 11:30"),
    updated("tue 11:30", status="pending"),
    customer("tue 13:00"),
    updated("tue 13:00", status="open"),
    customer("tue 14:00"),
    replied("tue 15:30"),
    replied("tue 16:00"),
    updated("tue 16:00", status="on_hold"),
    updated("thu 10:00", status="open"),
    replied("fri 11:00"),
    resolved("fri 16:00"),
    customer("mon2 9:30"),
    opened("mon2 9:30"),
    updated("mon2 9:30", status="open"),
    replied("mon2 11:00"),
    resolved("mon2 12:00"),
)


def timeline_policy(**periodic: Any) -> dict[str, Any]:
    policy = promise(
        first_reply="4h",
        next_reply="2h",
        periodic_update={"target": "8h", **periodic},
        requester_wait={"target": "32h", "pause_on": ["pending"]},
        agent_work={"target": "20h", "pause_on": ["pending", "on_hold"]},
        resolution="40h",
        first_resolution="24h",
    )
    policy["defaults"]["warn_at"] = [0.75, "-15m"]
    return policy


def timeline(now: str = "mon2 12:01", **periodic: Any) -> Levels:
    events = [{**each, "ticket_id": "T-1"} for each in TIMELINE if each["occurred_at"] <= t(now)]
    return ask(timeline_policy(**periodic), *events, now=now)


def dues(levels: Levels, target: str, cycle: int = 1) -> list[int | None]:
    """Each due date in turn, as it was told."""
    kinds = {"sla.applied", "sla.changed", "sla.paused", "sla.resumed"}
    return [e.due_at for e in levels.events if e.target == target and e.cycle == cycle and e.type in kinds]


# target, cycle, start, outcome, its moment, breach, elapsed, due dates in turn
ROWS: tuple[tuple[str, int, str, str, str, str | None, str, tuple[str | None, ...]], ...] = (
    ("first_reply", 1, "mon 16:00", "met", "tue 11:30", None, "3:30", ("tue 12:00",)),
    ("next_reply", 1, "tue 13:00", "met_late", "tue 15:30", "tue 15:00", "2:30", ("tue 15:00",)),
    ("next_reply", 2, "mon2 9:30", "met", "mon2 11:00", None, "1:30", ("mon2 11:30",)),
    ("periodic_update", 1, "tue 11:30", "met", "tue 15:30", None, "4:00", ("wed 11:30",)),
    ("periodic_update", 2, "tue 15:30", "met", "tue 16:00", None, "0:30", ("wed 15:30",)),
    ("periodic_update", 3, "tue 16:00", "met_late", "fri 11:00", "wed 16:00", "19:00", ("wed 16:00",)),
    ("periodic_update", 4, "fri 11:00", "cancelled", "fri 16:00", None, "5:00", ("mon2 11:00",)),
    ("periodic_update", 5, "mon2 11:00", "cancelled", "mon2 12:00", None, "1:00", ("tue2 11:00",)),
    (
        *("requester_wait", 1, "mon 16:00", "met", "fri 16:00", None, "30:30"),
        ("fri 16:00", None, "mon2 9:30"),
    ),
    ("requester_wait", 2, "mon2 9:30", "met_late", "mon2 12:00", "mon2 11:00", "33:00", ("mon2 11:00",)),
    (
        *("agent_work", 1, "mon 16:00", "met_late", "fri 16:00", "fri 15:30", "20:30"),
        ("thu 12:00", None, "thu 13:30", None, "fri 15:30"),
    ),
    ("agent_work", 2, "mon2 9:30", "met_late", "mon2 12:00", "mon2 9:30", "23:00", ("mon2 9:30",)),
    ("resolution", 1, "mon 16:00", "met", "fri 16:00", None, "32:00", ("mon2 16:00",)),
    ("resolution", 2, "mon2 9:30", "met", "mon2 12:00", None, "34:30", ("tue2 9:30",)),
    ("first_resolution", 1, "mon 16:00", "met_late", "fri 16:00", "thu 16:00", "32:00", ("thu 16:00",)),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_each_row_of_the_timeline(row: Any) -> None:
    target, number, start, outcome, moment, breach, used, due = row
    levels = timeline()
    cycle = only(levels, target, number)
    assert (cycle.started_at, cycle.outcome, cycle.outcome_at) == (t(start), outcome, t(moment))
    assert cycle.breached_at == (breach and t(breach))
    assert cycle.business_ms == h(used)
    assert dues(levels, target, number) == [each and t(each) for each in due]


def test_the_timeline_has_no_other_cycles() -> None:
    assert {(cycle.target, cycle.number) for cycle in timeline().cycles} == {row[:2] for row in ROWS}


def test_the_timeline_with_a_pausable_update() -> None:
    levels = timeline(pause_on=["on_hold"])
    cycle = only(levels, "periodic_update", 3)
    assert dues(levels, "periodic_update", 3) == [None, t("fri 10:00")]  # applied, resumed on Thursday
    assert told(levels, "periodic_update", 3)[:2] == [
        ("applied", t("tue 16:00")),
        ("resumed", t("thu 10:00")),
    ]
    assert (cycle.outcome, cycle.breached_at, cycle.business_ms) == ("met_late", t("fri 10:00"), h("9:00"))


def test_warnings_of_the_timeline() -> None:
    levels = timeline()
    assert only(levels, "first_reply").warnings == [t("tue 11:00")]
    assert only(levels, "next_reply", 1).warnings == [t("tue 14:30"), t("tue 14:45")]
    assert only(levels, "next_reply", 2).warnings == []  # 11:00 is the reply's instant, which comes first


def test_calendar_time_of_the_timeline() -> None:
    levels = timeline()
    assert only(levels, "first_reply").calendar_ms == h("19:30") == 70_200_000
    assert only(levels, "next_reply", 1).calendar_ms == 9_000_000
    assert only(levels, "next_reply", 2).calendar_ms == 5_400_000
    assert only(levels, "first_resolution").calendar_ms == 345_600_000
    # Nothing elapses between a resolution and a reopening, of calendar time either.
    assert only(levels, "resolution", 2).calendar_ms == 345_600_000 + h("2:30")


def test_evaluations_of_the_timeline() -> None:
    levels = timeline()
    counted = [cycle.evaluation for cycle in levels.cycles]
    assert (counted.count("met"), counted.count("breached")) == (7, 5)
    assert only(levels, "agent_work", 2).evaluation is None  # "not counted again"
    targets = levels.report["standard"]
    assert targets["next_reply"] == {
        "met": 1,
        "met_late": 1,
        "breached": 1,
        "open": 0,
        "at_risk": 0,
        "attainment": 0.5,
    }
    assert targets["agent_work"]["breached"] == targets["agent_work"]["met_late"] == 1
    assert targets["first_resolution"]["attainment"] == 0.0


@pytest.mark.parametrize(
    ("now", "first", "state"),
    [
        ("mon 16:00", t("tue 12:00"), "open"),
        ("tue 11:00", t("tue 12:00"), "open"),  # the step's instant has not passed
        ("tue 11:01", t("tue 12:00"), "at_risk"),
    ],
)
def test_the_timeline_on_its_way(now: str, first: int, state: str) -> None:
    cycle = only(timeline(now), "first_reply")
    assert (cycle.due_at, cycle.outcome, cycle.outcome_at) == (first, state, None)


def test_the_timeline_while_paused() -> None:
    levels = timeline("tue 12:00")
    for target in ("requester_wait", "agent_work"):
        cycle = only(levels, target)
        assert (cycle.due_at, cycle.business_ms, cycle.outcome) == (None, h("3:30"), "open")
        assert told(levels, target) == [("applied", t("mon 16:00")), ("paused", t("tue 11:30"))]
    assert only(timeline("thu 9:00"), "agent_work").business_ms == h("6:30")


def test_the_event_id_of_the_timelines_breach() -> None:
    (breach,) = [
        e for e in timeline().events if (e.target, e.cycle, e.type) == ("next_reply", 1, "sla.breached")
    ]
    assert breach.event_id == "699e4f0d2b2d0fbb2c4bba09240a04f6"
    assert breach.due_at == breach.occurred_at == t("tue 15:00")
    assert (breach.business_ms, breach.calendar_ms) == (h("2:00"), h("2:00"))


# --- calendars (§8) ---------------------------------------------------------------------

DAILY: dict[str, Any] = {"timezone": "Europe/Ljubljana"}


def daily(*hours: str, zone: str = "Europe/Ljubljana", days: tuple[str, ...] = WEEKDAYS) -> dict[str, Any]:
    return {"timezone": zone, "hours": {day: list(hours) for day in days}}


NIGHT, DAY = daily("00:00-06:00"), daily("00:00-24:00")
SUNDAYS = {"early": daily("00:00-02:30", days=("sun",)), "late": daily("02:30-06:00", days=("sun",))}
SPRING, BACK = "2026-03-29", "2026-10-25"


@pytest.mark.parametrize(
    ("calendar", "start", "need", "due"),
    [
        (OFFICE, "2026-03-27T16:00:00+01:00", "2:00", "2026-03-30T10:00:00+02:00"),
        (OFFICE, "2026-10-23T16:00:00+02:00", "2:00", "2026-10-26T10:00:00+01:00"),
        (NIGHT, f"{SPRING}T00:00:00+01:00", "4:00", f"{SPRING}T03:00:00Z"),
        (NIGHT, f"{BACK}T00:00:00+02:00", "4:00", f"{BACK}T02:00:00Z"),
        (NIGHT, f"{SPRING}T01:30:00+01:00", "1:00", f"{SPRING}T01:30:00Z"),
        (NIGHT, f"{BACK}T00:30:00Z", "1:00", f"{BACK}T01:30:00Z"),
        (ALWAYS, "2026-03-28T12:00:00+01:00", "24:00", f"{SPRING}T11:00:00Z"),
        (ALWAYS, "2026-10-24T12:00:00+02:00", "24:00", f"{BACK}T10:00:00Z"),
        (SUNDAYS["late"], f"{SPRING}T00:00:00+01:00", "1:00", f"{SPRING}T02:30:00Z"),
        (SUNDAYS["late"], f"{BACK}T00:00:00+02:00", "1:00", f"{BACK}T01:30:00Z"),
        (OFFICE, "2026-03-06T16:30:00+01:00", "1:00", "2026-03-09T09:30:00+01:00"),
        (
            daily("09:00-17:00", zone="UTC", days=WEEKDAYS[:5]),
            *("2026-03-04T07:00:00Z", "2:00", "2026-03-04T11:00:00Z"),
        ),
        (
            daily("09:00-17:00", zone="UTC", days=("tue", "wed")),
            *("2023-10-10T09:00:00Z", "15:00", "2023-10-11T16:00:00Z"),
        ),
        (
            {**daily("09:00-17:00", zone="UTC", days=("tue",)), "holidays": ["2023-10-10"]},
            *("2023-10-10T10:00:00Z", "1:00", "2023-10-17T10:00:00Z"),
        ),
        (
            daily("09:00-17:00", zone="Asia/Kolkata", days=("tue",)),
            *("2023-10-10T20:00:00Z", "1:00", "2023-10-17T04:30:00Z"),
        ),
        (
            daily("09:00-17:00", zone="UTC", days=("mon",)),
            *("2023-10-14T10:00:00Z", "1:00", "2023-10-16T10:00:00Z"),
        ),
        (
            daily("09:00-17:00", zone="UTC", days=("wed",)),
            *("2023-10-10T10:00:00Z", "1:00", "2023-10-11T10:00:00Z"),
        ),
        (EU_OFFICE, "2026-12-24T11:00:00+01:00", "3:00", "2026-12-28T10:00:00+01:00"),
        (EU_OFFICE, "2026-03-02T11:30:00+01:00", "1:00", "2026-03-02T13:30:00+01:00"),
        (OFFICE, "2028-02-28T16:00:00+01:00", "10:00", "2028-03-01T10:00:00+01:00"),
        (
            {"timezone": "Europe/Ljubljana", "hours": {"mon": ["20:00-24:00"], "tue": ["00:00-02:00"]}},
            *("2026-03-02T23:00:00+01:00", "2:00", "2026-03-03T01:00:00+01:00"),
        ),
        # Rule 1: the earliest instant, not the next opening.
        (OFFICE, "2026-03-06T16:00:00+01:00", "1:00", "2026-03-06T17:00:00+01:00"),
        (EU_OFFICE, "2026-03-02T11:00:00+01:00", "1:00", "2026-03-02T12:00:00+01:00"),
    ],
)
def test_deadlines(calendar: dict[str, Any], start: str, need: str, due: str) -> None:
    assert earliest(calendar_of(calendar), z(start), h(need)) == z(due)


@pytest.mark.parametrize(
    ("calendar", "start", "end", "seconds"),
    [
        (OFFICE, "2026-03-27T12:00:00+01:00", "2026-03-30T12:00:00+02:00", 28_800),
        (OFFICE, "2026-10-23T12:00:00+02:00", "2026-10-26T12:00:00+01:00", 28_800),
        (ALWAYS, "2026-03-27T12:00:00+01:00", "2026-03-30T12:00:00+02:00", 255_600),
        (ALWAYS, "2026-10-23T12:00:00+02:00", "2026-10-26T12:00:00+01:00", 262_800),
        (NIGHT, f"{SPRING}T00:00:00+01:00", f"{SPRING}T06:00:00+02:00", 18_000),
        (NIGHT, f"{BACK}T00:00:00+02:00", f"{BACK}T06:00:00+01:00", 25_200),
        (DAY, f"{SPRING}T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 82_800),
        (DAY, f"{BACK}T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 90_000),
        (SUNDAYS["early"], f"{SPRING}T00:00:00+01:00", f"{SPRING}T06:00:00+02:00", 9_000),
        (SUNDAYS["late"], f"{SPRING}T00:00:00+01:00", f"{SPRING}T06:00:00+02:00", 9_000),
        (SUNDAYS["early"], f"{SPRING}T00:00:00+01:00", f"{SPRING}T01:30:00Z", 9_000),
        (SUNDAYS["early"], f"{BACK}T00:00:00+02:00", f"{BACK}T06:00:00+01:00", 9_000),
        (SUNDAYS["late"], f"{BACK}T00:00:00+02:00", f"{BACK}T06:00:00+01:00", 16_200),
        (SUNDAYS["early"], f"{BACK}T00:00:00+02:00", f"{BACK}T00:30:00Z", 9_000),
        (OFFICE, "2026-03-07T10:00:00+01:00", "2026-03-08T10:00:00+01:00", 0),
        (
            daily("15:00-00:30", zone="UTC", days=WEEKDAYS[:5]),
            *("2020-09-29T17:01:38Z", "2020-09-30T19:01:46Z", 41_408),
        ),
        (ALWAYS, "2020-09-29T17:01:38Z", "2020-09-30T19:01:46Z", 93_608),
        # Neighbours at a change of the clocks overlap: an hour that two of them claim is open once.
        (
            daily("00:00-02:30", "02:30-03:00", "03:00-04:00"),
            *(f"{SPRING}T00:00:00+01:00", f"{SPRING}T06:00:00+02:00", 10_800),
        ),
    ],
)
def test_open_time(calendar: dict[str, Any], start: str, end: str, seconds: int) -> None:
    assert business(calendar_of(calendar), z(start), z(end)) == seconds * 1000


def test_two_calendars_in_turn() -> None:
    """Rule 7: "of two calendars in turn, each counts for its stretch", here by a change of team."""
    policy: dict[str, Any] = {
        "calendars": {
            "a": daily("12:00-02:00", zone="UTC"),
            "b": daily("15:00-00:30", zone="UTC", days=WEEKDAYS[:5]),
        },
        "policies": [
            {
                "name": "b",
                "when": {"team": "b"},
                "targets": {"resolution": {"target": "40h", "calendar": "b"}},
            },
            {"name": "a", "when": {}, "targets": {"resolution": {"target": "40h", "calendar": "a"}}},
        ],
    }
    events = [
        {"topic": "ticket-opened", "ticket_id": "1", "occurred_at": "2020-09-29T17:01:38Z", "team": "a"},
        {"topic": "ticket-updated", "ticket_id": "1", "occurred_at": "2020-09-30T19:01:25Z", "team": "b"},
    ]
    levels = service_levels(events, policy, now="2020-09-30T19:01:46Z")
    cycle = only(levels, "resolution")
    assert cycle.policy == "b"
    assert (cycle.business_ms, cycle.calendar_ms) == (57_608_000, 93_608_000)
    assert told(levels)[1] == ("changed", z("2020-09-30T19:01:25Z"))


def test_a_business_day() -> None:
    assert duration("1bd", calendar_of(EU_OFFICE)) == 30_240_000
    assert duration("2bd", calendar_of(EU_OFFICE)) == 60_480_000
    assert duration("1bd", calendar_of(ALWAYS)) == 24 * HOUR


HOURS = st.dictionaries(
    st.sampled_from(WEEKDAYS),
    st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True).map(
        lambda quarters: [
            "-".join(f"{q // 4:02d}:{q % 4 * 15:02d}" for q in pair)
            for pair in zip(*[iter(sorted(quarters))] * 2, strict=False)
        ]
    ),
    min_size=1,
)


@given(
    hours=HOURS,
    zone=st.sampled_from(["UTC", "Europe/Ljubljana", "America/New_York", "Australia/Lord_Howe"]),
    base=st.sampled_from([f"{SPRING}T00:00:00Z", f"{BACK}T00:00:00Z", "2026-03-08T06:00:00Z", "2026-04-05T00:00:00Z"]),
    offset=st.integers(-2 * 24 * HOUR, 2 * 24 * HOUR),
    length=st.integers(0, 3 * 24 * HOUR),
    need=st.integers(1, 20 * HOUR),
)  # fmt: skip
def test_open_time_minute_by_minute(
    hours: dict[str, list[str]], zone: str, base: str, offset: int, length: int, need: int
) -> None:
    calendar = calendar_of({"timezone": zone, "hours": hours})
    by_day = {n: list(calendar.week[n]) for n in range(7)}
    start = z(base) + offset
    assert business(calendar, start, start + length) == minute_by_minute(
        start, start + length, ZoneInfo(zone), by_day, {}
    )
    due = earliest(calendar, start, need)
    assert business(calendar, start, due) == need
    assert business(calendar, start, due - 1) == need - 1  # and so it is the earliest


# --- rule 1: elapsed and the due date ---------------------------------------------------


def test_the_due_date_is_the_earliest_instant() -> None:
    levels = ask(promise(first_reply="1h"), opened("mon 16:00"), now="mon 16:30")
    assert only(levels, "first_reply").due_at == t("mon 17:00")  # not Tuesday 9:00


def test_nothing_elapses_between_resolution_and_reopening() -> None:
    events = (opened("mon 10:00"), resolved("mon 12:00"), opened("wed 12:00"))
    levels = ask(promise(resolution="8h"), *events, now="wed 14:00")
    first, second = levels.of("resolution")
    assert (first.outcome, first.business_ms) == ("met", h("2:00"))
    assert (second.business_ms, second.calendar_ms) == (h("4:00"), h("4:00"))
    assert second.due_at == t("thu 10:00")


def test_an_implied_reopening_adds_nothing() -> None:
    events = (opened("mon 10:00"), resolved("mon 12:00"), resolved("tue 12:00"))
    levels = ask(promise(resolution="3h"), *events, now="wed 14:00")
    (cycle,) = levels.of("resolution")
    assert (cycle.outcome, cycle.business_ms, cycle.ended_at) == ("met", h("2:00"), t("mon 12:00"))
    assert told(levels) == [("applied", t("mon 10:00")), ("met", t("mon 12:00"))]


def test_a_confirmation_stops_nothing() -> None:
    events = (opened("mon 10:00"), resolved("mon 12:00"), resolved("mon 13:00", automatic=True))
    levels = ask(promise(requester_wait="1h"), *events, now="wed 14:00")
    assert told(levels) == [
        ("applied", t("mon 10:00")),
        ("breached", t("mon 11:00")),
        ("met_late", t("mon 12:00")),
    ]


def test_a_pause_moves_the_due_date() -> None:
    events = (
        opened("mon 10:00"),
        updated("mon 11:00", status="pending"),
        updated("tue 11:00", status="open"),
    )
    policy = promise(requester_wait="4h")  # which pauses on pending by itself
    assert only(ask(policy, *events[:2], now="mon 16:00"), "requester_wait").due_at is None
    levels = ask(policy, *events, now="tue 12:00")
    assert dues(levels, "requester_wait") == [t("mon 14:00"), None, t("tue 14:00")]
    assert only(levels, "requester_wait").business_ms == h("2:00")
    assert only(levels, "requester_wait").calendar_ms == h("26:00")


def test_a_pause_at_the_deadline_comes_too_late() -> None:
    """The target was reached at 14:00: pausing then moves no instant of the past."""
    events = (opened("mon 10:00"), updated("mon 14:00", status="pending"))
    levels = ask(promise(requester_wait="4h"), *events, now="mon 15:00")
    assert only(levels, "requester_wait").breached_at == t("mon 14:00")


# --- rule 2: the deadline decides -------------------------------------------------------


def test_late_though_elapsed_equals_the_target() -> None:
    levels = ask(promise(first_reply="1h"), opened("mon 16:00"), replied("mon 20:00"), now="mon 20:00")
    cycle = only(levels, "first_reply")
    assert (cycle.outcome, cycle.breached_at, cycle.business_ms) == ("met_late", t("mon 17:00"), h("1:00"))


def test_at_one_instant_events_precede_timers() -> None:
    events = (opened("mon 10:00"), replied("mon 11:00"))
    assert only(ask(promise(first_reply="1h"), *events, now="mon 12:00"), "first_reply").outcome == "met"
    waiting = ask(promise(first_reply="1h"), opened("mon 10:00"), now="mon 11:00")
    assert only(waiting, "first_reply").outcome == "open"  # the clock is not past it
    past = service_levels([opened("mon 10:00")], promise(first_reply="1h"), now=t("mon 11:00") + 1)
    assert only(past, "first_reply").outcome == "breached"


def test_silence_past_the_deadline_is_a_breach_now() -> None:
    levels = ask(promise(first_reply="1h"), opened("mon 10:00"), now="mon 15:00")
    assert told(levels) == [("applied", t("mon 10:00")), ("breached", t("mon 11:00"))]
    assert levels.report == {
        "standard": {
            "first_reply": {
                "met": 0,
                "met_late": 0,
                "breached": 1,
                "open": 0,
                "at_risk": 0,
                "attainment": 0.0,
            }
        }
    }


# --- rule 3: one outcome per cycle ------------------------------------------------------


def test_breached_stays_breached() -> None:
    events = (opened("mon 10:00"), replied("mon 12:00"), replied("mon 12:30"))
    levels = ask(promise(first_reply="1h"), *events, now="tue 12:00")
    assert told(levels) == [
        ("applied", t("mon 10:00")),
        ("breached", t("mon 11:00")),
        ("met_late", t("mon 12:00")),
    ]
    counts = levels.report["standard"]["first_reply"]
    assert (counts["met"], counts["breached"], counts["met_late"]) == (0, 1, 1)


def test_reopened_with_no_time_left() -> None:
    events = (opened("mon 10:00"), resolved("mon 12:00"), opened("tue 10:00"), resolved("tue 10:30"))
    levels = ask(promise(resolution="1h"), *events, now="wed 12:00")
    assert told(levels, cycle=2) == [
        *(("applied", t("tue 10:00")), ("breached", t("tue 10:00"))),
        ("met_late", t("tue 10:30")),
    ]
    assert only(levels, "resolution", 2).business_ms == h("2:30")
    assert levels.report["standard"]["resolution"]["breached"] == 1


def test_the_next_cycle_is_counted_again_if_time_was_left() -> None:
    events = (opened("mon 10:00"), resolved("mon 12:00"), opened("tue 10:00"))
    levels = ask(promise(resolution="3h"), *events, now="tue 12:00")
    assert [cycle.outcome for cycle in levels.of("resolution")] == ["met", "breached"]
    assert only(levels, "resolution", 2).breached_at == t("tue 11:00")
    assert levels.report["standard"]["resolution"]["attainment"] == 0.5


def test_a_breached_wait_that_a_resolution_ends_stays_breached() -> None:
    events = (opened("mon 9:00"), replied("mon 9:30"), customer("mon 10:00"), resolved("mon 14:00"))
    levels = ask(promise(next_reply="1h"), *events, now="tue 12:00")
    cycle = only(levels, "next_reply")
    assert (cycle.outcome, cycle.outcome_at, cycle.ended_at) == ("breached", t("mon 11:00"), t("mon 14:00"))
    assert told(levels, "next_reply")[-1] == ("cancelled", t("mon 14:00"))


# --- rule 4: customers' turns -----------------------------------------------------------


def test_a_second_message_does_not_restart_and_a_second_reply_does_not_answer() -> None:
    events = (
        *(opened("mon 9:00"), replied("mon 9:30"), customer("mon 10:00"), customer("mon 11:00")),
        *(replied("mon 11:30"), replied("mon 11:45"), customer("mon 14:00")),
    )
    levels = ask(promise(next_reply="2h"), *events, now="mon 15:00")
    first, second = levels.of("next_reply")
    assert (first.started_at, first.ended_at, first.outcome) == (t("mon 10:00"), t("mon 11:30"), "met")
    assert (second.started_at, second.due_at, second.outcome) == (t("mon 14:00"), t("mon 16:00"), "open")


def test_bots_and_notes_answer_nothing() -> None:
    events = (
        *(opened("mon 9:00"), replied("mon 9:05", author="bot"), replied("mon 9:10", public=False)),
        *(replied("mon 9:20", author="system"), customer("mon 9:30")),
    )
    levels = ask(promise(first_reply="1h", next_reply="1h"), *events, now="mon 9:40")
    assert only(levels, "first_reply").outcome == "open"
    assert levels.of("next_reply") == []  # before the first reply there is no next one


def test_what_counts_as_a_reply_may_be_said() -> None:
    policy = promise(first_reply="1h")
    policy["defaults"]["counts_as_reply"] = {"public": True, "author": ["agent", "bot"]}
    levels = ask(policy, opened("mon 9:00"), replied("mon 9:05", author="bot"), now="mon 9:40")
    assert only(levels, "first_reply").ended_at == t("mon 9:05")


def test_a_reopening_by_the_customer_is_a_turn() -> None:
    asked = (opened("mon 9:00"), replied("mon 9:30"), resolved("mon 10:00"))
    policy = promise(next_reply="1h")
    levels = ask(policy, *asked, opened("mon 11:00"), now="mon 11:30")
    assert only(levels, "next_reply").started_at == t("mon 11:00")
    assert ask(policy, *asked, opened("mon 11:00", opened_by="agent"), now="mon 11:30").of("next_reply") == []
    # A message while resolved runs no clock, but is unanswered when an agent reopens.
    quiet = ask(policy, *asked, customer("mon 10:30"), now="tue 10:00")
    assert quiet.of("next_reply") == []
    back = (customer("mon 10:30"), opened("mon 11:00", opened_by="agent"))
    assert only(ask(policy, *asked, *back, now="mon 11:30"), "next_reply").due_at == t("mon 12:00")


# --- rule 5: periodic updates -----------------------------------------------------------


def test_no_periodic_update_before_the_first_reply() -> None:
    policy = promise(first_reply="4h", periodic_update="1h")
    silent = ask(policy, opened("mon 9:00"), now="tue 12:00")
    assert silent.of("periodic_update") == []
    levels = ask(policy, opened("mon 9:00"), replied("mon 10:00"), now="mon 12:00")
    assert only(levels, "periodic_update").breached_at == t("mon 11:00")


def test_periodic_updates_from_the_opening_without_a_first_reply() -> None:
    levels = ask(promise(periodic_update="1h"), opened("mon 9:00"), replied("mon 9:30"), now="mon 9:45")
    first, second = levels.of("periodic_update")
    assert (first.started_at, first.outcome) == (t("mon 9:00"), "met")
    assert (second.started_at, second.due_at) == (t("mon 9:30"), t("mon 10:30"))


def test_a_resolution_ends_the_updates_until_the_next_reply() -> None:
    events = (opened("mon 9:00"), replied("mon 9:30"), resolved("mon 10:00"), opened("mon 11:00"))
    policy = promise(first_reply="1h", periodic_update="1h")
    levels = ask(policy, *events, now="mon 15:00")
    assert [cycle.outcome for cycle in levels.of("periodic_update")] == ["cancelled"]
    again = ask(policy, *events, replied("mon 12:00"), now="mon 12:30")
    assert only(again, "periodic_update", 2).due_at == t("mon 13:00")


# --- rule 6: policies and their changes -------------------------------------------------


def priorities() -> dict[str, Any]:
    policy = promise()
    policy["policies"] = [
        {
            "name": "standard",
            "when": {},
            "by_priority": {
                "urgent": {"first_reply": "1h"},
                "high": {"first_reply": "2h"},
                "normal": {"first_reply": "4h"},
                "low": {"first_reply": {"target": "8h", "calendar": "always"}},
            },
        }
    ]
    return policy


def test_a_change_of_priority_recomputes_the_open_due_date() -> None:
    events = (opened("mon 9:00", priority="normal"), updated("mon 10:00", priority="high"))
    levels = ask(priorities(), *events, now="mon 10:30")
    assert told(levels) == [("applied", t("mon 9:00")), ("changed", t("mon 10:00"))]
    assert dues(levels, "first_reply") == [t("mon 13:00"), t("mon 11:00")]
    assert only(levels, "first_reply").business_ms == h("1:30")


def test_elapsed_is_kept_when_the_calendar_changes() -> None:
    events = (opened("mon 16:00", priority="normal"), updated("mon 18:00", priority="low"))
    levels = ask(priorities(), *events, now="mon 19:00")
    cycle = only(levels, "first_reply")
    assert cycle.business_ms == h("2:00")  # an hour of the office, an hour of the calendar always open
    assert cycle.due_at == t("tue 1:00")


def test_a_new_due_date_in_the_past_takes_effect_at_the_change() -> None:
    events = (opened("mon 9:00", priority="normal"), updated("mon 12:00", priority="urgent"))
    levels = ask(priorities(), *events, now="mon 12:01")
    assert only(levels, "first_reply").breached_at == t("mon 12:00")
    assert told(levels)[1:] == [("changed", t("mon 12:00")), ("breached", t("mon 12:00"))]
    # Answered in the same instant: events precede timers.
    together = ask(priorities(), *events, replied("mon 12:00"), now="mon 12:01")
    assert only(together, "first_reply").outcome == "met"


def test_past_outcomes_are_not_rewritten() -> None:
    events = (opened("mon 9:00", priority="urgent"), updated("mon 12:00", priority="low"))
    levels = ask(
        priorities(), *events, replied("mon 13:00"), updated("mon 14:00", priority="urgent"), now="mon 15:00"
    )
    cycle = only(levels, "first_reply")
    assert (cycle.outcome, cycle.breached_at, cycle.due_at) == ("met_late", t("mon 10:00"), t("mon 10:00"))
    assert [kind for kind, _ in told(levels)] == ["applied", "breached", "met_late"]


def test_a_goal_lost_cancels_and_a_goal_gained_counts_from_the_start() -> None:
    policy = priorities()
    del policy["policies"][0]["by_priority"]["low"]
    lost = (opened("mon 9:00", priority="high"), updated("mon 10:00", priority="low"))
    levels = ask(policy, *lost, updated("mon 10:10", priority="high"), now="mon 12:00")
    assert only(levels, "first_reply").outcome == "cancelled"
    assert told(levels) == [("applied", t("mon 9:00")), ("cancelled", t("mon 10:00"))]
    assert levels.report == {}
    gained = (opened("mon 9:00", priority="low"), updated("mon 10:00", priority="high"))
    levels = ask(policy, *gained, now="mon 10:30")
    cycle = only(levels, "first_reply")
    assert (cycle.started_at, cycle.business_ms, cycle.due_at) == (t("mon 9:00"), h("1:30"), t("mon 11:00"))
    assert told(levels) == [("applied", t("mon 10:00"))]


def test_a_new_policy_file() -> None:
    history = [(t("mon 0:00"), promise(first_reply="4h")), (t("mon 10:00"), promise(first_reply="2h"))]
    levels = service_levels([opened("mon 9:00")], history, now=t("mon 10:30"))
    assert dues(levels, "first_reply") == [t("mon 13:00"), t("mon 11:00")]
    done = service_levels([opened("mon 9:00"), replied("mon 9:30")], history, now=t("mon 15:00"))
    assert [kind for kind, _ in told(done)] == ["applied", "met"]


def test_the_first_matching_policy_and_its_overrides() -> None:
    policy = {
        "calendars": {"office": OFFICE, "always": ALWAYS},
        "defaults": {"calendar": "office", "pause_on": ["pending"], "warn_at": [0.5]},
        "policies": [
            {
                "name": "vip",
                "when": {"channel": ["phone"], "tags": ["vip", "gold*"]},
                "targets": {"resolution": "4h"},
            },
            {
                "name": "nested",
                "when": {
                    "any": [{"team": "tech-*"}, {"all": [{"kind": "incident"}, {"not": {"source": "a"}}]}]
                },
                "targets": {"resolution": "5h"},
            },
            {
                "name": "standard",
                "when": {},
                "by_priority": {"urgent": {"first_reply": "30m"}, "low": {"first_reply": "1bd"}},
                "by_channel": {
                    "email": {"first_reply": {"target": "24h", "calendar": "always", "warn_at": []}}
                },
                "periodic_update": {"target": "2bd", "pause_on": ["on_hold"]},
                "requester_wait": "9h",
            },
        ],
    }

    def chosen(**labels: Any) -> dict[str, Any]:
        none = dict.fromkeys(("team", "channel", "priority", "kind", "source"), "none")
        return goals(policy, {**none, "tags": [], **labels})

    assert chosen(channel="phone", tags=["x", "golden"])["resolution"].policy == "vip"
    assert chosen(channel="phone", tags=["x"])["requester_wait"].policy == "standard"
    assert chosen(team="tech-1")["resolution"].target_ms == 5 * HOUR
    assert chosen(kind="incident", source="b")["resolution"].policy == "nested"
    assert "resolution" not in chosen(kind="incident", source="a")
    urgent = chosen(priority="urgent", channel="web")
    assert (urgent["first_reply"].target_ms, urgent["first_reply"].pause_on) == (30 * MINUTE, ())
    assert urgent["periodic_update"].pause_on == ("on_hold",)
    assert (urgent["requester_wait"].pause_on, urgent["requester_wait"].steps) == (
        ("pending",),
        (("0.5", 9 * HOUR // 2),),
    )
    email = chosen(priority="urgent", channel="email")["first_reply"]
    assert (email.target_ms, email.calendar.always_open, email.steps) == (24 * HOUR, True, ())
    assert chosen(priority="low")["first_reply"].target_ms == 8 * HOUR
    assert "first_reply" not in chosen()


# --- rule 7: pauses ---------------------------------------------------------------------


def test_a_pause_moves_the_business_clock_only() -> None:
    events = (
        opened("mon 10:00"),
        updated("mon 11:00", status="on_hold"),
        updated("mon 15:00", status="open"),
    )
    policy = promise(agent_work="4h", requester_wait="4h", resolution="6h")
    levels = ask(policy, *events, resolved("mon 16:00"), now="mon 16:00")
    work, wait = only(levels, "agent_work"), only(levels, "requester_wait")
    assert work.started_at == t("mon 10:00")
    assert (work.business_ms, work.calendar_ms, work.outcome) == (h("2:00"), h("6:00"), "met")
    assert (wait.business_ms, wait.outcome) == (
        h("6:00"),
        "met_late",
    )  # on hold is no pause of the requester's
    assert only(levels, "resolution").outcome == "met"


def test_a_status_not_paused_on_and_a_reopening() -> None:
    events = (
        opened("mon 9:00"),
        updated("mon 10:00", status="pending"),
        resolved("mon 11:00"),
        opened("mon 12:00"),
    )
    levels = ask(promise(requester_wait="4h"), *events, now="mon 13:00")
    second = only(levels, "requester_wait", 2)
    assert (second.business_ms, second.due_at) == (h("2:00"), t("mon 15:00"))  # a reopened ticket is open


# --- rule 8: warnings -------------------------------------------------------------------


def warned(target: str, *steps: Any) -> dict[str, Any]:
    return promise(**{target: {"target": "4h", "warn_at": list(steps)}})


def test_each_step_once_on_the_business_clock() -> None:
    policy = warned("first_reply", 0.5, "-30m")
    levels = ask(policy, opened("mon 16:00"), now="wed 9:00")
    assert only(levels, "first_reply").warnings == [t("tue 10:00"), t("tue 11:30")]
    assert [kind for kind, _ in told(levels)] == ["applied", "warning", "warning", "breached"]


def test_a_step_at_or_before_the_start_is_skipped() -> None:
    levels = ask(warned("first_reply", "-4h", "-5h"), opened("mon 10:00"), now="mon 13:00")
    cycle = only(levels, "first_reply")
    assert (cycle.warnings, cycle.outcome) == ([], "open")
    kept = (opened("mon 9:00"), resolved("mon 11:00"), opened("mon 12:00"))
    levels = ask(warned("resolution", 0.5, 0.75), *kept, now="mon 13:30")
    assert only(levels, "resolution", 2).warnings == [t("mon 13:00")]  # 2:00 was used before


def test_two_steps_at_one_instant_are_one_event() -> None:
    levels = ask(warned("first_reply", 0.75, "-1h"), opened("mon 9:00"), now="mon 12:30")
    assert told(levels) == [("applied", t("mon 9:00")), ("warning", t("mon 12:00"))]


def test_a_step_passed_by_a_change_warns_at_the_change() -> None:
    policy = priorities()
    policy["defaults"]["warn_at"] = [0.5]
    events = (opened("mon 9:00", priority="normal"), updated("mon 10:30", priority="high"))
    assert only(ask(policy, *events, now="mon 10:45"), "first_reply").warnings == [t("mon 10:30")]
    # A step that was fired is not fired again, but the risk is that of the present due date.
    relaxed = (opened("mon 9:00", priority="high"), updated("mon 10:30", priority="normal"))
    cycle = only(ask(policy, *relaxed, now="mon 10:45"), "first_reply")
    assert (cycle.warnings, cycle.outcome) == ([t("mon 10:00")], "open")
    later = only(ask(policy, *relaxed, now="mon 11:15"), "first_reply")
    assert (later.warnings, later.outcome) == ([t("mon 10:00")], "at_risk")


# --- rule 9: what is known late ---------------------------------------------------------


def test_waiting_since_tells_of_a_wait_at_the_reply() -> None:
    asked = (opened("mon 9:00"), replied("mon 9:30"))
    answer = replied("mon 14:00", waiting_since=t("mon 10:00"))
    policy = promise(next_reply="1h")
    assert ask(policy, *asked, now="mon 13:59").of("next_reply") == []
    levels = ask(policy, *asked, answer, now="mon 14:00")
    cycle = only(levels, "next_reply")
    assert (cycle.outcome, cycle.breached_at) == ("met_late", t("mon 11:00"))
    absent = replied("mon 14:00", waiting_since=t("mon 9:30"))  # "at or before the previous reply"
    assert ask(policy, *asked, absent, now="mon 14:00").of("next_reply") == []


@pytest.mark.parametrize("since", ["mon 10:00", "mon 12:00"])
def test_a_message_that_is_known_starts_the_clock_whatever_the_reply_says(since: str) -> None:
    asked = (opened("mon 9:00"), replied("mon 9:30"), customer("mon 11:00"), customer("mon 12:30"))
    answer = replied("mon 14:00", waiting_since=t(since))
    levels = ask(promise(next_reply="1h"), *asked, answer, now="mon 14:00")
    assert [cycle.started_at for cycle in levels.of("next_reply")] == [t("mon 11:00")]


# --- rule 10: nothing is a value --------------------------------------------------------


def test_elapsed_nothing_is_a_value() -> None:
    levels = ask(promise(first_reply="1h"), opened("sat 10:00"), replied("sun 10:00"), now="mon2 9:00")
    cycle = only(levels, "first_reply")
    assert (cycle.outcome, cycle.business_ms, cycle.calendar_ms) == ("met", 0, h("24:00"))
    assert levels.report["standard"]["first_reply"]["attainment"] == 1.0


# --- §1: first replies, hand-offs, void tickets -----------------------------------------


def test_the_clock_starts_at_the_hand_off() -> None:
    events = (opened("mon 9:00"), updated("mon 11:00", human_since=t("mon 10:45")), replied("mon 11:30"))
    levels = ask(promise(first_reply="1h"), *events, now="mon 12:00")
    cycle = only(levels, "first_reply")
    assert (cycle.started_at, cycle.outcome, cycle.business_ms) == (t("mon 10:45"), "met", h("0:45"))
    before = ask(promise(first_reply="1h"), events[0], now="mon 10:30")
    assert only(before, "first_reply").breached_at == t("mon 10:00")


def test_no_first_reply_to_agents_and_the_system() -> None:
    for opener in ("agent", "system"):
        levels = ask(
            promise(first_reply="1h", resolution="9h"), opened("mon 9:00", opened_by=opener), now="mon 12:00"
        )
        assert [cycle.target for cycle in levels.cycles] == ["resolution"]


def test_a_resolution_without_a_reply_stops_the_first_reply_uncounted() -> None:
    policy = promise(first_reply="2h", next_reply="1h")
    events = (opened("mon 9:00"), resolved("mon 10:00"), opened("mon 11:00"), replied("mon 11:30"))
    levels = ask(policy, *events, now="mon 12:00")
    first = only(levels, "first_reply")
    assert (first.outcome, first.by, first.evaluation) == ("met", "resolve", None)
    assert only(levels, "next_reply").outcome == "met"  # "or after a resolution that stopped first_reply"
    assert list(levels.report["standard"]) == ["next_reply"]
    late = ask(policy, opened("mon 9:00"), resolved("mon 12:00"), now="mon 12:00")
    assert only(late, "first_reply").evaluation == "breached"


@pytest.mark.parametrize("outcome", ["spam", "duplicate", "merged", "deleted"])
def test_a_void_ticket_leaves_all_targets(outcome: str) -> None:
    policy = promise(first_reply="2h", resolution="3h", first_resolution="3h")
    events = (opened("mon 9:00"), resolved("mon 10:00", outcome=outcome))
    levels = ask(policy, *events, now="tue 12:00")
    assert {cycle.outcome for cycle in levels.cycles} == {"cancelled"}
    assert levels.report == {}
    # Reopened, what is never started a second time goes on with the time it has left.
    back = ask(policy, *events, opened("tue 9:00"), resolved("tue 9:30"), now="tue 10:00")
    assert told(back, "first_resolution") == [
        *(("applied", t("mon 9:00")), ("cancelled", t("mon 10:00"))),
        *(("applied", t("tue 9:00")), ("met", t("tue 9:30"))),
    ]
    assert only(back, "first_resolution").business_ms == h("1:30")
    assert [cycle.outcome for cycle in back.of("resolution")] == ["cancelled", "met"]


def test_an_implied_reopening_ends_being_void() -> None:
    policy = promise(first_reply="2h", first_resolution="3h")
    void = (
        opened("mon 9:00"),
        resolved("mon 10:00", outcome="spam"),
        resolved("mon 11:00", outcome="merged"),
    )
    assert [kind for kind, _ in told(ask(policy, *void, now="mon 12:00"), "first_resolution")] == [
        *("applied", "cancelled"),
    ]
    levels = ask(policy, *void, resolved("tue 9:00"), now="tue 9:00")
    done = only(levels, "first_resolution")
    assert (done.outcome, done.ended_at, done.business_ms) == ("met", t("tue 9:00"), h("1:00"))
    assert only(levels, "first_reply").by == "resolve"


def test_skew_and_late_lives() -> None:
    policy = promise(first_reply="2h", requester_wait="4h")
    events = (
        opened("tue 10:00"),
        replied("tue 9:50"),
        resolved("sun 12:00"),
        updated("mon 8:00", status="pending"),
    )
    levels = ask(policy, *events, now="tue 12:00")
    first = only(levels, "first_reply")
    assert (first.outcome, first.ended_at, first.business_ms) == ("met", t("tue 10:00"), 0)
    assert only(levels, "requester_wait").due_at == t("tue 14:00")  # the old status is of another life


def test_a_clock_that_was_void_before_its_hand_off_begins_once() -> None:
    events = (
        opened("tue 10:00"),
        resolved("tue 12:00", outcome="spam"),
        opened("tue 14:00"),
        updated("tue 15:00", human_since=t("tue 14:00")),
    )
    levels = ask(promise(first_reply="2h"), *events, now="tue 15:30")
    assert [kind for kind, _ in told(levels, "first_reply")] == ["cancelled", "applied"]
    assert only(levels, "first_reply").due_at == t("tue 16:00")


# --- properties -------------------------------------------------------------------------


@given(policed_histories())
def test_the_order_of_arrival_and_duplicates_change_nothing(drawn: Any) -> None:
    events, policy, now = drawn
    rng = random.Random(len(events))
    assert service_levels(redelivered(rng, events), policy, now=now) == service_levels(
        events, policy, now=now
    )


def _per_cycle(levels: Levels) -> dict[tuple[str, str, str, int], list[Told]]:
    found: dict[tuple[str, str, str, int], list[Told]] = {}
    for each in levels.events:
        found.setdefault((each.source, each.ticket_id, each.target, each.cycle), []).append(each)
    return found


@given(policed_histories())
def test_what_holds_of_every_cycle(drawn: Any) -> None:
    events, policy, now = drawn
    levels = service_levels(events, policy, now=now)
    by_cycle = _per_cycle(levels)
    assert len({each.event_id for each in levels.events}) == len(levels.events)
    assert set(by_cycle) == {(c.source, c.ticket_id, c.target, c.number) for c in levels.cycles}
    for cycle in levels.cycles:
        if cycle.ended_at is not None and cycle.ended_at < cycle.started_at:
            continue  # void before the hand-off it waited for
        said = [e.type for e in by_cycle[cycle.source, cycle.ticket_id, cycle.target, cycle.number]]
        # Not always first: of a clock that waits for a hand-off the target may change, or the ticket be void, before.
        assert "sla.applied" in said
        assert said.count("sla.breached") == (cycle.breached_at is not None) <= 1
        assert said.count("sla.met") == (cycle.outcome == "met")
        assert said.count("sla.warning") == len(cycle.warnings)
        assert 0 <= cycle.kept_ms <= cycle.business_ms <= cycle.calendar_ms
        assert cycle.goal is not None
        if cycle.outcome in {"open", "at_risk"}:
            assert cycle.due_at is None or cycle.due_at >= now
            # A step that a reopening or another target begins beyond is passed, but not told (rule 8).
            untold = cycle.passed or any(0 < step <= cycle.kept_ms for _, step in cycle.goal.steps)
            assert (cycle.outcome == "at_risk") <= bool(cycle.warnings or untold)
            assert (cycle.due_at is None) == cycle.paused
        if cycle.outcome == "met" and cycle.due_at is not None:
            assert cycle.ended_at <= cycle.due_at
        if cycle.breached_at is not None:
            assert cycle.breached_at >= cycle.started_at
            assert all(moment < cycle.breached_at for moment in cycle.warnings)
    for targets in levels.report.values():
        for counts in targets.values():
            assert counts["met_late"] <= counts["breached"]


@given(policed_histories())
def test_clocks_without_pause_by_their_definition(drawn: Any) -> None:
    events, _, now = drawn
    for cycle in service_levels(events, POLICIES["plain"], now=now).cycles:
        if cycle.target != "next_reply" and (cycle.target, cycle.number) != ("resolution", 1):
            continue
        goal, end = cycle.goal, now if cycle.ended_at is None else cycle.ended_at
        assert goal is not None
        due = earliest(goal.calendar, cycle.started_at, goal.target_ms)
        assert cycle.business_ms == business(goal.calendar, cycle.started_at, end)
        assert cycle.calendar_ms == end - cycle.started_at
        assert cycle.breached_at == (due if end > due else None)
        assert cycle.due_at == due


@given(policed_histories(), st.integers(0, 2**32 - 1))
def test_tickets_do_not_touch_each_other(drawn: Any, seed: int) -> None:
    events, policy, now = drawn
    whole = service_levels(events, policy, now=now)
    name = random.Random(seed).choice(sorted({str(each["ticket_id"]) for each in events}))
    alone = service_levels([e for e in events if str(e["ticket_id"]) == name], policy, now=now)
    assert alone.cycles == [cycle for cycle in whole.cycles if cycle.ticket_id == name]


@given(policed_histories())
def test_time_alone_rewrites_no_outcome(drawn: Any) -> None:
    """Without a further event, a later instant changes only what was open."""
    events, policy, now = drawn
    at = max([each["occurred_at"] for each in events if isinstance(each["occurred_at"], int)], default=now)
    early, late = (service_levels(events, policy, now=at + further) for further in (1, 40 * HOUR))
    # A hand-off announced ahead of its time moves the start of a first reply.
    ahead = {
        e["ticket_id"] for e in events if isinstance(e.get("human_since"), int) and e["human_since"] > at
    }
    then = {(c.source, c.ticket_id, c.target, c.number): c for c in late.cycles}
    for cycle in early.cycles:
        same = then.get((cycle.source, cycle.ticket_id, cycle.target, cycle.number))
        if cycle.ticket_id in ahead or cycle.outcome in {"open", "at_risk"} or not isinstance(policy, dict):
            continue
        assert same is not None
        assert (same.outcome, same.outcome_at, same.policy) == (cycle.outcome, cycle.outcome_at, cycle.policy)


@given(policed_histories(changing=False), st.integers(0, 40))
def test_past_outcomes_are_never_rewritten_by_news_in_time(drawn: Any, cut: int) -> None:
    """Of a helpdesk whose events tell of nothing earlier than themselves, and whose tickets have
    all their labels from the opening, each event of ``sla-events`` stands once it is told."""
    events, policy, _ = drawn
    labels = {"team": "front", "channel": "email", "priority": "high", "tags": ["x"]}
    plain = []
    for name in {e["ticket_id"] for e in events}:
        of_ticket = [e for e in events if e["ticket_id"] == name]
        start = min(e["occurred_at"] for e in of_ticket)
        opening = {"topic": "ticket-opened", "ticket_id": name, "occurred_at": start, "event_id": "first"}
        plain.append(opening | {"source": of_ticket[0].get("source"), **labels})
        single = {(e["topic"], e["event_id"]): e for e in of_ticket}.values()  # no copies that differ
        plain += [{k: v for k, v in e.items() if k not in {"human_since", "waiting_since"}} for e in single]
    moments = sorted({e["occurred_at"] for e in plain})
    before, after = moments[cut % len(moments)], moments[-1] + HOUR
    early, late = (service_levels(plain, policy, now=now) for now in (before, after))
    assert [e for e in late.events if e.occurred_at < before] == [
        e for e in early.events if e.occurred_at < before
    ]
    assert {e.event_id for e in early.events} <= {e.event_id for e in late.events}


def test_random_histories_walk_into_every_rule() -> None:
    outcomes: set[tuple[str, str]] = set()
    kinds: set[str] = set()
    marks: set[str] = set()
    for seed in range(400):
        levels = service_levels(*(drawn := policed_history(random.Random(seed)))[:2], now=drawn[2])
        outcomes |= {(cycle.target, cycle.outcome) for cycle in levels.cycles}
        kinds |= {each.type for each in levels.events}
        marks |= {"no time left" for cycle in levels.cycles if cycle.no_time_left}
        marks |= {"by resolve" for cycle in levels.cycles if cycle.by}
        marks |= {"second cycle" for cycle in levels.cycles if cycle.number > 1}
        marks |= {"policy " + str(cycle.policy) for cycle in levels.cycles}
    everything = {"open", "at_risk", "met", "met_late", "breached", "cancelled"}
    for target in (
        "first_reply",
        "next_reply",
        "periodic_update",
        "requester_wait",
        "agent_work",
        "resolution",
    ):
        assert {outcome for name, outcome in outcomes if name == target} == everything, target
    assert kinds == {
        f"sla.{kind}"
        for kind in (
            "applied",
            "changed",
            "paused",
            "resumed",
            "warning",
            "breached",
            "met",
            "met_late",
            "cancelled",
        )
    }
    assert marks >= {"no time left", "by resolve", "second cycle"}
    assert marks >= {f"policy {each['name']}" for policy in POLICIES.values() for each in policy["policies"]}
