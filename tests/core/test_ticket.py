"""A ticket's cost and its storage; what it measures is tested in test_exactness and test_semantics."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core import account, record, ticket, timeline
from cxstream.core.event import (
    AgentReplied,
    AnyEvent,
    CustomerReplied,
    Opened,
    Resolved,
    SurveyAnswered,
    Updated,
)
from cxstream.core.measure import fold, step
from cxstream.core.rules import DAY
from cxstream.core.ticket import Ticket

START = 1_700_000_000_000


def conversation(number: int) -> list[AnyEvent]:
    events: list[AnyEvent] = [Opened(START, "o", "billing", "email", "normal")]
    for i in range(number):
        at = START + 1_000 * (i + 1)
        if i % 2:
            events.append(AgentReplied(at, f"e{i}", "billing"))
        else:
            events.append(CustomerReplied(at, f"e{i}"))
    return events


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of events folded, per call."""
    if not str(ticket.__file__).endswith(".py"):
        pytest.skip("compiled code calls its own functions directly")
    calls: list[int] = []

    def counting(events: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(len(events))
        return fold(events, *args, **kwargs)

    def stepping(*args: Any) -> None:
        calls.append(1)
        step(*args)

    monkeypatch.setattr(account, "fold", counting)
    monkeypatch.setattr(ticket, "step", stepping)
    return calls


def test_an_event_on_a_long_ticket_costs_no_more_than_on_a_short_one(folded: list[int]) -> None:
    long = Ticket("default", "1", DAY)
    for event in conversation(20_000):
        long.insert(event)
    assert sum(folded) == 20_001, "in order, every event is folded once"
    record.changes(b"t", long)
    rng = random.Random(1)
    for i in range(300):
        folded.clear()
        # late, early, on the same instant as another, in the middle
        at = START + 1_000 * rng.randrange(1, 20_000) + rng.choice((0, 500))
        event = rng.choice((AgentReplied(at, f"late{i}"), CustomerReplied(at, f"late{i}")))
        long.insert(event)
        assert sum(folded) <= 4 * timeline.PAGE_EVENTS
        rows = record.changes(b"t", long)
        assert sum(len(value or b"") for _, value in rows) <= 3 * 70 * timeline.PAGE_EVENTS
        assert sum(value is not None for _, value in rows) <= 3
        assert len(rows) <= 3 + timeline.LEAP


def test_a_duplicate_on_a_long_ticket_is_not_looked_for_in_vain(folded: list[int]) -> None:
    long = Ticket("default", "1", DAY)
    events = conversation(1_000)
    for event in events:
        long.insert(event)
    folded.clear()
    for event in events:
        assert long.insert(event) is None
    assert not folded


def some_events(rng: random.Random) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    for i in range(rng.randrange(1, 30)):
        at = START + rng.randrange(-5, 20) * 1_000
        events.append(
            rng.choice(
                (
                    Opened(at, f"{i % 7}", rng.choice((None, "a", "b"))),
                    Updated(at, f"{i}", human_since=rng.choice((None, at - 1_000))),
                    AgentReplied(at, f"{i % 11}", public=rng.random() < 0.8),
                    CustomerReplied(at, f"{i}"),
                    Resolved(at, f"{i % 9}", outcome=rng.choice(("solved", "spam"))),
                    SurveyAnswered(at, f"{i}", survey="csat", score=str(rng.randrange(1, 6))),
                )
            )
        )
    return events


def stored_pages(table: dict[bytes, bytes]) -> Ticket:
    loaded = record.load(record.key_of("default", "1"), table, DAY)
    assert loaded is not None
    return loaded


@given(st.integers(0, 2**32 - 1))
def test_a_write_that_is_cut_off_anywhere_loses_nothing(seed: int) -> None:
    rng = random.Random(seed)
    key = record.key_of("default", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "PAGE_EVENTS", rng.choice((2, 3, 4)))
        events = some_events(rng)
        whole = Ticket("default", "1", DAY)
        for event in events:
            whole.insert(event)
        table: dict[bytes, bytes] = {}
        current = Ticket("default", "1", DAY)
        written = 0
        while written < len(events):
            upto = min(len(events), written + rng.randrange(1, 6))
            for event in events[written:upto]:
                current.insert(event)
            rows = record.changes(key, current)
            cut = rng.randrange(len(rows) + 1) if rng.random() < 0.5 else len(rows)
            for row_key, value in rows[:cut]:
                if value is None:
                    table.pop(row_key, None)
                else:
                    table[row_key] = value
            if cut == len(rows):
                written = upto
            elif key in table:  # the worker died: what was not acknowledged comes again
                current = stored_pages(table)
            else:
                current = Ticket("default", "1", DAY)
        after = stored_pages(table)
        assert sorted(after.measurements()) == sorted(whole.measurements())
        assert after.summary == whole.summary
        assert list(after.timeline) == list(whole.timeline)
