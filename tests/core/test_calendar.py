"""Business time: the vectors of the specification, a naive calendar, and the laws between elapsed and due."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core.calendar import AlwaysOpen, Calendar, Interval
from cxstream.core.instant import FIRST, LAST
from cxstream.core.rules import DAY, HOUR
from tests.oracle import business

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
MINUTE = 60_000
DAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}


def minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def intervals(text: str) -> list[Interval]:
    return [tuple(minutes(edge) for edge in part.split("-")) for part in text.split()]  # type: ignore[misc]


def calendar(
    zone: str, dates: dict[str, str] | None = None, /, every: str | None = None, **hours: str
) -> Calendar:
    by_day = {DAYS[name]: intervals(text) for name, text in hours.items()}
    if every is not None:
        by_day = {day: intervals(every) for day in range(7)} | by_day
    exceptions = {date.fromisoformat(day): intervals(text) for day, text in (dates or {}).items()}
    return Calendar("test", ZoneInfo(zone), by_day, exceptions)


def at(text: str, zone: ZoneInfo | None = None, fold: int = 0) -> int:
    """An instant: UTC with Z, an offset, or local time of a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone or LJUBLJANA, fold=fold)
    return round(moment.timestamp() * 1000)


WEEK = ("mon", "tue", "wed", "thu", "fri")
OFFICE = calendar("Europe/Ljubljana", **dict.fromkeys(WEEK, "09:00-17:00"))
EU_OFFICE = calendar(
    "Europe/Ljubljana",
    {"2026-12-25": "", "2026-12-24": "08:00-12:00"},
    mon="08:00-12:00 13:00-17:00",
    tue="08:00-17:00", wed="08:00-17:00", thu="08:00-17:00", fri="08:00-15:00",
)  # fmt: skip
NIGHT = calendar("Europe/Ljubljana", every="00:00-06:00")
WHOLE = calendar("Europe/Ljubljana", every="00:00-24:00")
EARLY = calendar("Europe/Ljubljana", sun="00:00-02:30")
LATE = calendar("Europe/Ljubljana", sun="02:30-06:00")
ALWAYS = AlwaysOpen("always", LJUBLJANA)
UTC_WEEK = calendar("UTC", **dict.fromkeys(WEEK, "09:00-17:00"))


@pytest.mark.parametrize(
    ("hours", "start", "amount", "due"),
    [
        # the clocks change
        (OFFICE, "2026-03-27T16:00", 2 * HOUR, "2026-03-30T08:00Z"),
        (OFFICE, "2026-10-23T16:00", 2 * HOUR, "2026-10-26T09:00Z"),
        (NIGHT, "2026-03-29T00:00", 4 * HOUR, "2026-03-29T03:00Z"),
        (NIGHT, "2026-10-25T00:00", 4 * HOUR, "2026-10-25T02:00Z"),
        (NIGHT, "2026-03-29T01:30", HOUR, "2026-03-29T01:30Z"),
        (NIGHT, "2026-10-25T00:30Z", HOUR, "2026-10-25T01:30Z"),
        (ALWAYS, "2026-03-28T12:00", DAY, "2026-03-29T11:00Z"),
        (ALWAYS, "2026-10-24T12:00", DAY, "2026-10-25T10:00Z"),
        (LATE, "2026-03-29T00:00", HOUR, "2026-03-29T02:30Z"),
        (LATE, "2026-10-25T00:00", HOUR, "2026-10-25T01:30Z"),
        # and the other cases
        (OFFICE, "2026-03-06T16:30", HOUR, "2026-03-09T09:30+01:00"),
        (UTC_WEEK, "2026-03-04T07:00Z", 2 * HOUR, "2026-03-04T11:00Z"),
        (calendar("UTC", tue="09:00-17:00", wed="09:00-17:00"), "2023-10-10T09:00Z", 900 * MINUTE,
         "2023-10-11T16:00Z"),
        (calendar("UTC", {"2023-10-10": ""}, tue="09:00-17:00"), "2023-10-10T10:00Z", HOUR,
         "2023-10-17T10:00Z"),
        (calendar("Asia/Kolkata", tue="09:00-17:00"), "2023-10-10T20:00Z", HOUR, "2023-10-17T04:30Z"),
        (calendar("UTC", mon="09:00-17:00"), "2023-10-14T10:00Z", HOUR, "2023-10-16T10:00Z"),
        (calendar("UTC", wed="09:00-17:00"), "2023-10-10T10:00Z", HOUR, "2023-10-11T10:00Z"),
        (EU_OFFICE, "2026-12-24T11:00", 3 * HOUR, "2026-12-28T10:00+01:00"),
        (EU_OFFICE, "2026-03-02T11:30", HOUR, "2026-03-02T13:30+01:00"),
        (OFFICE, "2028-02-28T16:00", 10 * HOUR, "2028-03-01T10:00+01:00"),
        (calendar("UTC", mon="20:00-24:00", tue="00:00-02:00"), "2026-03-02T23:00Z", 2 * HOUR,
         "2026-03-03T01:00Z"),
    ],
)  # fmt: skip
def test_due(hours: Calendar, start: str, amount: int, due: str) -> None:
    assert hours.due(at(start), amount) == at(due)
    assert hours.elapsed(at(start), at(due)) == amount


@pytest.mark.parametrize(
    ("hours", "start", "end", "seconds"),
    [
        (OFFICE, "2026-03-27T12:00", "2026-03-30T12:00", 28_800),
        (ALWAYS, "2026-03-27T12:00", "2026-03-30T12:00", 255_600),
        (OFFICE, "2026-10-23T12:00", "2026-10-26T12:00", 28_800),
        (ALWAYS, "2026-10-23T12:00", "2026-10-26T12:00", 262_800),
        (NIGHT, "2026-03-29T00:00", "2026-03-29T06:00", 18_000),
        (NIGHT, "2026-10-25T00:00", "2026-10-25T06:00", 25_200),
        (WHOLE, "2026-03-29T00:00", "2026-03-30T00:00", 82_800),
        (WHOLE, "2026-10-25T00:00", "2026-10-26T00:00", 90_000),
        (EARLY, "2026-03-29T00:00", "2026-03-30T00:00", 9_000),
        (LATE, "2026-03-29T00:00", "2026-03-30T00:00", 9_000),
        (EARLY, "2026-03-29T01:30Z", "2026-03-30T00:00", 0),
        (LATE, "2026-03-29T00:00", "2026-03-29T01:30Z", 0),
        (EARLY, "2026-10-25T00:00", "2026-10-26T00:00", 9_000),
        (LATE, "2026-10-25T00:00", "2026-10-26T00:00", 16_200),
        (EARLY, "2026-10-25T00:30Z", "2026-10-26T00:00", 0),
        (LATE, "2026-10-25T00:00", "2026-10-25T00:30Z", 0),
        (OFFICE, "2026-03-07T10:00", "2026-03-08T10:00", 0),
        (OFFICE, "2026-03-08T10:00", "2026-03-07T10:00", 0),
        (OFFICE, "2026-03-06T16:59:59.999", "2026-03-09T09:00:00.001", 0.002),
    ],
)
def test_elapsed(hours: Calendar, start: str, end: str, seconds: float) -> None:
    assert hours.elapsed(at(start), at(end)) == round(seconds * 1000)


def test_of_two_calendars_in_turn_each_counts_for_its_stretch() -> None:
    a = calendar("UTC", every="00:00-02:00 12:00-24:00")
    b = calendar(
        "UTC",
        mon="15:00-24:00", sat="00:00-00:30",
        **dict.fromkeys(("tue", "wed", "thu", "fri"), "00:00-00:30 15:00-24:00"),
    )  # fmt: skip
    start, change, end = (at(f"2020-09-{text}Z") for text in ("29T17:01:38", "30T19:01:25", "30T19:01:46"))
    assert a.elapsed(start, change) + b.elapsed(change, end) == 57_608_000
    assert b.elapsed(start, end) == 41_408_000
    assert end - start == 93_608_000


def test_a_business_day_is_the_weekly_open_time_by_weekdays_with_hours() -> None:
    assert EU_OFFICE.business_day == 30_240_000
    assert ALWAYS.business_day == DAY
    assert ALWAYS.week == 7 * DAY


def test_a_calendar_that_never_opens_is_refused() -> None:
    with pytest.raises(ValueError, match="never opens"):
        calendar("UTC", {"2026-01-01": "08:00-12:00"})


ZONES = (
    "UTC", "Europe/Ljubljana", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca",
    "Pacific/Apia", "America/Santiago", "Asia/Beirut", "Atlantic/Azores",
)  # fmt: skip
"""Changes by an hour and by half of one, at midnight, in winter, and a day that was left out."""


def some_intervals(rng: random.Random) -> list[tuple[str, str]]:
    edges = sorted(rng.sample(range(0, 1441, rng.choice((15, 30, 60))), 2 * rng.randrange(1, 4)))
    if rng.random() < 0.3:  # neighbours
        edges = [edges[0], *(edge for edge in edges[1:-1] for _ in range(2)), edges[-1]]
    text = [f"{edge // 60:02}:{edge % 60:02}" for edge in edges]
    return list(zip(text[::2], text[1::2], strict=True))


def some_hours(rng: random.Random) -> business.Hours:
    days = rng.sample(range(7), rng.randrange(1, 8))
    return {day: some_intervals(rng) for day in days}


def compiled(zone: ZoneInfo, hours: business.Hours, dates: dict[date, list[tuple[str, str]]]) -> Calendar:
    def read(day: list[tuple[str, str]]) -> list[Interval]:
        return [(minutes(start), minutes(end)) for start, end in day]

    return Calendar(
        "test", zone, {day: read(found) for day, found in hours.items()},
        {day: read(found) for day, found in dates.items()},
    )  # fmt: skip


CHANGES = (
    "2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2026-02-15",
    "2026-03-22", "2026-09-06", "2011-12-30", "2024-12-31",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_random_spans_equal_the_naive_calendar(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        zone = ZoneInfo(rng.choice(ZONES))
        hours = some_hours(rng)
        near = date.fromisoformat(rng.choice(CHANGES)) + timedelta(days=rng.randrange(-2, 2))
        dates = {
            near + timedelta(days=rng.randrange(3)): rng.choice(([], some_intervals(rng)))
            for _ in range(rng.randrange(2))
        }
        product = compiled(zone, hours, dates)
        first = round(datetime(near.year, near.month, near.day, tzinfo=UTC).timestamp() * 1000)
        ticks = sorted({first + rng.randrange(2 * DAY) for _ in range(25)} | {first, first + 2 * DAY})
        naive = [0]
        for start, end in pairwise(ticks):
            naive.append(naive[-1] + business.elapsed(start, end, zone, hours, dates))
        for _ in range(25):
            a, b = sorted(rng.sample(range(len(ticks)), 2))
            assert product.elapsed(ticks[a], ticks[b]) == naive[b] - naive[a]


instants = st.integers(at("1995-01-01T00:00Z"), at("2045-01-01T00:00Z"))


@given(st.integers(0, 2**32), instants, st.integers(1, 4_000 * HOUR))
def test_due_is_the_earliest_instant_and_the_inverse_of_elapsed(seed: int, start: int, amount: int) -> None:
    rng = random.Random(seed)
    hours = compiled(ZoneInfo(rng.choice(ZONES)), some_hours(rng), {})
    due = hours.due(start, amount)
    assert hours.elapsed(start, due) == amount
    assert hours.elapsed(start, due - 1) == amount - 1


@given(st.integers(0, 2**32), instants, instants, instants)
def test_elapsed_adds_up_and_its_due_is_not_later(seed: int, a: int, b: int, c: int) -> None:
    rng = random.Random(seed)
    hours = compiled(ZoneInfo(rng.choice(ZONES)), some_hours(rng), {})
    a, b, c = sorted((a, b, c))
    assert hours.elapsed(a, b) + hours.elapsed(b, c) == hours.elapsed(a, c) <= c - a
    assert hours.due(a, hours.elapsed(a, c)) <= c


def test_the_first_and_last_instants_of_all_can_be_asked_for() -> None:
    whole = calendar("Europe/Ljubljana", {"2026-12-25": ""}, every="00:00-24:00")
    assert whole.elapsed(FIRST + 2 * DAY, 0) == -(FIRST + 2 * DAY)
    late = calendar("Europe/Ljubljana", every="00:00-24:00")
    assert late.elapsed(LAST - 9 * DAY, LAST - 2 * DAY) == 7 * DAY
    assert late.due(LAST - 9 * DAY, 7 * DAY) == LAST - 2 * DAY
    assert late.due(LAST - DAY, 400 * DAY) == LAST
    assert ALWAYS.due(LAST, DAY) == LAST


def test_a_span_of_centuries_costs_as_much_as_one_of_minutes() -> None:
    hours = calendar("Europe/Ljubljana", **dict.fromkeys(WEEK, "09:00-17:00"))
    spans = [(FIRST + 2 * DAY, at("2026-03-02T10:00Z")), (at("2026-03-02T09:00Z"), at("2026-03-02T10:00Z"))]
    costs = []
    for start, end in spans:
        hours.elapsed(start, end)  # lays the blocks out
        began = perf_counter()
        for _ in range(5_000):
            hours.elapsed(start, end)
        costs.append(perf_counter() - began)
    assert costs[0] < 5 * costs[1]
