"""Deadlines: the lists of single tickets equal a scan of all tickets, whatever has happened."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core import deadline, record
from cxstream.core.cycle import AT_RISK, OVERDUE, STATES
from cxstream.core.deadline import LISTS, PAUSED, Deadline, Deadlines
from cxstream.core.event import AgentReplied, AnyEvent, Opened, Resolved, Updated
from cxstream.core.ledger import Ledger
from cxstream.core.policy import FIRST_REPLY, NEXT_REPLY, TARGETS, PolicyHistory
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.core.tally import Tally
from tests.core import test_sla
from tests.core.sla import MINUTE, STANDARD, at
from tests.core.test_exactness import messages
from tests.core.test_sla import Worker, some_policies
from tests.oracle.histories import Event, histories, lines

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTING = partial(Ledger, lists=True)


def scanned(ledger: Ledger, names: Iterable[tuple[str, str]]) -> dict[str, list[tuple[object, ...]]]:
    """Every list, made by looking at every clock of every ticket."""
    found: dict[str, list[tuple[object, ...]]] = {name: [] for name in LISTS}
    for source, ticket_id in names:
        ticket = ledger.ticket(source, ticket_id)
        if ticket is None or ticket.clocks is None:
            continue
        for kind, cycle in ticket.clocks.running.items():
            due = PAUSED if cycle.due is None else cycle.due
            key = record.key_of(source, ticket_id)
            told = (due, key, kind, cycle.state, cycle.started, ticket.clocks.traits.labels)
            if kind in {FIRST_REPLY, NEXT_REPLY}:
                found["waiting"].append(told)
            if cycle.state in {AT_RISK, OVERDUE}:
                found[STATES[cycle.state]].append(told)
    return {name: sorted(rows) for name, rows in found.items()}


def listed(ledger: Ledger, name: str, limit: int) -> list[tuple[object, ...]]:
    assert ledger.deadlines is not None
    return [
        (one.due, one.key, one.kind, one.state, one.started, one.labels)
        for one in ledger.deadlines.first(name, limit)
    ]


@given(history=histories(), seed=st.integers(0, 2**32 - 1))
def test_the_lists_are_those_of_a_scan(history: list[Event], seed: int) -> None:
    rng = random.Random(seed)
    delivered = [message for message in messages(lines(history)) if message]
    if not delivered:
        return
    times = sorted(message.event.at for message in delivered)
    end = times[-1] + rng.choice((0, HOUR, 3 * DAY))
    changes = sorted({rng.randrange(times[0], end + 1) for _ in range(rng.choice((0, 1)))})
    policies = PolicyHistory(some_policies(rng), *((change, some_policies(rng)) for change in changes))
    rng.shuffle(delivered)
    names = {(message.source, message.ticket_id) for message in delivered}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_sla, "Ledger", LISTING)
        patch.setattr(deadline, "_SPARE", rng.choice((0, 64)))
        worker = Worker(Rules(policies=policies), times[0])
        for message in delivered:
            worker.deliver(message)
            match rng.randrange(6):
                case 0:
                    worker.commit()
                case 1:
                    worker.crash()
                case 2 | 3:
                    worker.fire(rng.choice((rng.choice(times), end)))
            expected = scanned(worker.ledger, names)
            limit = rng.choice((1, 3, 100))
            for name, rows in expected.items():
                assert listed(worker.ledger, name, limit) == rows[:limit]
                assert worker.ledger.deadlines is not None
                assert worker.ledger.deadlines.count(name) == len(rows)


def test_a_day_of_a_ticket() -> None:
    rules = Rules(policies=STANDARD)
    ledger = LISTING(rules, Tally(rules), {}, at("02 09:00"))

    def act(*events: AnyEvent, until: str) -> dict[str, list[str]]:
        for event in events:
            ledger.apply("default", "1", event, now=at(until), arrived=at(until))
        while ledger.fire(at(until) + 1):
            pass
        assert ledger.deadlines is not None
        return {
            name: [one.target for one in ledger.deadlines.first(name, 10)]
            for name in LISTS
            if ledger.deadlines.count(name)
        }

    opening = Opened(at("02 09:00"), "o", "billing", "email")
    assert act(opening, until="02 09:00") == {"waiting": ["first_reply"]}
    assert act(until="02 12:00") == {"waiting": ["first_reply"], "at_risk": ["first_reply"]}
    assert act(until="02 13:00") == {"waiting": ["first_reply"], "breached": ["first_reply"]}
    assert act(AgentReplied(at("02 14:00"), "r"), until="02 14:00") == {}
    assert act(until="04 12:00") == {
        "at_risk": ["agent_work", "first_resolution"],
        "breached": ["periodic_update"],
    }
    paused = act(Updated(at("04 12:00"), "u", status="pending"), until="04 12:00")
    assert paused["at_risk"] == ["first_resolution", "agent_work"], "what is paused comes last"
    assert ledger.deadlines is not None
    assert ledger.deadlines.first("at_risk", 10)[-1].due == PAUSED
    assert act(Resolved(at("05 14:00"), "s"), until="05 14:00") == {}


def test_what_is_out_of_date_goes_before_it_is_more_than_half() -> None:
    rules = Rules(policies=STANDARD)
    ledger = LISTING(rules, Tally(rules), {}, at("02 09:00"))
    opened, now = at("02 09:00"), at("02 09:30")
    for number in range(1_000):
        ledger.apply("default", str(number), Opened(opened + number, "o"), now=now, arrived=now)
    for number in range(995):
        ledger.apply("default", str(number), AgentReplied(now + number, "r"), now=now, arrived=now)
    assert ledger.deadlines is not None
    assert ledger.deadlines.count("waiting") == 5
    assert len(ledger.deadlines._heaps["waiting"]) <= 2 * 5 + deadline._SPARE
    names = [record.names_of(one.key)[1] for one in ledger.deadlines.first("waiting", 3)]
    assert names == ["995", "996", "997"]


def test_the_first_of_many_are_found_without_looking_at_the_others() -> None:
    class Counted(Deadlines):
        looked = 0

        def _stands(self, one: Deadline) -> bool:
            self.looked += 1
            return super()._stands(one)

    rules = Rules(policies=STANDARD)
    ledger = LISTING(rules, Tally(rules), {}, at("02 09:00"))
    ledger.deadlines = Counted()
    now = at("02 09:30")
    for number in random.Random(1).sample(range(2_000), 2_000):
        ledger.apply("default", str(number), Opened(now - number, "o"), now=now, arrived=now)
    found = [record.names_of(one.key)[1] for one in ledger.deadlines.first("waiting", 20)]
    assert found == [str(number) for number in range(1_999, 1_979, -1)]
    assert ledger.deadlines.looked == 20


def test_a_forgotten_ticket_is_in_no_list() -> None:
    deadlines = Deadlines()
    rules = Rules(policies=STANDARD)
    ledger = LISTING(rules, Tally(rules), {}, at("02 09:00"))
    ledger.apply("default", "1", Opened(at("02 09:00"), "o"), now=at("02 09:00"), arrived=0)
    ticket = ledger.ticket("default", "1")
    assert ticket is not None
    deadlines.follow(b"tdefault\x001", ticket.clocks)
    assert [one.target for one in deadlines.first("waiting", 9)] == [TARGETS[FIRST_REPLY]]
    deadlines.follow(b"tdefault\x001", None)
    assert deadlines.first("waiting", 9) == []
    assert ledger.forget(MINUTE) == 0
