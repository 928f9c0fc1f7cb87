"""A machine that delivers, writes, tears writes off, crashes and hands over in any order; the oracle is always right.

Hypothesis chooses the history and every step, and shrinks a failure to the shortest way there. The changelog has no
transactions here, so a write may be cut off anywhere within it: that is the worst a broker can do.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import hypothesis
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cxstream.core import timeline
from cxstream.core.ledger import Ledger
from cxstream.core.partitioner import partition_of
from cxstream.core.reading import Message, key_of
from cxstream.core.rules import DAY, HOUR
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally
from tests.core.test_exactness import WALL, assert_same, kept, messages, rules_of
from tests.oracle.answer import answer, written
from tests.oracle.histories import Event, histories, lines, question

MARKS = b"m"


class Sent(NamedTuple):
    """A record: the line as the oracle reads it, the message as the product does."""

    line: str
    message: Message


class Part:
    """A partition: its topic, its changelog, and what its present owner has made of both."""

    def __init__(self) -> None:
        self.topic: list[Sent] = []
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.position = 0
        """Records applied by the present owner."""
        self.reach = 0
        """The furthest position of which the changelog holds a row."""
        self.ledger: Ledger

    def table(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for key, value in self.changelog:
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
        return found

    @property
    def whole(self) -> bool:
        """Whether everything that the changelog tells has been read again."""
        return self.position >= self.reach


class Machine(RuleBasedStateMachine):
    @initialize(
        history=histories(),
        seed=st.integers(0, 2**32 - 1),
        partitions=st.integers(1, 4),
        page_events=st.sampled_from([2, 5, timeline.PAGE_EVENTS]),
    )
    def begin(self, history: list[Event], seed: int, partitions: int, page_events: int) -> None:
        rng = random.Random(seed)
        self.page_events, timeline.PAGE_EVENTS = timeline.PAGE_EVENTS, page_events
        self.questions = question(rng, history) | {"by": None}
        self.rules_ = rules_of(self.questions)
        text = lines(history)
        self.coming = [Sent(line, m) for line, m in zip(text, messages(text), strict=True) if m is not None]
        self.coming += [rng.choice(self.coming) for _ in range(rng.randrange(4)) if self.coming]
        rng.shuffle(self.coming)
        self.end = max((sent.message.event.at for sent in self.coming), default=WALL) + rng.choice(
            (0, HOUR, 3 * DAY)
        )
        self.now = self.end - rng.choice((0, HOUR, 9 * DAY))
        self.parts = [Part() for _ in range(partitions)]
        self.expected: dict[tuple[str, ...], Any] = {}
        for part in self.parts:
            self.take_over(part)

    def teardown(self) -> None:
        if hasattr(self, "page_events"):
            timeline.PAGE_EVENTS = self.page_events

    def take_over(self, part: Part) -> None:
        """A new owner has the changelog and nothing else."""
        table = part.table()
        part.position = int(table.pop(MARKS, b"0"))
        part.ledger = Ledger(self.rules_, Tally(self.rules_), table, self.now)
        for _ in part.ledger.rebuild(self.now, chunk=1):
            pass

    def part(self, number: int) -> Part:
        return self.parts[number % len(self.parts)]

    # -- what happens -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.coming)
    @rule(count=st.integers(1, 12))
    def publish(self, count: int) -> None:
        for _ in range(min(count, len(self.coming))):
            sent = self.coming.pop()
            key = key_of(sent.message.source, sent.message.ticket_id)
            self.parts[partition_of(key, len(self.parts))].topic.append(sent)

    @rule(number=st.integers(0, 3), count=st.integers(1, 12))
    def apply(self, number: int, count: int) -> None:
        part = self.part(number)
        for sent in part.topic[part.position : part.position + count]:
            message = sent.message
            part.ledger.apply(message.source, message.ticket_id, message.event, now=self.now, arrived=WALL)
            part.position += 1

    @rule(number=st.integers(0, 3))
    def write(self, number: int) -> None:
        part = self.part(number)
        part.changelog += self.drained(part)
        part.reach = max(part.reach, part.position)

    @rule(number=st.integers(0, 3), share=st.floats(0, 1))
    def tear(self, number: int, share: float) -> None:
        """A write of which the broker gets a part, the marks being its last row; the owner is gone."""
        part = self.part(number)
        rows = self.drained(part)
        got = rows[: round(share * (len(rows) - 1))]
        part.changelog += got
        if got:
            part.reach = max(part.reach, part.position)
        self.take_over(part)

    @rule(number=st.integers(0, 3))
    def crash(self, number: int) -> None:
        self.take_over(self.part(number))

    @rule(number=st.integers(0, 3))
    def compact(self, number: int) -> None:
        """Of each key the last row is left, in its place; what is deleted goes too."""
        part = self.part(number)
        last = {key: index for index, (key, _) in enumerate(part.changelog)}
        part.changelog = [
            row for index, row in enumerate(part.changelog) if last[row[0]] == index and row[1] is not None
        ]

    @rule(step=st.integers(0, DAY))
    def advance(self, step: int) -> None:
        self.now = min(self.end, self.now + step)
        for part in self.parts:
            part.ledger.advance(self.now)

    @staticmethod
    def drained(part: Part) -> list[tuple[bytes, bytes | None]]:
        return [*part.ledger.drain(), (MARKS, b"%d" % part.position)]

    # -- what holds ---------------------------------------------------------------------------------------------

    @invariant()
    def the_ledgers_equal_the_oracle(self) -> None:
        if not hasattr(self, "parts"):
            return
        whole = [part for part in self.parts if part.whole]
        heard = tuple(sent.line for part in whole for sent in part.topic[: part.position])
        if heard not in self.expected:
            asked = self.questions | {"at": written(self.end)}
            self.expected[heard] = kept(answer(heard, wall_now_ms=WALL, **asked))
        expected = self.expected[heard]
        note(f"{len(heard)} events in {len(whole)} of {len(self.parts)} partitions")
        got = snapshot([part.ledger for part in whole], self.rules_, self.end)
        assert_same(expected, {key: kept(got[key]) for key in expected})


TestMachine = Machine.TestCase
TestMachine.settings = hypothesis.settings(
    # Five times as many histories as other properties have, so 1,000, and 20,000 with `make test-deep`.
    max_examples=min(20_000, 5 * hypothesis.settings().max_examples),
    stateful_step_count=30,
)
