"""Bars of the last hour and of a week ago, against counting by hand."""

import random
from collections import Counter

import pytest

from cxstream.core.history import WEEK, bars, history, hours, width
from cxstream.core.instant import parse_instant
from cxstream.core.pane import FIRST_RESPONSE, OPENED
from cxstream.core.rolling import Rolling
from cxstream.core.rules import HOUR, Rules
from cxstream.core.window import parse_windows

MINUTE = 60_000
NOW = 1_772_452_800_000 + 3 * MINUTE + 7  # 2026-03-02T12:03:00.007Z
LABELS = ("billing", "email", "normal", "default", "none")


@pytest.mark.parametrize(
    ("pane", "bar"),
    [(1_000, 5), (MINUTE, 5), (2 * MINUTE, 6), (7 * MINUTE, 7), (15 * MINUTE, 15), (30 * MINUTE, None)],
)
def test_bars_are_whole_panes_of_five_minutes_or_more(pane, bar):
    assert width(pane) == (bar and bar * MINUTE)


def test_the_last_bar_holds_now():
    hour, before = hours(NOW, 5 * MINUTE)
    assert len(hour) == 12
    assert hour[-1] <= NOW < hour[-1] + 5 * MINUTE
    assert before == [at - WEEK for at in hour]
    assert hours(NOW, 11 * MINUTE)[1] == []


def test_the_sum_of_two_partitions_is_what_happened_in_each_bar():
    rng, rules = random.Random(1), Rules()
    rollings = [Rolling(rules, NOW), Rolling(rules, NOW)]
    moments = [NOW - rng.randrange(90 * MINUTE) - rng.choice((0, WEEK)) for _ in range(2_000)]
    for moment in moments:
        rng.choice(rollings).put([(OPENED, moment, LABELS, 0, "")])
        rng.choice(rollings).put([(FIRST_RESPONSE, moment, LABELS, 90_000, "")])
    told = history([list(bars(rolling, NOW)) for rolling in rollings], NOW, rollings[0].step)
    counted = Counter(moment // (5 * MINUTE) for moment in moments)
    assert told["bar_seconds"] == 300
    for rows in (told["hour"], told["week_ago"]):
        assert [row["opened"] for row in rows] == [
            counted[parse_instant(row["at"]) // (5 * MINUTE)] for row in rows
        ]
        assert [row["first_response"]["count"] for row in rows] == [row["opened"] for row in rows]
    assert sum(row["opened"] for row in told["week_ago"]) > 100


def test_a_week_ago_is_not_told_where_its_panes_are_gone():
    rules = Rules(windows=parse_windows("1h/1m,24h/15m"))
    told = history([list(bars(Rolling(rules, NOW), NOW))], NOW, MINUTE)
    assert told["week_ago"] is None
    assert len(told["hour"]) == 12


def test_no_chart_of_panes_too_wide_and_none_of_nothing():
    rolling = Rolling(Rules(windows=parse_windows("7d/2h")), NOW)
    assert list(bars(rolling, NOW)) == []
    assert history([[]], NOW, rolling.step) is None
    assert history([], NOW, MINUTE) is None


def test_bars_cover_no_more_than_an_hour():
    hour, _ = hours(NOW, 7 * MINUTE)
    assert hour[-1] + 7 * MINUTE - hour[0] <= HOUR
