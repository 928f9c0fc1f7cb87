"""A small helpdesk: memory of a worker with 1,000 tickets, and how long it takes from its start until it is ready."""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import Any, Final

from benchmarks.events import Record, records
from benchmarks.running import RunningWorker, progress, settings_for, state_when_ready
from benchmarks.spread import median
from benchmarks.throughput import follow, publish_records

TICKETS: Final = 1_000
STARTS: Final = 3
SCRAPES: Final = 20
GOAL_MB: Final = 120
GOAL_SECONDS: Final = 3.0


def of_tickets(count: int) -> list[Record]:
    """The simulated helpdesk's events until so many tickets are known."""
    known: set[bytes] = set()
    found = []
    for record in islice(records(20 * count), 20 * count):
        known.add(record.key)
        if len(known) > count:
            break
        found.append(record)
    return found


def measure(
    address: str, tickets: int = TICKETS, starts: int = STARTS, prefix: str = "bench-"
) -> dict[str, Any]:
    """Apply their events once, then start anew some times."""
    made = of_tickets(tickets)
    settings = settings_for(address, f"{prefix}footprint", f"{prefix}footprint.")
    asyncio.run(publish_records(settings, made))
    progress(f"{len(made):,} events of {tickets:,} tickets")
    applied = follow(settings, len(made))
    ready, cpu, resident = [], [], []
    for _ in range(starts):
        with RunningWorker(settings) as worker:
            found = state_when_ready(worker)
            ready.append(found["seconds"])
            cpu.append(found["cpu_seconds"])
            for _ in range(SCRAPES):
                worker.get("/metrics")
                worker.snapshot()
                time.sleep(0.05)
            resident.append(worker.resident())
    return {
        "tickets": applied["tickets"],
        "events": len(made),
        "resident_mb_after_events": applied["resident_mb"],
        "resident_mb": round(max(resident) / 1e6, 1),
        "ready_seconds": round(median(ready), 2),
        "ready_cpu_seconds": round(median(cpu), 2),
        "starts": [round(each, 2) for each in ready],
    }


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    most = max(found["resident_mb"], found["resident_mb_after_events"])
    fits = "reached" if most <= GOAL_MB else "missed"
    quick = "reached" if found["ready_seconds"] <= GOAL_SECONDS else "missed"
    out = [f"{found['tickets']:,} tickets: {found['resident_mb']} MB after a start and some scrapes"]
    out.append(
        f"{found['resident_mb_after_events']} MB after {found['events']:,} events; goal {GOAL_MB}: {fits}"
    )
    out.append(
        f"ready after {found['ready_seconds']} s ({found['starts']}), {found['ready_cpu_seconds']} s of processor time;"
        f" goal {GOAL_SECONDS}: {quick}"
    )
    return out
