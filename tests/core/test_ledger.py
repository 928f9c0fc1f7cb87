"""The ledger: results, cumulative counts, retention, recovery; its numbers are tested in test_exactness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from cxstream.core import record
from cxstream.core.event import AgentReplied, AnyEvent, CustomerReplied, Opened, Resolved, SurveyAnswered
from cxstream.core.foreign import FORMAT, FormatError
from cxstream.core.ledger import Ledger
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally

if TYPE_CHECKING:
    from cxstream.core.tally import Result

NOW = 1_772_445_600_000
MINUTE = 60_000
GROUP = ("billing", "email", "none")


class Bench:
    """A ledger with a clock that stands still unless it is moved."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.tally = Tally(self.rules)
        self.table: dict[bytes, bytes] = {}
        self.now = NOW
        self.ledger = Ledger(self.rules, self.tally, self.table, NOW)

    def apply(self, *events: AnyEvent, ticket: str = "1") -> list[Result]:
        return [
            self.ledger.apply("default", ticket, event, now=self.now, arrived=self.now) for event in events
        ]

    def recover(self) -> None:
        self.ledger.drain()
        self.ledger = Ledger(self.rules, self.tally, self.table, self.now)
        for _ in self.ledger.rebuild(self.now):
            pass


@pytest.fixture
def bench() -> Bench:
    return Bench()


def opened(ago: int, event_id: str = "o", by: str = "customer") -> Opened:
    return Opened(NOW - ago, event_id, "billing", "email", opened_by=by)


def test_every_event_has_one_result(bench: Bench) -> None:
    assert bench.apply(opened(HOUR), opened(HOUR)) == ["applied", "duplicate"]
    assert bench.apply(AgentReplied(NOW - 3 * DAY, "r"), ticket="2") == ["orphan"]
    assert bench.apply(Opened(NOW - 9 * DAY, "o"), ticket="3") == ["late"]
    assert bench.apply(opened(2 * HOUR)) == ["duplicate"], (
        "a copy that takes the place of another is still a copy"
    )


def test_measurements_are_counted_when_first_made(bench: Bench) -> None:
    bench.apply(opened(HOUR), AgentReplied(NOW - 50 * MINUTE, "r"), Resolved(NOW - 40 * MINUTE, "x"))
    bench.apply(Opened(NOW - 30 * MINUTE, "again"), Resolved(NOW - 20 * MINUTE, "y"))
    assert bench.tally.flows == {("opened", GROUP): 1, ("resolved", GROUP): 2, ("reopened", GROUP): 1}
    assert sum(bench.tally.measures["first_response", GROUP].counts) == 1
    assert bench.tally.measures["first_response", GROUP].total == 10 * MINUTE
    assert sum(bench.tally.measures["resolution", GROUP].counts) == 2, "what was counted is never taken back"


def test_a_correction_is_not_counted_again(bench: Bench) -> None:
    bench.apply(opened(HOUR), AgentReplied(NOW - 50 * MINUTE, "r"))
    bench.apply(CustomerReplied(NOW - 55 * MINUTE, "late", "vip"), opened(90 * MINUTE, "earlier"))
    assert bench.ledger.retained.histogram("first_response")[1] == 40 * MINUTE
    assert {key: sum(h.counts) for key, h in bench.tally.measures.items()} == {
        ("first_response", GROUP): 1,
        ("response", GROUP): 1,
    }


def test_a_void_ticket_that_returns_is_not_counted_again(bench: Bench) -> None:
    bench.apply(opened(50 * MINUTE), AgentReplied(NOW - 40 * MINUTE, "r"))
    bench.apply(Resolved(NOW - 30 * MINUTE, "x", outcome="spam"))
    assert not any(bench.ledger.retained.values()), "a void ticket leaves every live number"
    assert bench.ledger.counts.void == 1
    bench.apply(Opened(NOW - 20 * MINUTE, "again"))
    assert sum(bench.tally.measures["first_response", GROUP].counts) == 1
    assert bench.tally.flows == {("opened", GROUP): 1, ("resolved", GROUP): 1, ("reopened", GROUP): 1}


def test_history_moves_live_values_only(bench: Bench) -> None:
    bench.apply(opened(3 * HOUR), AgentReplied(NOW - HOUR - 1, "r"))
    assert bench.ledger.retained.flow("opened") == 1
    assert not bench.tally.flows
    assert not bench.tally.measures


def test_recovery_counts_nothing_and_changes_nothing(bench: Bench) -> None:
    bench.apply(opened(HOUR), AgentReplied(NOW - MINUTE, "r"), Resolved(NOW, "x"))
    bench.apply(SurveyAnswered(NOW, "s", survey="csat", score="5"), opened(MINUTE, "o2"), ticket="2")
    before, counted = snapshot([bench.ledger], bench.rules, NOW), dict(bench.tally.flows)
    bench.recover()
    assert snapshot([bench.ledger], bench.rules, NOW) == before
    assert bench.tally.flows == counted
    assert bench.ledger.newest == NOW


def test_a_resolved_ticket_is_forgotten_after_the_retention(bench: Bench) -> None:
    bench.apply(opened(HOUR), Resolved(NOW, "x"))
    bench.apply(opened(HOUR), ticket="still open")
    bench.ledger.drain()
    assert bench.ledger.forget(NOW + bench.rules.retention) == 0
    assert bench.ledger.forget(NOW + bench.rules.retention + 2 * HOUR) == 1
    assert bench.ledger.counts.resolved == 0
    assert bench.ledger.counts.open == 1
    assert bench.ledger.drain() == [(record.key_of("default", "1"), None)]
    assert bench.table.keys() == {record.key_of("default", "still open")}


def test_an_event_for_a_forgotten_ticket_is_an_orphan_even_before_the_sweep(bench: Bench) -> None:
    bench.apply(opened(HOUR), Resolved(NOW, "x"))
    bench.recover()
    bench.now = NOW + bench.rules.retention + 1
    assert bench.apply(AgentReplied(bench.now, "r")) == ["orphan"]
    bench.recover()
    assert bench.ledger.counts.opened == 0
    assert bench.ledger.counts.orphans == 1


def test_retention_counts_from_the_arrival_if_that_is_later(bench: Bench) -> None:
    bench.apply(Opened(NOW - 400 * DAY, "o"), Resolved(NOW - 399 * DAY, "x"))
    bench.recover()
    assert bench.ledger.forget(NOW + bench.rules.retention) == 0
    assert bench.apply(AgentReplied(NOW - 398 * DAY, "r")) == ["late"]


def test_forgetting_goes_in_bounded_steps(bench: Bench) -> None:
    for number in range(10):
        bench.apply(opened(HOUR), Resolved(NOW, "x"), ticket=str(number))
    bench.recover()
    later = NOW + bench.rules.retention + 2 * HOUR
    assert [bench.ledger.forget(later, limit=4) for _ in range(4)] == [4, 4, 2, 0]
    bench.ledger.drain()
    assert not bench.table


def test_marks_of_the_stream_are_left_alone(bench: Bench) -> None:
    bench.table[b"m"] = b"anything"
    bench.apply(opened(HOUR))
    bench.recover()
    assert bench.table[b"m"] == b"anything"
    assert bench.ledger.counts.entries == 1


def test_a_newer_format_is_refused(bench: Bench) -> None:
    bench.table[record.key_of("default", "1")] = msgspec.msgpack.encode([FORMAT + 100, {"other": "shape"}])
    with pytest.raises(FormatError, match=r"has format 2\.0, this version of cxstream reads 1\.x"):
        bench.apply(opened(HOUR))


def test_names_with_separators_do_not_collide(bench: Bench) -> None:
    bench.ledger.apply("a", "b\0c", opened(HOUR), now=NOW, arrived=NOW)
    bench.ledger.apply("a/b", "c", opened(HOUR), now=NOW, arrived=NOW)
    bench.ledger.apply("a", "b/c", opened(HOUR), now=NOW, arrived=NOW)
    bench.recover()
    assert bench.ledger.counts.open == 3
    assert bench.ledger.ticket("a", "b\0c") is not None


def test_backlog_by_state_and_age(bench: Bench) -> None:
    bench.apply(opened(30 * MINUTE))
    bench.apply(opened(5 * HOUR), AgentReplied(NOW, "r"), ticket="2")
    bench.apply(opened(-MINUTE), ticket="ahead of now")
    bench.apply(opened(2 * DAY, by="agent"), ticket="4")
    (row,) = bench.ledger.backlog.rows(NOW).values()
    assert (row.awaiting, row.in_progress) == (2, 2)
    assert row.oldest == NOW - 2 * DAY
    assert row.age_sum == 30 * MINUTE + 5 * HOUR + 2 * DAY
    assert row.ages == [2, 0, 1, 0, 1, 0, 0, 0]
    assert row.oldest_awaiting == NOW - 30 * MINUTE
    bench.apply(Resolved(NOW, "x"), ticket="4")
    (row,) = bench.ledger.backlog.rows(NOW).values()
    assert row.oldest == NOW - 5 * HOUR
