"""The backlog against counting all tickets anew."""

import random
from itertools import pairwise

import pytest

from cxstream.core.backlog import Backlog, Row
from cxstream.core.change import AWAITING, IN_PROGRESS, NOTHING, RESOLVED_NOW, VOID, Summary
from cxstream.core.pane import AGE_BOUNDS
from cxstream.core.rules import DAY, Rules

NOW = 1_772_452_800_000
TEAMS = ("billing", "vip", "none")


def naive(tickets, now):
    groups = {}
    for ticket in tickets:
        if ticket.state in {AWAITING, IN_PROGRESS}:
            groups.setdefault(ticket.labels[:1], []).append(ticket)
    found = {}
    for group, members in groups.items():
        ages = [max(0, now - ticket.opening) for ticket in members]
        limits = [-1, *AGE_BOUNDS, float("inf")]
        awaiting = [ticket.opening for ticket in members if ticket.state == AWAITING]
        found[group] = Row(
            len(awaiting),
            len(members) - len(awaiting),
            min(ticket.opening for ticket in members),
            [sum(low < age <= high for age in ages) for low, high in pairwise(limits)],
            sum(ages),
            min(awaiting, default=None),
        )
    return found


@pytest.mark.parametrize("seed", range(20))
def test_whatever_moves_the_rows_are_those_of_the_tickets(seed):
    rng = random.Random(seed)
    backlog = Backlog(Rules(labels=("team",)))
    tickets = [NOTHING] * 40
    for step in range(3_000):
        number = rng.randrange(len(tickets))
        before = tickets[number]
        labels = (rng.choice(TEAMS), "email", "none", "none", "none")
        if before.opening is not None and rng.random() < 0.6:
            opening, labels = before.opening, before.labels if rng.random() < 0.7 else labels
        else:
            opening = NOW - rng.choice((0, 1, *AGE_BOUNDS)) + rng.choice((-1, 0, 1, -DAY))
        state = rng.choice((AWAITING, AWAITING, IN_PROGRESS, RESOLVED_NOW, VOID))
        tickets[number] = Summary(state, labels, opening)
        backlog.move(before, tickets[number])
        if step % 7 == 0:
            assert backlog.rows(NOW) == naive(tickets, NOW)
    assert backlog.rows(NOW) == naive(tickets, NOW)


def test_the_rows_of_two_partitions_are_one():
    one = Row(1, 2, 50, [1, 2], 30, 60)
    other = Row(0, 1, 40, [0, 1], 5, None)
    assert one.plus(other) == Row(1, 3, 40, [1, 3], 35, 60)
    assert other.plus(other).oldest_awaiting is None
