"""SLA clocks against their naive oracle: two programs that share no code agree on every outcome."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from cxstream.core.change import VOID
from cxstream.core.cycle import CANCELLED, OUTCOMES, TRANSITIONS
from cxstream.core.ledger import Ledger
from cxstream.core.partitioner import partition_of
from cxstream.core.policy import PolicyHistory
from cxstream.core.reading import Message, key_of, read_line
from cxstream.core.report import Batch
from cxstream.core.rules import Rules
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally
from cxstream.settings.policy_text import parse_policies
from tests.core.test_exactness import assert_same
from tests.oracle.sla import Levels, service_levels
from tests.oracle.sla_histories import POLICIES, Event, History, Policy, policed_histories, redelivered
from tests.oracle.test_sla_oracle import customer, opened, replied, t, updated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_READ = {name: parse_policies(json.dumps(policy)) for name, policy in POLICIES.items()}
_TOLD = {TRANSITIONS[kind] for kind in (*OUTCOMES, CANCELLED)}
_LATEST = 1 << 60

Outcome = tuple[str, str, str, int, str, int, str, int, int]
"""Source, ticket, target, cycle, what, when, policy, business and calendar time elapsed."""


def compiled(policy: Policy | History) -> PolicyHistory:
    """The same policy as the product reads it."""
    first, *changes = policy if isinstance(policy, list) else [(0, policy)]

    def read(file: Policy) -> Any:
        return next(_READ[name] for name, each in POLICIES.items() if each is file)

    return PolicyHistory(read(first[1]), *((since, read(file)) for since, file in changes))


def messages(events: Iterable[Event]) -> list[Message]:
    return [read_line(json.dumps(event).encode(), latest=_LATEST) for event in events]


def expected(levels: Levels) -> set[Outcome]:
    """What the oracle tells."""
    return {
        (
            told.source, told.ticket_id, told.target, told.cycle, told.type,
            told.occurred_at, told.policy, told.business_ms, told.calendar_ms,
        )
        for told in levels.events
        if told.type in _TOLD
    }  # fmt: skip


def outcomes(batch: Batch, now: int) -> Iterator[Outcome]:
    """What the product tells."""
    for ticket, _ in batch.standing(now):
        for each in ticket.transitions():
            if each.kind in {*OUTCOMES, CANCELLED}:
                yield (
                    ticket.frame.source, ticket.ticket_id, each.target.name, each.cycle, TRANSITIONS[each.kind],
                    each.at, each.target.policy, each.used, each.passed,
                )  # fmt: skip


def filled(report: dict[str, Any]) -> dict[str, Any]:
    """A section ``sla`` without what holds no number."""
    kept = {
        policy: {name: counts for name, counts in targets.items() if any(counts.values())}
        for policy, targets in report.items()
    }
    return {policy: targets for policy, targets in kept.items() if targets}


# With the first update nothing is promised any more: the clock is cancelled.
PROMISED_AGAIN: tuple[list[Event], Policy, int] = (
    [
        opened("mon 1:00", opened_by="customer", team="back-office", priority="high"),
        replied("mon 2:00"),
        customer("mon 3:00"),
        updated("mon 4:00", priority="normal"),
        customer("mon 5:00"),
        updated("mon 6:00", team="night"),
    ],
    next(
        each for each in POLICIES.values() if "no-promise" in {policy["name"] for policy in each["policies"]}
    ),
    t("mon 7:00"),
)
"""The message that was not answered keeps the next one from no clock."""


@example(asked=PROMISED_AGAIN)
@given(asked=policed_histories())
def test_the_report_equals_the_oracle(asked: tuple[list[Event], Policy | History, int]) -> None:
    events, policy, now = asked
    levels = service_levels(events, policy, now=now)
    batch = Batch(Rules(policies=compiled(policy)))
    for message in messages(events):
        batch.add(message)
    standing = [ticket for ticket, _ in batch.standing(now)]
    void = {(each.frame.source, each.ticket_id) for each in standing if each.summary.state == VOID}
    told, tells = expected(levels), set(outcomes(batch, now))
    assert {each for each in tells if each[:2] not in void} == {each for each in told if each[:2] not in void}
    assert tells <= told  # of a void ticket only that its clocks were cancelled
    assert_same(levels.report, filled(batch.answer(at=now)["sla"]))


@given(asked=policed_histories(), seed=st.integers(0, 2**32 - 1), partitions=st.integers(1, 4))
def test_ledgers_equal_the_oracle_in_any_order(
    asked: tuple[list[Event], Policy | History, int], seed: int, partitions: int
) -> None:
    events, policy, now = asked
    rng = random.Random(seed)
    heard = [event for event in events if event["occurred_at"] <= now]
    rules = Rules(policies=compiled(policy))
    ledgers = [Ledger(rules, Tally(rules), {}, now) for _ in range(partitions)]
    for source, ticket_id, event in (
        (m.source, m.ticket_id, m.event) for m in messages(redelivered(rng, heard))
    ):
        ledger = ledgers[partition_of(key_of(source, ticket_id), partitions)]
        ledger.apply(source, ticket_id, event, now=now, arrived=now)
        if rng.randrange(4) == 0:
            ledger.fire(rng.randrange(now - 10**9, now + 1))
    for ledger in ledgers:
        while ledger.fire(now, limit=2) == 2:
            pass
    assert_same(service_levels(events, policy, now=now).report, filled(snapshot(ledgers, rules, now)["sla"]))
