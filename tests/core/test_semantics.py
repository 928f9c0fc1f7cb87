"""`docs/semantics.md`: every timeline gives the numbers that stand below it.

A `jsonl` block is read as a file by the report and by the oracle, and one event at a time by a ledger. A block with
`now` runs in a ledger only, because a report knows no worker's clock; `later` goes on with that ledger.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cxstream.core.instant import parse_instant
from cxstream.core.ledger import Ledger
from cxstream.core.reading import Refused, read_line
from cxstream.core.report import Batch
from cxstream.core.rules import DAY, Rules
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally
from cxstream.core.window import parse_windows
from tests.oracle.answer import answer as oracle

DOCUMENT = Path(__file__).parents[2] / "docs" / "semantics.md"
WALL = parse_instant("2027-01-01T00:00:00Z")
"""The wall clock of reports: after every event of the document, so that none is refused as `future`."""

_FENCE = re.compile(r"^```(\w+)?(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPTIONS = {"jsonl": {"now", "later"}, "json": {"at", "by", "timezone", "windows", "now"}}
_BATCH_ONLY = {"by", "total", "duplicate", "invalid", "max_seconds"}
"""Keys of a report that a worker's snapshot does not have, or not as exactly."""

Options = dict[str, str]


@dataclass
class Block:
    """A fenced block: its line in the document, the options behind the language, and the text."""

    line: int
    options: Options
    text: str


@dataclass
class Example:
    """Events and what they add up to; in an example with a worker's clock there may be more events later."""

    steps: list[tuple[str, Block]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return "now" in self.steps[0][1].options

    def __str__(self) -> str:
        return f"line-{self.steps[0][1].line}"


def examples(document: str) -> list[Example]:
    found: list[Example] = []
    for match in _FENCE.finditer(document):
        language, info, text = match.groups()
        options = {name: value for name, _, value in (word.partition("=") for word in info.split())}
        block = Block(document.count("\n", 0, match.start()) + 1, options, text)
        assert language in _OPTIONS and options.keys() <= _OPTIONS[language], f"line {block.line}"
        if language == "jsonl" and "later" not in options:
            found.append(Example())
        found[-1].steps.append((language, block))
    return found


EXAMPLES = examples(DOCUMENT.read_text(encoding="utf-8"))
REPORTS = [example for example in EXAMPLES if not example.live]
WORKERS = [example for example in EXAMPLES if example.live]


def excerpt(whole: Any, wanted: Any) -> Any:
    """`whole`, cut down to the keys of `wanted`; of a list as many elements, in order."""
    if isinstance(wanted, dict) and isinstance(whole, dict):
        return {
            name: excerpt(whole[name], value) if name in whole else "missing"
            for name, value in wanted.items()
        }
    if isinstance(wanted, list) and isinstance(whole, list) and len(whole) == len(wanted):
        return [excerpt(each, value) for each, value in zip(whole, wanted, strict=True)]
    return whole


def rules_of(options: Options) -> Rules:
    rules: dict[str, Any] = {}
    if "timezone" in options:
        rules["timezone"] = ZoneInfo(options["timezone"])
    if "windows" in options:
        rules["windows"] = parse_windows(options["windows"])
    return Rules(**rules)


def lines_of(block: Block) -> list[str]:
    return block.text.splitlines()


def instant_of(options: Options, name: str) -> int | None:
    return parse_instant(options[name]) if name in options else None


def expectations(example: Example) -> list[tuple[Block, Any]]:
    return [(block, json.loads(block.text)) for language, block in example.steps if language == "json"]


def orders(lines: list[str]) -> list[list[str]]:
    shuffled = random.Random(1).sample(lines, len(lines))
    return [lines, lines[::-1], shuffled]


def report(lines: list[str], options: Options) -> Any:
    batch = Batch(rules_of(options))
    for line in lines:
        try:
            batch.add(read_line(line.encode(), latest=WALL))
        except Refused:
            batch.invalid += 1
    return batch.answer(at=instant_of(options, "at"), by=options.get("by"))


class Worker:
    """What a worker does with events and time, without Kafka."""

    def __init__(self, rules: Rules, now: int) -> None:
        self.rules = rules
        self.now = now
        self.tally = Tally(rules)
        self.ledger = Ledger(rules, self.tally, {}, now)
        self.results: Counter[str] = Counter()

    def move(self, now: int) -> None:
        self.now = now
        self.ledger.drain()
        self.ledger.advance(now)
        self.ledger.forget(now)

    def take(self, lines: list[str]) -> None:
        for line in lines:
            try:
                told = read_line(line.encode(), latest=self.now + DAY)
            except Refused:
                self.results["invalid"] += 1
                continue
            result = self.ledger.apply(
                told.source, told.ticket_id, told.event, now=self.now, arrived=self.now
            )
            self.results[result] += 1

    def answer(self) -> Any:
        counted: Counter[str] = Counter()
        for (flow, _), count in self.tally.flows.items():
            counted[flow] += count
        for (measure, _), histogram in self.tally.measures.items():
            counted[measure] += sum(histogram.counts)
        none = dict.fromkeys(
            ("opened", "resolved", "reopened", "first_response", "response", "resolution"), 0
        )
        return snapshot([self.ledger], self.rules, self.now) | {
            "results": dict(self.results),
            "counted": none | counted,
        }


def without(wanted: Any, names: set[str]) -> Any:
    if not isinstance(wanted, dict):
        return wanted
    return {name: without(value, names) for name, value in wanted.items() if name not in names}


def test_every_block_belongs_to_an_example():
    assert len(REPORTS) > 60
    assert len(WORKERS) > 8
    for example in EXAMPLES:
        assert example.steps[0][0] == "jsonl" and example.steps[-1][0] == "json"
        for language, block in example.steps:
            assert ("now" in block.options) == example.live, f"line {block.line}"
            for line in lines_of(block) if language == "jsonl" else ():
                assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("example", REPORTS, ids=str)
def test_the_report_says_so_in_any_order_of_arrival(example):
    for lines in orders(lines_of(example.steps[0][1])):
        for block, wanted in expectations(example):
            assert excerpt(report(lines, block.options), wanted) == wanted, f"line {block.line}"


@pytest.mark.parametrize("example", REPORTS, ids=str)
def test_the_oracle_says_so(example):
    for block, wanted in expectations(example):
        found = oracle(lines_of(example.steps[0][1]), wall_now_ms=WALL, **block.options)
        assert excerpt(found, wanted) == wanted, f"line {block.line}"


@pytest.mark.parametrize("example", REPORTS, ids=str)
def test_a_worker_says_so_in_any_order_of_arrival(example):
    for lines in orders(lines_of(example.steps[0][1])):
        for block, wanted in expectations(example):
            known = without(wanted, _BATCH_ONLY)
            at = parse_instant(report(lines, block.options)["at"] or "2026-03-02T09:00:00Z")
            worker = Worker(rules_of(block.options), at)
            worker.take([line for line in lines if parse_instant(json.loads(line)["occurred_at"]) <= at])
            assert excerpt(worker.answer(), known) == known, f"line {block.line}"


@pytest.mark.parametrize("example", WORKERS, ids=str)
def test_a_worker_says_so_at_its_own_time(example):
    worker = None
    for language, block in example.steps:
        now = parse_instant(block.options["now"])
        if worker is None:
            worker = Worker(Rules(), now)
        worker.move(now)
        if language == "jsonl":
            worker.take(lines_of(block))
        else:
            wanted = json.loads(block.text)
            assert excerpt(worker.answer(), wanted) == wanted, f"line {block.line}"


def test_the_document_links_to_every_section():
    text = DOCUMENT.read_text(encoding="utf-8")
    linked = re.findall(r"^\d+\. \[(.+)\]\(#(.+)\)$", text, re.MULTILINE)
    sections = re.findall(r"^## \d+ (.+)$", text, re.MULTILINE)
    assert [name for name, _ in linked] == sections
    for number, (name, anchor) in enumerate(linked, 1):
        assert anchor == re.sub(r"[^\w -]", "", f"{number} {name}".lower()).replace(" ", "-")
