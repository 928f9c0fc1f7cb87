"""Two workers that share the partitions, against one: processor time per event, and throughput.

The workers are there before the events: each run starts its workers on empty topics, waits until the partitions are
dealt out, and publishes all events as fast as it goes.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.events import Record, records
from benchmarks.running import PARTITIONS, Failed, RunningWorker, progress, settings_for, wait_until_applied
from benchmarks.throughput import publish_records, rates
from cxstream.stream import topics

EVENTS: Final = 200_000
SMALL: Final = 2_000
GOAL: Final = 1.25
_DEALT: Final = 60.0
"""Seconds until each worker has its partitions."""
_SLOW: Final = 300.0


def measure(address: str, count: int = EVENTS, prefix: str = "bench-") -> dict[str, Any]:
    """One, then two."""
    made = list(records(count))
    one, two = (_run(address, number, made, f"{prefix}workers-{number}") for number in (1, 2))
    return {
        "events": count,
        "one": one,
        "two": two,
        "ratio": round(two["cpu_us_per_event"] / one["cpu_us_per_event"], 3),
        "throughput_ratio": round(two["events_per_second"] / one["events_per_second"], 2),
    }


def _run(address: str, number: int, made: list[Record], name: str) -> dict[str, Any]:
    settings = settings_for(address, name, f"{name}.")
    asyncio.run(topics.create(settings))
    progress(f"{number} of {number} workers, {len(made):,} events")
    with ExitStack() as stack:
        workers = [stack.enter_context(RunningWorker(settings)) for _ in range(number)]
        _wait_until_dealt(workers)
        started, cpu = time.perf_counter(), [worker.cpu() for worker in workers]
        asyncio.run(publish_records(settings, made))
        if wait_until_applied(workers, len(made), _SLOW) < len(made):
            raise Failed(f"{number} workers have not applied {len(made):,} events in {_SLOW:.0f} s")
        seconds = time.perf_counter() - started
        used = [worker.cpu() - before for worker, before in zip(workers, cpu, strict=True)]
    return rates(
        {
            "events": len(made),
            "seconds": seconds,
            "cpu_seconds": sum(used),
            "cpu_seconds_each": [round(each, 2) for each in used],
        }
    )


def _wait_until_dealt(workers: list[RunningWorker]) -> None:
    share = PARTITIONS // len(workers)
    deadline = time.monotonic() + _DEALT
    while any(len(worker.snapshot()["partitions"]) != share or worker.reason() for worker in workers):
        if time.monotonic() > deadline:
            raise Failed(f"not each of {len(workers)} workers has {share} partitions after {_DEALT:.0f} s")
        time.sleep(0.1)


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    out = [
        f"{name:6}{found[name]['cpu_us_per_event']:8.2f} µs of processor time per event,"
        f" {found[name]['events_per_second']:,} events/s beside the publisher"
        for name in ("one", "two")
    ]
    verdict = "reached" if found["ratio"] <= GOAL else "missed"
    out.append(
        f"processor time {found['ratio']} times, goal {GOAL}: {verdict}; throughput {found['throughput_ratio']}"
    )
    return out
