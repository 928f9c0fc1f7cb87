"""SLA clocks in a ledger: any order, duplicates, crashes and moments of firing come to what the batch says."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core import timeline
from cxstream.core.calendar import AlwaysOpen, Calendar
from cxstream.core.condition import Every, Field
from cxstream.core.cycle import OUTCOMES
from cxstream.core.event import AgentReplied, Opened, Resolved
from cxstream.core.ledger import Ledger
from cxstream.core.policy import Policies, Policy, PolicyHistory
from cxstream.core.report import Batch
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally
from tests.core.sla import MINUTE, OFFICE, STANDARD, at, standard, target
from tests.core.test_exactness import WALL, messages
from tests.oracle.histories import Event, histories, lines

if TYPE_CHECKING:
    from cxstream.core.ledger import Move
    from cxstream.core.reading import Message

NIGHT = Calendar("night", ZoneInfo("America/New_York"), dict.fromkeys(range(7), ((0, 300), (1320, 1440))))
ALWAYS = AlwaysOpen("always", ZoneInfo("UTC"))


def some_policies(rng: random.Random) -> Policies:
    """Short and long targets on several calendars, so that everything happens in a random history."""

    def layer(name: str) -> dict[str, Any]:
        chosen = rng.sample(list(standard()), rng.randrange(1, 8))
        return {
            kind: target(
                kind,
                rng.choice((1, 10, 60, 240, 3_000)) * MINUTE,
                *rng.choice(((), ("pending",), ("pending", "on_hold"), ("open", "new"))),
                policy=name,
                calendar=rng.choice((OFFICE, NIGHT, ALWAYS, ALWAYS)),
            )
            for kind in chosen
        }

    first = Policy("first", Field("team", ("billing", "s*")), layer("first"))
    urgent = {rng.choice(("urgent", "high", "none")): layer("rest")}
    rest = Policy("rest", Every(()), layer("rest"), urgent, {"email": layer("rest")})
    return Policies(
        [first, rest], calendar=OFFICE, authors=frozenset(rng.choice((("agent",), ("agent", "bot"))))
    )


class Worker:
    """A ledger whose rows and moves are kept together or not at all."""

    def __init__(self, rules: Rules, now: int) -> None:
        self.rules, self.now = rules, now
        self.table: dict[bytes, bytes] = {}
        self.log: list[Message] = []
        self.committed = 0
        self.told: list[Move] = []
        self.ledger = Ledger(rules, Tally(rules), self.table, now, tells=True)

    def apply(self, message: Message) -> None:
        self.ledger.apply(message.source, message.ticket_id, message.event, now=self.now, arrived=WALL)

    def deliver(self, message: Message) -> None:
        self.log.append(message)
        self.apply(message)

    def commit(self) -> None:
        self.told += self.ledger.take_moves()
        self.ledger.drain()
        self.committed = len(self.log)

    def fire(self, now: int) -> None:
        self.now = max(self.now, now)
        self.ledger.advance(self.now)
        while self.ledger.fire(self.now, limit=3) == 3:
            pass

    def crash(self) -> None:
        self.table = dict(self.table)
        self.ledger = Ledger(self.rules, Tally(self.rules), self.table, self.now, tells=True)
        for _ in self.ledger.rebuild(self.now, chunk=1):
            pass
        for message in self.log[self.committed :]:
            self.apply(message)


def worked(answer: dict[str, Any]) -> dict[str, Any]:
    """The parts of an answer that come from SLA clocks and the business clock, as far as both sides keep them."""
    parts = {"sla": answer["sla"]}
    for name in ("first_response_business", "resolution_business"):
        parts[name] = {key: answer[name][key] for key in ("count", "sum_seconds", "mean_seconds")}
    if "windows" in answer:
        parts["windows"] = {name: worked(window) for name, window in answer["windows"].items()}
    return parts


@pytest.mark.parametrize("page_events", [2, timeline.PAGE_EVENTS])
@given(history=histories(), seed=st.integers(0, 2**32 - 1))
def test_whatever_happens_the_ledger_says_what_the_batch_says(
    page_events: int, history: list[Event], seed: int
) -> None:
    rng = random.Random(seed)
    delivered = [message for message in messages(lines(history)) if message]
    if not delivered:
        return
    times = sorted(message.event.at for message in delivered)
    end = times[-1] + rng.choice((0, 1, HOUR, 3 * DAY))
    changes = sorted({rng.randrange(times[0], end + 1) for _ in range(rng.choice((0, 0, 1, 2)))})
    policies = PolicyHistory(some_policies(rng), *((change, some_policies(rng)) for change in changes))
    rules = Rules(policies=policies, max_skew=rng.choice((0, HOUR, DAY)))
    batch = Batch(rules)
    for message in delivered:
        batch.add(message)
    delivered += rng.choices(delivered, k=rng.randrange(4))
    rng.shuffle(delivered)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "PAGE_EVENTS", page_events)
        worker = Worker(rules, times[0])
        for message in delivered:
            worker.deliver(message)
            match rng.randrange(8):
                case 0 | 1:
                    worker.commit()
                case 2:
                    worker.crash()
                case 3 | 4:
                    worker.fire(rng.choice((rng.choice(times), rng.randrange(times[0], end + 1))))
        worker.fire(end)
        expected = worked(batch.answer(at=end))
        assert worked(snapshot([worker.ledger], rules, end)) == expected
        worker.commit()
        worker.crash()
        worker.fire(end)
        assert worked(snapshot([worker.ledger], rules, end)) == expected
        assert worker.ledger.take_moves() == []
        standing = {
            (ticket.frame.source, ticket.ticket_id, transition.key)
            for ticket, _ in batch.standing(end)
            for transition in ticket.transitions()
            if transition.kind in OUTCOMES
        }
        assert left(worker.told) == standing


def left(moves: list[Move]) -> set[tuple[str, str, tuple[int, int, int, int]]]:
    """The outcomes that a reader of the topic holds at the end; nothing is told twice while it stands."""
    found = set()
    for move in moves:
        name = (move.source, move.ticket_id, move.transition.key)
        if move.disproved:
            found.remove(name)
        elif move.transition.kind in OUTCOMES:
            assert name not in found
            found.add(name)
    return found


# -- the ledger


class Bench:
    """A ledger under the policy of the specification."""

    def __init__(self, now: int, policies: PolicyHistory = STANDARD) -> None:
        self.rules = Rules(policies=policies)
        self.tally = Tally(self.rules)
        self.table: dict[bytes, bytes] = {}
        self.now = now
        self.ledger = Ledger(self.rules, self.tally, self.table, now, tells=True)

    def apply(self, *events: Any, ticket: str = "1") -> None:
        for event in events:
            self.ledger.apply("default", ticket, event, now=self.now, arrived=self.now)

    def fire(self, now: int) -> list[tuple[str, str]]:
        self.now = now
        while self.ledger.fire(now + 1) == 500:
            pass
        return [(move.ticket_id, move.transition.target.name) for move in self.ledger.take_moves()]

    def sla(self) -> Any:
        self.ledger.advance(self.now)
        return snapshot([self.ledger], self.rules, self.now)["sla"]["standard"]


def test_a_breach_counts_at_its_deadline_with_no_event() -> None:
    bench = Bench(at("02 09:00"))
    bench.apply(Opened(at("02 09:00"), "o", "billing", "email"))
    bench.ledger.take_moves()
    assert bench.ledger.due == at("02 12:00"), "the first warning"
    assert bench.fire(at("02 11:59")) == []
    assert bench.fire(at("02 12:00")) == [("1", "first_reply")]
    assert bench.sla()["first_reply"] == {
        "met": 0, "met_late": 0, "breached": 0, "attainment": None, "open": 1, "at_risk": 1,
    }  # fmt: skip
    assert bench.fire(at("02 13:00")) == [("1", "first_reply"), ("1", "first_reply")]
    assert bench.sla()["first_reply"] == {
        "met": 0, "met_late": 0, "breached": 1, "attainment": 0.0, "open": 0, "at_risk": 0,
    }  # fmt: skip
    assert dict(bench.tally.evaluations) == {(0, "breached", ("billing", "email", "none")): 1}
    bench.apply(AgentReplied(at("02 13:30"), "r"))
    assert bench.sla()["first_reply"]["met_late"] == 1
    assert bench.tally.evaluations[0, "met_late", ("billing", "email", "none")] == 1


def test_history_raises_no_alarm() -> None:
    bench = Bench(at("04 09:00"))
    bench.apply(Opened(at("02 09:00"), "o"))
    bench.fire(at("04 09:00"))
    assert bench.sla()["first_reply"]["breached"] == 1
    assert not bench.tally.evaluations


def test_firing_goes_in_bounded_steps_and_looks_at_what_is_due_only() -> None:
    bench = Bench(at("02 09:00"))
    for number in range(10):
        bench.apply(Opened(at("02 09:00") + number * MINUTE, "o"), ticket=str(number))
    assert bench.ledger.fire(at("02 11:00")) == 0
    assert [bench.ledger.fire(at("02 12:09") + 1, limit=4) for _ in range(4)] == [4, 4, 2, 0]
    assert len({move.ticket_id for move in bench.ledger.take_moves()}) == 10


def test_a_clock_that_an_event_moves_is_looked_at_once() -> None:
    bench = Bench(
        at("02 09:00"),
    )
    bench.apply(Opened(at("02 09:00"), "o"))
    for minute in range(5):
        bench.apply(AgentReplied(at(f"02 09:1{minute}"), f"r{minute}"))
    looked = 0
    while bench.ledger.due is not None and bench.ledger.due < at("31 09:00"):
        looked += bench.ledger.fire(bench.ledger.due + 1, limit=1)
    assert looked < 20
    assert bench.ledger.due is None, "all clocks that run are breached"


def test_a_ticket_that_is_forgotten_leaves_its_clocks() -> None:
    bench = Bench(at("02 09:00"))
    bench.apply(Opened(at("02 09:00"), "o"), Resolved(at("02 10:00"), "x"))
    bench.ledger.take_moves()
    bench.ledger.drain()
    wall = at("02 10:00") + 31 * DAY
    assert bench.ledger.forget(wall) == 1
    assert not any(bench.ledger.clocks.values())
    assert bench.fire(wall) == []


def test_business_time_where_the_calendar_closes() -> None:
    events = [Opened(at("02 16:00"), "o"), AgentReplied(at("03 11:30"), "r"), Resolved(at("06 16:00"), "x")]
    for policies, closes in (
        (STANDARD, True),
        (
            PolicyHistory(
                Policies(
                    [
                        Policy(
                            "standard",
                            Every(()),
                            {"first_reply": target("first_reply", HOUR, calendar=ALWAYS)},
                        )
                    ],
                    calendar=ALWAYS,
                )
            ),
            False,
        ),
    ):
        bench = Bench(at("06 16:00"), policies)
        bench.apply(*events)
        told = snapshot([bench.ledger], bench.rules, bench.now)
        assert ("first_response_business" in told) == closes
        if closes:
            assert told["first_response_business"]["sum_seconds"] == 3.5 * 3_600
            assert told["resolution_business"]["sum_seconds"] == 32 * 3_600
            assert told["resolution"]["sum_seconds"] == 345_600
