"""Shapes, shifts and tables: the parts that a simulated week is made of."""

from random import Random
from statistics import mean, median

import pytest

from cxstream.simulate import chance
from cxstream.simulate.instant import DAY, HOUR, MINUTE, WEEK, rfc3339
from cxstream.simulate.scenario import TEAMS, Scenario, Team
from cxstream.simulate.shape import AROUND_THE_CLOCK, HOURS, LEISURE, OFFICE, Shape, busy_at, week_position
from cxstream.simulate.staff import SLOT, Desk, Roster

MONDAY = 1_772_409_600_000


def test_a_week_begins_on_monday():
    assert week_position(MONDAY) == 0
    assert week_position(MONDAY - 1) == WEEK - 1
    assert week_position(MONDAY, HOUR) == HOUR


@pytest.mark.parametrize("at", [MONDAY + hours * HOUR for hours in range(0, 168, 7)])
def test_it_can_be_ten_in_the_morning_of_a_working_day_at_any_time(at):
    place = week_position(at, busy_at(at))
    assert place % DAY == 10 * HOUR
    assert place < 5 * DAY


@pytest.mark.parametrize("shape", [OFFICE, LEISURE, AROUND_THE_CLOCK])
def test_weights_have_a_mean_of_one(shape):
    assert len(shape.weights) == HOURS
    assert mean(shape.weights) == pytest.approx(1)


def test_a_week_at_the_mean_rate_is_a_week():
    for begin in (0, 1, 13 * HOUR + 7, 6 * DAY):
        assert OFFICE.after(MONDAY + begin, WEEK) == pytest.approx(MONDAY + begin + WEEK, abs=1_000)


def test_walking_in_steps_is_walking_at_once():
    at = MONDAY
    for _ in range(100):
        at = LEISURE.after(at, 7 * MINUTE)
    assert at == pytest.approx(LEISURE.after(MONDAY, 700 * MINUTE), abs=200)


def test_nothing_happens_in_hours_of_no_weight():
    shape = Shape.of((*[0] * 9, 1, *[0] * 14), (1, 0, 0, 0, 0, 0, 0))
    assert shape.after(MONDAY, 1) >= MONDAY + 9 * HOUR
    assert shape.after(MONDAY + 10 * HOUR, 1) >= MONDAY + WEEK + 9 * HOUR


def test_tables_have_their_median_and_spread():
    random = Random(1)
    table = chance.lognormal(60_000, 0.7)
    numbers = [chance.draw(table, random.random()) for _ in range(20_000)]
    assert median(numbers) == pytest.approx(60_000, rel=0.03)
    assert mean(numbers) == pytest.approx(chance.mean(table), rel=0.03)
    assert mean(numbers) == pytest.approx(60_000 * 1.278, rel=0.03)  # exp(0.7 ** 2 / 2)
    arrivals = [chance.draw(chance.EXPONENTIAL, random.random()) for _ in range(20_000)]
    assert mean(arrivals) == pytest.approx(1_000_000, rel=0.03)


def test_the_ends_of_a_table():
    table = chance.lognormal(1_000, 1.0)
    assert chance.draw(table, 0.0) == table[0]
    assert chance.draw(table, 1 - 2**-53) <= table[-1]


def test_choices_follow_their_weights_and_forget_nothing():
    entries = chance.choice([("often", 0.75), ("seldom", 0.25), ("hardly", 0.0001)])
    assert entries.count("often") == 192
    assert entries.count("hardly") == 1


def test_instants_are_spelled_to_the_millisecond():
    assert rfc3339(MONDAY + 9) == "2026-03-02T00:00:00.009Z"
    assert rfc3339(MONDAY - 1) == "2026-03-01T23:59:59.999Z"


@pytest.mark.parametrize("team", TEAMS, ids=lambda team: team.name)
def test_shifts_follow_the_arrivals(team):
    desk = Desk(team, 20_000, 0.8, 1.0)
    roster = Roster([desk], 0)
    roster.open(MONDAY)
    duty = []
    at = MONDAY
    for _ in range(WEEK // SLOT):
        at = roster.turn(at)
        duty.append(desk.on_duty)
    hours = [mean(duty[i : i + 4]) for i in range(0, len(duty), 4)]
    assert mean(hours) == pytest.approx(len(desk.agents) * 40 / HOURS, rel=0.02)
    busy = sorted(range(HOURS), key=lambda hour: team.shape.weights[hour])
    assert mean(hours[hour] for hour in busy[-40:]) > 2 * mean(hours[hour] for hour in busy[:40])


def test_whoever_is_in_a_shift_at_the_start_is_there():
    desks = []
    for begin in (MONDAY, MONDAY + 11 * HOUR):
        desk = Desk(TEAMS[0], 5_000, 0.8, 1.0)
        roster = Roster([desk], 0)
        roster.open(begin)
        at = begin
        while at < MONDAY + 14 * HOUR:
            at = roster.turn(at)
        desks.append({agent.name for agent in desk.agents if agent.on_duty})
    assert desks[0] == desks[1] != set()


def test_staff_follows_from_the_load_unless_given():
    small, large = (len(Desk(TEAMS[0], rate, 0.8, 1.0).agents) for rate in (300, 3_000))
    assert large == pytest.approx(10 * small, rel=0.15)
    assert len(Desk(TEAMS[0], 1, 0.8, 1.0).agents) == 2
    alone = Team("alone", 1, OFFICE, (("email", 1),), staff=1)
    assert len(Desk(alone, 1_000, 0.8, 1.0).agents) == 1
    with pytest.raises(ValueError, match="agent"):
        Scenario(teams=(Team("none", 1, OFFICE, (("email", 1),), staff=0),))
