"""Projections and numbers: two ways to one snapshot, and what is compared of it."""

import random

import pytest

from cxstream.core.instant import format_instant
from cxstream.core.ledger import Ledger
from cxstream.core.numbers import added, differences, numbers
from cxstream.core.projection import Projection
from cxstream.core.reading import read
from cxstream.core.report import Batch
from cxstream.core.rules import Rules
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally
from cxstream.core.window import parse_windows
from tests.stream.helpdesk import NOW, events

RULES = Rules(windows=parse_windows("1h/1m,today/15m,7d/2h"))


def told(seed: int, parts: int):
    """The numbers of a projection, and those of ledgers that share the same events."""
    batch = Batch(RULES)
    ledgers = [Ledger(RULES, Tally(RULES), {}, NOW) for _ in range(parts)]
    for topic, key, value in events(150, seed):
        message = read(topic, value, key, latest=NOW * 2)
        batch.add(message)
        ledger = ledgers[hash(message.ticket_id) % parts]
        ledger.apply(message.source, message.ticket_id, message.event, now=NOW, arrived=NOW)
    projection = Projection(RULES, NOW)
    for ticket, _ in batch.standing(None):
        projection.add(ticket)
    expected = projection.snapshot()
    shown = [snapshot([ledger], RULES, NOW) for ledger in ledgers]
    return numbers(expected, expected), added(numbers(one, expected) for one in shown)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_a_projection_equals_the_sum_of_ledgers(seed, parts):
    expected, shown = told(seed, parts)
    assert list(differences(shown, expected)) == []
    assert expected["tickets.opened"] == 150
    assert len(expected) > 500
    assert any("{team=billing,channel=chat}.windows.1h.response.buckets." in name for name in expected)


def test_every_kind_of_number_is_compared():
    expected, shown = told(1, 1)
    rng = random.Random(7)
    kinds = (
        "count",
        "sum_ms",
        "points",
        "oldest",
        "oldest_awaiting",
        "positive",
        "in_progress",
        "opened",
        "orphan",
        "+Inf",
    )
    for kind in kinds:
        name = rng.choice([name for name in expected if name.endswith(f".{kind}")])
        (difference,) = differences({**shown, name: shown[name] + 1}, expected)
        assert difference == (name, expected[name] + 1, expected[name])


def test_what_is_not_there_is_nothing():
    assert list(differences({"a": 0}, {"b": 0})) == []
    assert [each.name for each in differences({"a": 1}, {"b": 2})] == ["b", "a"]


def test_the_oldest_of_all_is_the_oldest():
    name = "backlog{team=a}.oldest"
    assert added([{name: 5, "n": 1}, {"n": 2}, {name: 3}]) == {name: 3, "n": 3}


def test_items_of_a_list_are_known_by_their_labels_alone():
    row = {"labels": {"team": "a"}, "oldest": "2026-03-02T10:00:00Z", "oldest_awaiting": None, "open": 1}
    other = {**row, "oldest_awaiting": "2026-03-02T11:00:00Z", "policy": "gold"}
    found = numbers({"backlog": [row], "sla": [other]}, ["backlog", "sla"])
    assert found == {
        "backlog{team=a}.oldest": NOW,
        "backlog{team=a}.open": 1,
        "sla{team=a,policy=gold}.oldest": NOW,
        "sla{team=a,policy=gold}.oldest_awaiting": NOW + 3_600_000,
        "sla{team=a,policy=gold}.open": 1,
    }


def test_numbers_are_told_as_people_read_them():
    names = ("backlog{team=a}.oldest", "csat.points", "tickets.open")
    difference = list(differences(dict.fromkeys(names, NOW), dict.fromkeys(names, 0)))
    assert [each.text(each.shown) for each in difference] == [
        format_instant(NOW), f"{NOW / 10**9:.9f}", str(NOW),
    ]  # fmt: skip
    assert difference[0].text(0) == "none"


def test_a_sum_of_points_survives_being_a_mean():
    for answers, points in ((3, 10_000_000_001), (700_001, 2_333_333_333_333_337), (0, 0)):
        mean = points / (answers * 10**9) if answers else None
        survey = {"csat": {"answers": answers, "mean": mean}}
        assert abs(numbers(survey, survey)["csat.points"] - points) <= points // 10**12
