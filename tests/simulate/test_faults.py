"""The transport: each fault by itself, and all together."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from cxstream.simulate import NO_FAULTS, Faults, Helpdesk, Scenario
from cxstream.simulate.faults import Transport
from cxstream.simulate.instant import SPELLINGS, respelled, rfc3339

from .rules import check, instant

START = 1_772_409_600_000
EVENTS = [
    (
        START + 1_000 * i,
        ("ticket-opened", "agent-replied")[i % 2],
        str(i // 2),
        {"ticket_id": str(i // 2), "occurred_at": rfc3339(START + 1_000 * i), "channel": "email"},
    )
    for i in range(4_000)
]


def carry(**faults):
    return list(Transport(replace(NO_FAULTS, **faults), Random(1)).carry(EVENTS))


def test_without_faults_nothing_changes():
    assert [(d.deliver_at, d.topic, d.key, d.value) for d in carry()] == EVENTS


def test_delay_keeps_everything():
    delivered = carry(delay=2_000)
    assert sorted(d.value["occurred_at"] for d in delivered) == [e[3]["occurred_at"] for e in EVENTS]
    assert all(d.deliver_at > instant(d.value["occurred_at"]) for d in delivered)
    times = [d.deliver_at for d in delivered]
    assert times == sorted(times)
    assert [d.value for d in delivered] != [e[3] for e in EVENTS]  # neighbours overtake each other


def test_duplicates_come_later_and_say_the_same():
    delivered = carry(duplicates=0.1, respelled=0.5)
    assert 350 < len(delivered) - len(EVENTS) < 450
    copies = defaultdict(list)
    for d in delivered:
        copies[d.key, d.topic].append(d)
    spelled = Counter()
    for first, *more in copies.values():
        for again in more:
            assert again.deliver_at >= first.deliver_at
            assert instant(again.value["occurred_at"]) == instant(first.value["occurred_at"])
            assert again.value["channel"].lower() == "email"
            spelled[again.value == first.value] += 1
    assert min(spelled[True], spelled[False]) > 150


def test_late_events_are_minutes_to_hours_late():
    delays = [d.deliver_at - instant(d.value["occurred_at"]) for d in carry(late=0.05)]
    late = [delay for delay in delays if delay]
    assert 150 < len(late) < 250
    assert min(late) < 5 * 60_000 and max(late) > 3 * 3_600_000


def test_disorder():
    delivered = carry(disordered=0.05)
    times = [instant(d.value["occurred_at"]) for d in delivered]
    assert 100 < sum(a > b for a, b in pairwise(times)) < 300


def test_slow_clocks_date_replies_before_the_opening():
    opened, before = {}, 0
    for d in carry(skewed=0.1):
        at = instant(d.value["occurred_at"])
        if d.topic == "ticket-opened":
            opened[d.key] = at
            assert at == d.deliver_at
        else:
            before += at < opened[d.key]
    assert 150 < before < 250


def test_fast_clocks_date_events_ahead_of_their_delivery():
    ahead = [instant(d.value["occurred_at"]) - d.deliver_at for d in carry(fast=0.05)]
    assert 150 < sum(a > 0 for a in ahead) < 250
    assert max(ahead) < 5 * 60_000


@pytest.mark.parametrize("kind", range(SPELLINGS))
@pytest.mark.parametrize("at", [START, START + 1, START + 86_399_999, START + 3 * 3_600_000 + 59_000])
def test_every_spelling_reads_as_the_same_millisecond(at, kind):
    assert instant(respelled(at, kind)) == at


@pytest.mark.parametrize("wrong", [{"late": 0.6, "duplicates": 0.5}, {"skewed": -0.1}, {"delay": -1}])
def test_faults_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="negative"):
        Faults(**wrong)


def test_many_faults_and_all_events_are_valid_still(start):
    faults = Faults(duplicates=0.2, respelled=1, late=0.2, disordered=0.2, skewed=0.2, fast=0.1)
    keys = set()
    for d in Helpdesk(Scenario(tickets=1_000, faults=faults), 1, start).deliveries():
        check(d.topic, d.key, d.value)
        keys.add(d.key)
    assert len(keys) == 1_000


def test_the_usual_faults_occur_in_a_fortnight(fortnight):
    copies, found, opened = set(), Counter(), {}
    newest = 0
    for d in fortnight:
        at = instant(d.value["occurred_at"])
        identity = (d.topic, d.key, d.value.get("event_id"))
        found["duplicate"] += identity[2] is not None and identity in copies
        copies.add(identity)
        found["respelled"] += isinstance(d.value["ticket_id"], int)
        found["late"] += d.deliver_at - at > 20 * 60_000
        found["older than the one before"] += at < newest
        newest = max(newest, at)
        found["ahead"] += at > d.deliver_at
        if d.topic == "ticket-opened":
            opened.setdefault(d.key, at)
        found["before its opening"] += at < opened.get(d.key, 0)
    assert min(found.values()) > 50
