"""How the cost of an event grows with windows, labels and partitions, in the core, without Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import process_time
from typing import Any, Final

from benchmarks.core import DRAIN_EVERY, one_pass, reading_of
from benchmarks.events import Record, records
from benchmarks.running import default_rules
from cxstream.core.ledger import Ledger
from cxstream.core.partitioner import partition_of
from cxstream.core.rules import DEFAULT_WINDOWS
from cxstream.core.tally import Tally
from cxstream.core.window import parse_windows

EVENTS: Final = 30_000
SMALL: Final = 1_000
REPEATS: Final = 2
WINDOWS: Final = (
    "1h/1m",
    DEFAULT_WINDOWS,
    "15m/1m,1h/1m,6h/15m,today/15m,24h/15m,week/2h,7d/2h,30d/6h",
)
LABELS: Final = ((), ("team",), ("team", "channel"), ("team", "channel", "priority"))
"""Of windows and counters alike."""
PARTITIONS: Final = (1, 4, 16, 64)


def measure(count: int = EVENTS, repeats: int = REPEATS) -> dict[str, Any]:
    """µs of processor time per event, reading excluded."""
    made = list(records(count))
    rules = default_rules()

    def cost(**changed: Any) -> float:
        passes = [one_pass(made, replace(rules, **changed)) for _ in range(repeats)]
        return round(min(each.apply + each.advance + each.drain for each in passes) / count * 1e6, 2)

    return {
        "events": count,
        "windows": {text: cost(windows=parse_windows(text)) for text in WINDOWS},
        "labels": {
            ", ".join(labels) or "none": cost(labels=labels, window_labels=labels) for labels in LABELS
        },
        "partitions": {
            str(number): round(min(_dealt(made, number) for _ in range(repeats)) / count * 1e6, 2)
            for number in PARTITIONS
        },
    }


def _dealt(made: Sequence[Record], partitions: int) -> float:
    """Seconds for the same events on so many ledgers."""
    rules = default_rules()
    tally = Tally(rules)
    ledgers = [Ledger(rules, tally, {}) for _ in range(partitions)]
    seconds = 0.0
    for start in range(0, len(made), DRAIN_EVERY):
        chunk = made[start : start + DRAIN_EVERY]
        placed = [
            (ledgers[partition_of(each.key, partitions)], message)
            for each, message in zip(chunk, reading_of(chunk), strict=True)
        ]
        before = process_time()
        now = max(message.event.at for _, message in placed)
        for ledger, (_, source, ticket_id, event) in placed:
            ledger.apply(source, ticket_id, event, now=now, arrived=now)
        for ledger in ledgers:
            ledger.advance(now)
            ledger.drain()
        seconds += process_time() - before
    return seconds


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    return [
        f"{name} {each}: {cost} µs"
        for name in ("windows", "labels", "partitions")
        for each, cost in found[name].items()
    ]
