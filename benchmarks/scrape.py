"""What a scrape costs: per sample, whatever the number of tickets; and how long it keeps the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import uvloop

from benchmarks.spread import median
from cxstream.metrics.exposition import Form
from cxstream.metrics.scrape import Scrapes
from tests.metrics.observed import NOON, Worker

SIZES: Final = ((1, 200), (3, 200), (3, 20_000), (10, 2_000), (30, 2_000), (100, 5_000))
"""Teams (each on four channels and two priorities) and tickets."""
SMALL: Final = ((1, 50), (3, 50), (3, 200))
REPEATS: Final = 15
GOAL: Final = 2.0
"""µs per sample."""
GOAL_BLOCK: Final = 20.0
"""ms for which the loop may be kept."""
_CHANNELS: Final = ("email", "web", "chat", "phone")
_PRIORITIES: Final = ("normal", "high")


@dataclass
class Options:
    """No team is folded into `other`."""

    teams: tuple[str, ...] = ()
    max_label_values: int = 1_000


def measure(sizes: tuple[tuple[int, int], ...] = SIZES, repeats: int = REPEATS) -> dict[str, Any]:
    """One row per size."""
    return {"sizes": [_size(teams, tickets, repeats) for teams, tickets in sizes], "goal_us_per_sample": GOAL}


def filled(teams: int, tickets: int) -> Worker:
    """A worker without Kafka: each ticket opened, answered, resolved and rated three times in the last hours."""
    worker = Worker()
    for number in range(tickets):
        worker.lives(
            number,
            team=f"team-{number % teams}",
            channel=_CHANNELS[number // teams % len(_CHANNELS)],
            priority=_PRIORITIES[number // teams // len(_CHANNELS) % len(_PRIORITIES)],
            at=NOON - 3_600_000 - number % 3_600 * 1_000,
        )
        worker.opens(
            f"open-{number}", NOON - number, team=f"team-{number % teams}", channel=_CHANNELS[number % 4]
        )
        if number % 500 == 0:
            worker.settle()
    worker.settle()
    return worker


def _size(teams: int, tickets: int, repeats: int) -> dict[str, Any]:
    worker = filled(teams, tickets)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return {"teams": teams, "tickets": 2 * tickets, **runner.run(_scrapes(worker, repeats))}


async def _scrapes(worker: Worker, repeats: int) -> dict[str, Any]:
    scrapes = Scrapes(worker, Options())
    plain, packed = Form(openmetrics=False, gzip=False), Form(openmetrics=False, gzip=True)
    started = perf_counter()
    body = await scrapes.body(plain)
    first = perf_counter() - started
    samples = sum(not line.startswith(b"#") for line in body.splitlines())
    took: dict[Form, list[float]] = {plain: [], packed: []}
    for _ in range(repeats):
        for form, times in took.items():
            worker.clock += 1_000  # as time passes between two scrapes
            started = perf_counter()
            await scrapes.body(form)
            times.append(perf_counter() - started)
    blocked = await _longest_block(scrapes, plain, repeats)
    seconds = median(took[plain])
    return {
        "samples": samples,
        "bytes": len(body),
        "first_ms": round(first * 1e3, 2),
        "ms": round(seconds * 1e3, 2),
        "gzip_ms": round(median(took[packed]) * 1e3, 2),
        "us_per_sample": round(seconds / samples * 1e6, 2),
        "loop_kept_ms": round(blocked * 1e3, 2),
    }


async def _longest_block(scrapes: Scrapes, form: Form, repeats: int) -> float:
    """Seconds for which the loop, at the longest, does not turn during a scrape; median over some scrapes."""
    longest = []
    for _ in range(repeats):
        scrape = asyncio.create_task(scrapes.body(form))
        worst, before = 0.0, perf_counter()
        while not scrape.done():
            await asyncio.sleep(0)
            now = perf_counter()
            worst, before = max(worst, now - before), now
        longest.append(worst)
    return median(longest)


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    out = [
        f"{'teams':>6}{'tickets':>9}{'samples':>9}{'ms':>9}{'gzip ms':>9}{'µs/sample':>11}{'loop kept ms':>14}"
    ]
    out += [
        f"{row['teams']:6}{row['tickets']:9,}{row['samples']:9,}{row['ms']:9.2f}{row['gzip_ms']:9.2f}"
        f"{row['us_per_sample']:11.2f}{row['loop_kept_ms']:14.2f}"
        for row in found["sizes"]
    ]
    reached = all(row["us_per_sample"] <= GOAL for row in found["sizes"] if row["samples"] > 1_000)
    kept = all(row["loop_kept_ms"] <= GOAL_BLOCK for row in found["sizes"])
    out.append(f"goal ≤ {GOAL} µs per sample: {'reached' if reached else 'missed'}")
    out.append(f"goal loop kept ≤ {GOAL_BLOCK:.0f} ms: {'reached' if kept else 'missed'}")
    return out
