"""From measured figures to helpdesks of other sizes: workers, memory, changelog, recovery, series."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final, NamedTuple

RETENTION: Final = 30
"""Days that a resolved ticket is kept: the default."""
OPEN_DAYS: Final = 2.4
"""Days that a ticket is open, on average, of the simulated helpdesk."""
PEAK: Final = 3.0
"""The busiest minutes of a working day against the mean of day and night; the simulated helpdesk's quarter of an hour
is 2.6 times."""
BUSY: Final = 0.5
"""Share of a worker's core that the peak may use: the rest is for scrapes, collections and catching up."""
MEMORY: Final = 8e9
"""Bytes that one worker's tickets may take; more would take minutes to recover."""
COMPACTED: Final = 1.5
"""Changelog on disk against the table: what compaction has not come to yet."""
_DAY: Final = 86_400


class Figures(NamedTuple):
    """What is taken from the results, by one worker."""

    us_per_event: float
    events_per_ticket: float
    base_bytes: float
    open_bytes: float
    resolved_bytes: float
    open_stored: float
    resolved_stored: float
    written_per_event: float
    recovered_per_second: float
    samples: int


class Size(NamedTuple):
    """A helpdesk."""

    tickets_a_day: int
    events_at_peak: float
    """A second."""
    workers: int
    partitions: int
    memory_each: float
    """Bytes of a worker."""
    written_a_day: float
    """Bytes into the changelog, before compaction and replication."""
    changelog: float
    """Bytes that stay, of one replica."""
    recovery: float
    """Seconds until a worker that starts is ready."""
    series: int


def figures(results: Mapping[str, Mapping[str, Any]]) -> Figures | None:
    """``None`` as long as a part is missing."""
    try:
        throughput, state, core = results["throughput"], results["state"], results["core"]
        last = throughput["worker"][-1]
        return Figures(
            us_per_event=throughput["worker_cpu_us_per_event"],
            events_per_ticket=throughput["events"] / last["tickets"],
            base_bytes=state["empty_resident_mb"] * 1e6,
            open_bytes=state["open"]["resident_bytes_per_ticket"],
            resolved_bytes=state["all"]["resident_bytes_per_resolved_ticket"],
            open_stored=state["open"]["stored_bytes_per_ticket"],
            resolved_stored=state["all"]["stored_bytes_per_resolved_ticket"],
            written_per_event=core["as_they_happen"]["bytes_written_per_event"],
            recovered_per_second=state["all"]["recovery"]["tickets_per_second"],
            samples=results["delay"]["1000/s"]["samples"],
        )
    except KeyError:
        return None


def size(tickets_a_day: int, by: Figures) -> Size:
    """What a helpdesk of so many new tickets a day needs."""
    peak = tickets_a_day * by.events_per_ticket / _DAY * PEAK
    opened, resolved = tickets_a_day * OPEN_DAYS, tickets_a_day * RETENTION
    memory = opened * by.open_bytes + resolved * by.resolved_bytes
    workers = max(1, ceil(peak * by.us_per_event / 1e6 / BUSY), ceil(memory / MEMORY))
    return Size(
        tickets_a_day=tickets_a_day,
        events_at_peak=peak,
        workers=workers,
        partitions=max(4, 1 << (2 * workers - 1).bit_length()),
        memory_each=by.base_bytes + memory / workers,
        written_a_day=tickets_a_day * by.events_per_ticket * by.written_per_event,
        changelog=COMPACTED * (opened * by.open_stored + resolved * by.resolved_stored),
        recovery=(opened + resolved) / workers / by.recovered_per_second + 2.0,
        series=by.samples * workers,
    )


def table(sizes: list[Size]) -> list[str]:
    """Markdown."""
    names = (
        "tickets a day",
        "events/s at the peak",
        "workers",
        "partitions",
        "memory of each",
        "changelog written a day",
        "changelog kept",
        "start to ready",
        "series",
    )
    rows = ["| " + " | ".join(names) + " |", "|--:" * len(names) + "|"]
    rows += [
        f"| {each.tickets_a_day:,} | {_rate(each.events_at_peak)} | {each.workers:,} | {each.partitions:,}"
        f" | {_bytes(each.memory_each)} | {_bytes(each.written_a_day)} | {_bytes(each.changelog)}"
        f" | {_seconds(each.recovery)} | {each.series:,} |"
        for each in sizes
    ]
    return rows


def _rate(events: float) -> str:
    return f"{events:,.0f}" if events >= 10 else f"{events:.1f}"


def _bytes(count: float) -> str:
    for unit, length in (("TB", 1e12), ("GB", 1e9)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count / 1e6:.0f} MB"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
