"""SLA clocks by the million: what one takes, and how soon after its deadline a breach is told while all others run.

Two workers recover tickets that nobody has answered, one under a policy that promises them nothing and one under the
built-in one. The latter then learns of tickets whose deadlines are near, spread over seconds and then all at one
instant, and a reader of committed records waits for their breaches.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from benchmarks import fill
from benchmarks.running import Failed, RunningWorker, progress, settings_for, state_when_ready
from benchmarks.spread import milliseconds
from cxstream.core.event import Opened
from cxstream.core.instant import parse_instant
from cxstream.settings import Settings
from cxstream.stream import topics
from cxstream.stream.publisher import Publisher

CLOCKS: Final = 1_000_000
DUE: Final = 2_000
"""Breaches in each of the two runs."""
SMALL: Final = (500, 20)
SPREAD: Final = 20_000
"""ms over which the deadlines of the first run lie."""
NOTICE: Final = 8_000
"""ms from publishing to the first deadline: by then the worker knows the tickets, and nothing else is going on."""
PROMISED: Final = fill.DAY
"""The built-in first reply to e-mail, ms."""
PATIENCE: Final = 600.0
GOAL_MS: Final = 1_000
NOTHING: Final = "version: 1\npolicies: [{name: none, when: {channel: sms}, targets: {first_reply: 1h}}]\n"
"""A policy under which e-mail has no clock."""

Told = tuple[float, float]
"""Of a breach: seconds from its deadline until the worker noticed, and until a reader had it."""


def measure(
    address: str, count: int = CLOCKS, due: int = DUE, spread: int = SPREAD, prefix: str = "bench-"
) -> dict[str, Any]:
    """Memory and recovery with and without clocks, and the delay of those that are due."""
    with TemporaryDirectory() as place:
        policy = Path(place) / "policy.yml"
        policy.write_text(NOTHING)
        without = settings_for(address, f"{prefix}timeless", f"{prefix}timeless.", "wall", sla_policy=policy)
        _fill(without, count)
        with RunningWorker(without) as worker:
            bare = _recovered(worker, count, 0)
    settings = settings_for(address, f"{prefix}clocks", f"{prefix}clocks.", "wall")
    _fill(settings, count)
    with RunningWorker(settings) as worker:
        full = _recovered(worker, count, count)
        before = worker.cpu()
        spread_out = asyncio.run(_breaches(settings, due, spread, "spread"))
        at_once = asyncio.run(_breaches(settings, due, 0, "at-once"))
        cpu = worker.cpu() - before
    return {
        "clocks": count,
        "bytes_per_clock": round((full["resident"] - bare["resident"]) / count, 1),
        "resident_mb": round(full["resident"] / 1e6, 1),
        "recovered_per_second": round(count / full["seconds"]),
        "recovered_per_second_without": round(count / bare["seconds"]),
        "recovery_us": round(full["cpu_seconds"] / count * 1e6, 2),
        "recovery_us_without": round(bare["cpu_seconds"] / count * 1e6, 2),
        "due": due,
        "spread_ms": spread,
        "spread": _delays(spread_out),
        "at_once": _delays(at_once),
        "cpu_seconds": round(cpu, 2),
    }


def _fill(settings: Settings, count: int) -> None:
    """A changelog with tickets opened within the last half day, of which none is due for some hours."""
    progress(f"writing {count:,} waiting tickets into a changelog")
    asyncio.run(topics.create(settings))
    now = time.time_ns() // 1_000_000
    asyncio.run(fill.write(settings, fill.rows(waiting(count, now), now)))


def waiting(count: int, now: int) -> Iterator[fill.Story]:
    """Tickets opened by e-mail, and nothing more."""
    for number in range(count):
        at = now - number * (PROMISED // 2) // count
        opened = Opened(at=at, event_id=f"e{number}", team=fill.TEAMS[number % 5], channel="email")
        yield str(30_000_000_000 + number), [opened]


def _recovered(worker: RunningWorker, count: int, clocks: int) -> dict[str, Any]:
    progress(f"recovering {count:,} tickets with {clocks:,} clocks")
    found = state_when_ready(worker, PATIENCE)
    if (running := worker.total("cxstream_sla_tickets")) != clocks:
        raise Failed(f"{running:,.0f} clocks run of {clocks:,}")
    return found


async def _breaches(settings: Settings, due: int, spread: int, name: str) -> list[Told]:
    """Publish tickets that will be due, answer none, and read what is told of them."""
    progress(f"{due:,} breaches, {name.replace('-', ' ')}")
    async with AIOKafkaConsumer(
        bootstrap_servers=list(settings.brokers), isolation_level="read_committed", fetch_max_wait_ms=50
    ) as reader:
        numbers = range(settings.partitions)
        reader.assign([TopicPartition(settings.sla_events_topic, number) for number in numbers])
        await reader.seek_to_end()
        first = time.time_ns() // 1_000_000 + NOTICE
        async with Publisher(settings) as publisher:
            for number in range(due):
                ticket = f"{name}-{number}"
                event = {
                    "ticket_id": ticket,
                    "occurred_at": first + number * spread // due - PROMISED,
                    "channel": "email",
                }
                await publisher.send("ticket-opened", ticket.encode(), json.dumps(event).encode())
        found: list[Told] = []
        async with asyncio.timeout((NOTICE + spread) / 1_000 + PATIENCE / 5):
            while len(found) < due:
                batches = await reader.getmany(timeout_ms=500)
                now = time.time_ns() // 1_000_000
                found += [told for records in batches.values() for told in _told(records, now)]
    return found


def _told(records: Sequence[ConsumerRecord[bytes, bytes]], now: int) -> Iterator[Told]:
    for record in records:
        notice = json.loads(record.value or b"{}")
        if notice["type"] == "sla.breached":
            yield notice["lag_s"], (now - parse_instant(notice["due_at"])) / 1_000


def _delays(found: Sequence[Told]) -> dict[str, dict[str, float]]:
    noticed, told = zip(*found, strict=True)
    return {"noticed_ms": milliseconds(noticed), "told_ms": milliseconds(told)}


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    size = f"{found['bytes_per_clock']} bytes each, {found['resident_mb']:,.0f} MB in all"
    out = [f"{found['clocks']:,} clocks run: {size}"]
    out.append(
        f"recovered {found['recovered_per_second']:,} tickets/s, {found['recovery_us']} µs of processor time each;"
        f" without clocks {found['recovered_per_second_without']:,} and {found['recovery_us_without']} µs"
    )
    for name, title in (
        ("spread", f"spread over {found['spread_ms'] / 1_000:.0f} s"),
        ("at_once", "at one instant"),
    ):
        row = found[name]
        told = "; ".join(
            f"{what} p50 {row[key]['p50']}, p99 {row[key]['p99']}, max {row[key]['max']} ms"
            for key, what in (("noticed_ms", "noticed"), ("told_ms", "with a reader"))
        )
        out.append(f"{found['due']:,} breaches {title}: {told} after the deadline")
    return out
