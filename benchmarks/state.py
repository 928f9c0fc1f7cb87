"""What tickets cost while they are kept: memory, recovery until ready, and the throughput of a worker full of them.

A worker recovers first the open tickets alone, then the resolved ones too, with events waiting in the topics; another
one applies the same events beginning with nothing.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import fill
from benchmarks.events import START
from benchmarks.running import (
    ROOT,
    Failed,
    RunningWorker,
    compiled,
    progress,
    settings_for,
    state_when_ready,
)
from benchmarks.throughput import follow, publish, rates
from cxstream.settings import Settings
from cxstream.stream import topics

OPEN: Final = 1_000_000
RESOLVED: Final = 3_000_000
EVENTS: Final = 200_000
"""Applied by the full worker and by the empty one."""
SMALL: Final = (2_000, 2_000, 2_000)
PATIENCE: Final = 600.0
"""Seconds that a recovery may take."""
GOAL_BYTES: Final = 700
GOAL_RECOVERY: Final = 50_000  # tickets/s
GOAL_THROUGHPUT: Final = 0.85


def measure(
    address: str,
    opened: int = OPEN,
    resolved: int = RESOLVED,
    events: int = EVENTS,
    prefix: str = "bench-",
    *,
    compiling: bool = True,
) -> dict[str, Any]:
    """Both recoveries, the first one by a compiled core as well, and both throughputs."""
    source = settings_for(address, f"{prefix}state-empty", f"{prefix}state.")
    full = settings_for(address, f"{prefix}state-full", source.topic_prefix)
    quiet = settings_for(address, full.app, f"{prefix}quiet.")  # the same state, and no events yet
    progress(f"publishing {events:,} events")
    asyncio.run(publish(source, events))
    asyncio.run(topics.create(quiet))
    nothing = _recovery(settings_for(address, f"{prefix}state-none", quiet.topic_prefix), 0)

    progress(f"writing {opened:,} open tickets into a changelog")
    asyncio.run(topics.create(full))
    written = _write(full, fill.open_tickets(opened))
    progress("recovering them")
    first = _recovery(quiet, opened)
    first["stored_bytes_per_ticket"] = round(written / opened, 1)
    first["resident_bytes_per_ticket"] = round((first["resident"] - nothing["resident"]) / opened, 1)
    if compiling and (place := compiled()) is not None:
        progress("recovering them with a compiled core")
        first["compiled"] = _recovery(quiet, opened, place)

    progress(f"writing {resolved:,} resolved tickets")
    written = _write(full, fill.resolved_tickets(resolved))
    progress("recovering all, and applying events")
    second = follow(full, events, patience=PATIENCE)
    total = opened + resolved
    progress("the same events, beginning with nothing")
    empty = rates(follow(source, events))
    return {
        "open_tickets": opened,
        "resolved_tickets": resolved,
        "events": events,
        "empty_resident_mb": round(nothing["resident"] / 1e6, 1),
        "empty_ready_seconds": round(nothing["seconds"], 2),
        "open": first,
        "all": {
            "recovery": _told(second["ready"], total),
            "stored_bytes_per_resolved_ticket": round(written / resolved, 1),
            "resident_bytes_per_ticket": round(
                (second["ready"]["resident"] - nothing["resident"]) / total, 1
            ),
            "resident_bytes_per_resolved_ticket": round(
                (second["ready"]["resident"] - first["resident"]) / resolved, 1
            ),
            "resident_mb_after_events": second["resident_mb"],
            **rates({name: second[name] for name in ("events", "seconds", "cpu_seconds")}),
        },
        "empty": empty,
        "throughput_ratio": round(rates(second)["events_per_second"] / empty["events_per_second"], 3),
        "cpu_ratio": round(rates(second)["cpu_us_per_event"] / empty["cpu_us_per_event"], 3),
    }


def _write(settings: Settings, stories: Any) -> int:
    """Bytes of keys and values written."""
    size = 0

    def measured() -> Any:
        nonlocal size
        for key, value in fill.rows(stories, time.time_ns() // 1_000_000, START):
            size += len(key) + len(value)
            yield key, value

    asyncio.run(fill.write(settings, measured()))
    return size


def _recovery(settings: Settings, tickets: int, place: Path = ROOT) -> dict[str, Any]:
    """Start a worker, and look at it when it is ready."""
    with RunningWorker(settings, place=place) as worker:
        found = _told(state_when_ready(worker, PATIENCE), tickets)
        if (kept := worker.total("cxstream_table_entries")) != tickets:
            raise Failed(f"the worker has recovered {kept:,.0f} tickets of {tickets:,}")
        return found


def _told(found: dict[str, Any], tickets: int) -> dict[str, Any]:
    return {
        **found,
        "seconds": round(found["seconds"], 2),
        "tickets": tickets,
        "tickets_per_second": round(tickets / found["seconds"]),
        "cpu_us_per_ticket": round(found["cpu_seconds"] / max(tickets, 1) * 1e6, 2),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    whole, first, empty = found["all"], found["open"], found["empty"]
    more = whole["recovery"]
    out = [f"empty: {found['empty_resident_mb']} MB, ready after {found['empty_ready_seconds']} s"]
    out.append(
        f"{found['open_tickets']:,} open: {first['stored_bytes_per_ticket']} bytes stored and"
        f" {first['resident_bytes_per_ticket']} resident each; ready after {first['seconds']} s,"
        f" {first['tickets_per_second']:,} tickets/s, {first['cpu_us_per_ticket']} µs of processor time each"
    )
    if (quick := first.get("compiled")) is not None:
        out.append(
            f"with a compiled core after {quick['seconds']} s, {quick['tickets_per_second']:,} tickets/s,"
            f" {quick['cpu_us_per_ticket']} µs"
        )
    out.append(
        f"{found['resolved_tickets']:,} resolved more: {whole['stored_bytes_per_resolved_ticket']} bytes stored and"
        f" {whole['resident_bytes_per_resolved_ticket']} resident each; all ready after {more['seconds']} s,"
        f" {more['tickets_per_second']:,} tickets/s, {whole['resident_bytes_per_ticket']} bytes each"
    )
    out.append(
        f"full {whole['events_per_second']:,} events/s, {whole['cpu_us_per_event']} µs of processor time; empty"
        f" {empty['events_per_second']:,} events/s, {empty['cpu_us_per_event']} µs;"
        f" ratio {found['throughput_ratio']}, of processor time per event {found['cpu_ratio']}"
    )
    return out
