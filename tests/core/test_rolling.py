"""Windows against a naive sum over all measurements."""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core.measure import Measurement
from cxstream.core.pane import FIRST_RESPONSE, OPENED, Cell
from cxstream.core.rolling import Rolling, Totals
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.core.window import parse_windows

RULES = Rules(windows=parse_windows("1h/1m,today/15m,week/1h,3d/2h"), timezone=ZoneInfo("America/New_York"))
START = 1_762_000_000_000  # a day before the clocks go back in New York


APART = Rules(windows=parse_windows("35m/7m,1h/1m,8h/10m,7d/2h"), timezone=ZoneInfo("Asia/Kathmandu"))
"""Panes of seven and of ten minutes are not made of each other."""

WIDE = Rules(windows=parse_windows("today/2h,week/12h,month/1d,8h/2h"), timezone=ZoneInfo("Asia/Kathmandu"))
"""Local midnight, at 18:15 UTC, lies in the midst of every pane."""


def naive(rules: Rules, measurements: list[Measurement], now: int) -> Totals:
    found: Totals = {}
    for window in rules.windows:
        first, last = window.panes(now, rules.timezone)
        groups = found.setdefault(window.name, {})
        for what, moment, labels, value, _ in measurements:
            if first <= moment // window.step <= last:
                groups.setdefault(labels[:2], Cell()).put(what, value)
    return found


@pytest.mark.parametrize("rules", [RULES, APART, WIDE], ids=["nested", "apart", "wide"])
@given(seed=st.integers(0, 2**32 - 1))
def test_windows_equal_the_naive_sum_at_every_instant(rules: Rules, seed: int) -> None:
    rng = random.Random(seed)
    rolling, now, held = Rolling(rules, START), START, list[Measurement]()
    for _ in range(60):
        match rng.randrange(5):
            case 0:
                now += rng.choice((1, 60_000, HOUR, DAY, 30 * DAY))
                rolling.advance(now)
            case 1 if held:
                taken = held.pop(rng.randrange(len(held)))
                rolling.put((), [taken])
            case _:
                moment = (
                    now
                    - rng.choice((-2 * DAY, -60_000, 0, 1, HOUR, DAY, 8 * DAY))
                    + rng.randrange(-5_000, 5_000)
                )
                labels = (rng.choice("ab"), rng.choice("xy"), "none", "default", "none")
                measurement = (
                    rng.choice((OPENED, FIRST_RESPONSE)),
                    moment,
                    labels,
                    rng.randrange(10**7),
                    str(moment),
                )
                held.append(measurement)
                rolling.put([measurement])
        if rng.randrange(3) == 0:
            assert rolling.totals() == naive(rules, held, now)
    later = now + rng.choice((0, 1, HOUR, DAY))
    assert rolling.at(later) == naive(rules, held, later)
    whole = Cell()
    for what, _, _, value, _ in held:
        whole.put(what, value)
    assert {slot: amount for slot, amount in rolling.whole.items() if amount} == whole


@pytest.mark.parametrize("rules", [RULES, APART, WIDE], ids=["nested", "apart", "wide"])
@given(seed=st.integers(0, 2**32 - 1))
def test_bars_equal_the_naive_sum_from_whichever_panes_they_come(rules: Rules, seed: int) -> None:
    rng = random.Random(seed)
    rolling, now, held = Rolling(rules, START), START, list[Measurement]()
    for _ in range(20):
        now += rng.choice((0, 0, 60_000, HOUR))
        rolling.advance(now)
        for _ in range(3):
            moment = now - rng.randrange(2 * DAY)
            labels = (rng.choice("ab"), "x", "none", "default", "none")
            held.append((FIRST_RESPONSE, moment, labels, rng.randrange(10**7), str(moment)))
            rolling.put(held[-1:])
        if rng.randrange(4) == 0:
            rolling.put((), [held.pop(rng.randrange(len(held)))])
    start, end = (now - rng.randrange(2 * DAY) for _ in range(2))
    expected = Cell()
    for what, moment, _, value, _ in held:
        if -(-start // rolling.step) <= moment // rolling.step < -(-end // rolling.step):
            expected.put(what, value)
    assert rolling.between(start, end) == expected


def test_the_clock_may_be_set_back() -> None:
    rolling = Rolling(RULES, START)
    measurement = (OPENED, START, ("a", "x", "none", "default", "none"), 0, "1")
    rolling.put([measurement])
    rolling.advance(START + 2 * HOUR)
    rolling.advance(START)
    assert rolling.totals() == naive(RULES, [measurement], START)


def test_windows_empty_with_no_event_arriving() -> None:
    rolling = Rolling(RULES, START)
    rolling.put([(OPENED, START, ("a", "x", "none", "default", "none"), 0, "1")])
    assert rolling.totals()["1h"]
    rolling.advance(START + HOUR + 60_000)
    assert not rolling.totals()["1h"]
    assert rolling.totals()["3d"]
    rolling.advance(START + 8 * DAY)
    assert not any(rolling.totals().values())


def test_an_instant_whose_panes_are_gone_is_refused() -> None:
    rolling = Rolling(RULES, START)
    rolling.advance(START + 30 * DAY)
    with pytest.raises(ValueError, match="too long ago"):
        rolling.at(START)


def test_a_calendar_window_moves_at_midnight_though_its_pane_goes_on() -> None:
    rules = Rules(windows=parse_windows("week/12h"), timezone=ZoneInfo("Pacific/Auckland"))
    monday = 1_710_068_400_000  # 2024-03-11T00:00+13:00, 11:00 UTC: an hour before the pane ends
    saturday = (OPENED, monday - 2 * DAY, ("a", "x", "none", "default", "none"), 0, "1")
    rolling = Rolling(rules, monday - 1)
    rolling.put([saturday])
    assert rolling.totals() == naive(rules, [saturday], monday - 1) != {"week": {}}
    rolling.advance(monday)
    assert rolling.totals() == naive(rules, [saturday], monday) == {"week": {}}
