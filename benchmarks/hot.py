"""One ticket with very many events, through Kafka and a worker, against the same events on tickets of ten.

The events are lives of ten: an opening (of the hot ticket: a reopening), seven replies, a resolution and a survey.
*Live*: they are published at an even rate while the worker runs, and so arrive nearly in order. *Catching up*: the
topics are full, and the worker is given each in stretches, which it merges by the dates of the records: one a ms, for
nobody gives a ticket ten events within one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.events import START, Record, encode
from benchmarks.running import RunningWorker, progress, settings_for, wait_until_applied
from benchmarks.throughput import follow, publish_records, rates
from cxstream.settings import Settings
from cxstream.stream import topics
from cxstream.stream.publisher import Publisher

EVENTS: Final = 100_000
"""Live."""
RATE: Final = 5_000.0
"""Events per second, live."""
BEHIND: Final = 20_000
"""Events of those that are caught up with."""
SMALL: Final = (1_000, 500)
GOAL: Final = 1.25
"""Times the cost per event of tickets of ten, by processor time: what of two runs on one machine differs anyway."""
_LIFE: Final = 10
_STEP: Final = 0.01
"""Seconds between two sendings."""
_AFTER: Final = 60.0
"""Seconds after the last event; what is not applied then is left out."""
_KINDS: Final = (("tickets_of_ten", False), ("hot_ticket", True))


def lives(count: int, *, hot: bool) -> Iterator[Record]:
    """So many events; a minute between two of a life, lives one after the other."""
    for number in range(count):
        life, place = divmod(number, _LIFE)
        ticket = "1" if hot else str(life + 1)
        topic, more = _PLACES[place]
        value = {
            "ticket_id": ticket,
            "occurred_at": START + number * 6_000,
            "event_id": f"e{number}",
            "team": "billing",
            "channel": "email",
            **more,
        }
        yield Record(topic, ticket.encode(), encode(value))


_PLACES: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("ticket-opened", {"priority": "normal", "customer_id": "c1"}),
    *[("agent-replied", {"agent_id": "billing-1"})] * 7,
    ("ticket-resolved", {"agent_id": "billing-1"}),
    ("survey-answered", {"survey": "csat", "score": 4}),
)


def measure(
    address: str, count: int = EVENTS, behind: int = BEHIND, prefix: str = "bench-"
) -> dict[str, Any]:
    """Each on topics of its own."""
    live: dict[str, Any] = {"events": count}
    late: dict[str, Any] = {"events": behind}
    for name, hot in _KINDS:
        progress(
            f"{count:,} events on {'one ticket' if hot else 'tickets of ten'}, live, then {behind:,} to catch up with"
        )
        settings = settings_for(address, f"{prefix}live-{name}", f"{prefix}live-{name}.")
        live[name] = rates(_live(settings, list(lives(count, hot=hot))))
        settings = settings_for(address, f"{prefix}late-{name}", f"{prefix}late-{name}.")
        since = time.time_ns() // 1_000_000 - behind
        asyncio.run(publish_records(settings, lives(behind, hot=hot), since))
        late[name] = rates(follow(settings, behind))
    return {"live": _compared(live), "catching_up": _compared(late)}


def _compared(found: dict[str, Any]) -> dict[str, Any]:
    cost, usual = found["hot_ticket"]["cpu_us_per_event"], found["tickets_of_ten"]["cpu_us_per_event"]
    return {**found, "ratio": round(cost / usual, 2)}


def _live(settings: Settings, made: list[Record]) -> dict[str, Any]:
    asyncio.run(topics.create(settings))
    with RunningWorker(settings) as worker:
        worker.wait_until_ready()
        started, cpu = time.perf_counter(), worker.cpu()
        asyncio.run(_publish(settings, made))
        applied = wait_until_applied([worker], len(made), _AFTER)
        return {
            "events": applied,
            "seconds": time.perf_counter() - started,
            "cpu_seconds": worker.cpu() - cpu,
            "all": applied == len(made),
        }


async def _publish(settings: Settings, made: list[Record]) -> None:
    async with Publisher(settings) as publisher:
        started, sent = time.perf_counter(), 0
        while sent < len(made):
            due = min(len(made), int((time.perf_counter() - started) * RATE))
            for topic, key, value in made[sent:due]:
                await publisher.send(topic, key, value)
            sent = due
            await asyncio.sleep(_STEP)


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    out = []
    for kind in ("live", "catching_up"):
        part = found[kind]
        out.append(f"{kind.replace('_', ' ')}, {part['events']:,} events")
        for name, _ in _KINDS:
            row = part[name]
            missing = part["events"] - row["events"] if kind == "live" else 0
            out.append(
                f"  {name.replace('_', ' '):16}{row['cpu_us_per_event']:8.2f} µs of processor time per event,"
                f" {row['events_per_second']:,} events/s{f', {missing:,} not applied in time' if missing else ''}"
            )
        out.append(
            f"  {part['ratio']} times; goal {GOAL}: {'reached' if part['ratio'] <= GOAL else 'missed'}"
        )
    return out
