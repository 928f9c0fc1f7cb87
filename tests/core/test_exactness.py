"""The product against the naive oracle: two programs that share no code agree on random histories."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from cxstream.core import timeline
from cxstream.core.ledger import Ledger
from cxstream.core.partitioner import partition_of
from cxstream.core.reading import Message, Refused, key_of, read_line
from cxstream.core.report import Batch
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally
from cxstream.core.window import parse_windows
from tests.oracle.answer import answer, instant, written
from tests.oracle.histories import Event, histories, lines, question, questioned_histories

if TYPE_CHECKING:
    from collections.abc import Iterator

WALL = int(time.time() * 1000)


def rules_of(asked: dict[str, Any]) -> Rules:
    return Rules(
        windows=parse_windows(asked["windows"]),
        timezone=ZoneInfo(asked["timezone"]),
        max_skew=asked.get("max_skew_ms", DAY),
    )


def messages(text: list[str]) -> Iterator[Message | None]:
    for line in text:
        try:
            yield read_line(line.encode(), latest=WALL + DAY)
        except Refused:
            yield None


def same(a: Any, b: Any) -> bool:
    """Equal; ratios and means of surveys to nine digits, as both are fractions turned into floats."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float | int):
        return a == pytest.approx(b, rel=1e-9, abs=1e-9)
    return bool(a == b)


def differences(a: Any, b: Any, path: str = "") -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from differences(a.get(key), b.get(key), f"{path}/{key}")
    elif not same(a, b):
        yield f"{path}: oracle {a}, product {b}"


def assert_same(expected: Any, got: Any) -> None:
    if not same(expected, got):
        pytest.fail("\n".join(differences(expected, got)))


_NOT_KEPT = {
    "at",
    "max_seconds",
    "p50_seconds",
    "p90_seconds",
    "p95_seconds",
    "buckets",
    "total",
    "duplicate",
    "invalid",
}


def kept(told: Any) -> Any:
    """An answer without what a worker does not keep: exact percentiles, maxima, counts of records."""
    if not isinstance(told, dict):
        return told
    return {key: kept(value) for key, value in told.items() if key not in _NOT_KEPT}


@given(questioned_histories())
def test_the_report_equals_the_oracle(asked: tuple[list[Event], dict[str, Any]]) -> None:
    history, questions = asked
    text = lines(history)
    expected = answer(text, wall_now_ms=WALL, **questions)
    batch = Batch(rules_of(questions))
    for message in messages(text):
        if message is None:
            batch.invalid += 1
        else:
            batch.add(message)
    at = instant(questions["at"]) if "at" in questions else None
    assert_same(expected, batch.answer(at=at, by=questions["by"]))


def test_a_report_of_nothing_has_windows_that_hold_nothing() -> None:
    questions = {"windows": "1h/1m,today/15m", "timezone": "Asia/Kathmandu", "by": None}
    assert_same(answer([], wall_now_ms=WALL, **questions), Batch(rules_of(questions)).answer())


class Cluster:
    """Partitions with their tables and logs, and workers that may die at any moment."""

    def __init__(self, rules: Rules, partitions: int, now: int) -> None:
        self.rules = rules
        self.now = now
        self.logs: list[list[Message]] = [[] for _ in range(partitions)]
        self.tables: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
        self.committed = [0] * partitions
        self.ledgers = [Ledger(rules, Tally(rules), table, now) for table in self.tables]

    def deliver(self, message: Message) -> None:
        partition = partition_of(key_of(message.source, message.ticket_id), len(self.logs))
        self.logs[partition].append(message)
        self._apply(partition, message)

    def _apply(self, partition: int, message: Message) -> None:
        self.ledgers[partition].apply(
            message.source, message.ticket_id, message.event, now=self.now, arrived=WALL
        )

    def commit(self, partition: int) -> None:
        self.ledgers[partition].drain()
        self.committed[partition] = len(self.logs[partition])

    def crash(self, partition: int) -> None:
        """The worker is gone with all that was not committed; another takes the table and goes on from there."""
        self.tables[partition] = dict(self.tables[partition])
        self.ledgers[partition] = Ledger(self.rules, Tally(self.rules), self.tables[partition], self.now)
        for _ in self.ledgers[partition].rebuild(self.now, chunk=1):
            pass
        for message in self.logs[partition][self.committed[partition] :]:
            self._apply(partition, message)

    def advance(self, now: int) -> None:
        self.now = now
        for ledger in self.ledgers:
            ledger.advance(now)

    def snapshot(self, now: int) -> dict[str, Any]:
        return snapshot(self.ledgers, self.rules, now)


@pytest.mark.parametrize("page_events", [2, 5, timeline.PAGE_EVENTS])
@given(history=histories(), seed=st.integers(0, 2**32 - 1), partitions=st.integers(1, 4))
def test_the_ledger_equals_the_oracle_whatever_happens(
    page_events: int, history: list[Event], seed: int, partitions: int
) -> None:
    rng = random.Random(seed)
    questions = question(rng, history)
    rules = rules_of(questions)
    text = lines(history)
    delivered = [(line, message) for line, message in zip(text, messages(text), strict=True) if message]
    if not delivered:
        return
    delivered += [rng.choice(delivered) for _ in range(rng.randrange(4))]
    rng.shuffle(delivered)
    got: dict[str, Any] = {}
    end = max(message.event.at for _, message in delivered) + rng.choice((0, 1, HOUR, 3 * DAY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "PAGE_EVENTS", page_events)
        cluster = Cluster(rules, partitions, end - rng.choice((0, HOUR, 9 * DAY)))
        for index, (_, message) in enumerate(delivered):
            cluster.deliver(message)
            partition = rng.randrange(partitions)
            match rng.randrange(8):
                case 0 | 1:
                    cluster.commit(partition)
                case 2:
                    cluster.crash(partition)
                case 3:
                    cluster.advance(min(end, cluster.now + rng.randrange(DAY)))
            if index == len(delivered) - 1 or rng.randrange(10) == 0:
                note(f"after {index + 1} of {len(delivered)} events")
                heard = [line for line, _ in delivered[: index + 1]]
                expected = kept(
                    answer(heard, wall_now_ms=WALL, **questions | {"by": None, "at": written(end)})
                )
                got = cluster.snapshot(end)
                assert_same(expected, {key: kept(got[key]) for key in expected})
        cluster.advance(end)
        moved = cluster.snapshot(end)
        assert moved == got
        for partition in range(partitions):
            cluster.commit(partition)
            cluster.crash(partition)
        assert cluster.snapshot(end) == got
