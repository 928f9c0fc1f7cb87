"""Events per second of one worker, durable, with all default windows, against a bare loop over the same topics."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.events import records
from benchmarks.running import Failed, RunningWorker, answer, settings_for
from benchmarks.spread import median
from cxstream.settings import Settings
from cxstream.stream import topics
from cxstream.stream.publisher import Publisher

EVENTS: Final = 400_000
SMALL: Final = 20_000
ROUNDS: Final = 3
GOAL: Final = 0.35
_SLOW: Final = 600.0
"""Seconds after which a worker is taken for stuck."""
_LOOK: Final = 0.25
"""Seconds between two looks at a worker, shorter towards the end."""


def measure(
    address: str, count: int, rounds: int = ROUNDS, prefix: str = "bench-", profile: Path | None = None
) -> dict[str, Any]:
    """Publish once, then bare loop and worker in turns; ``profile`` adds a last worker under cProfile."""
    source = settings_for(address, f"{prefix}throughput", f"{prefix}throughput.")
    started = time.perf_counter()
    asyncio.run(publish(source, count))
    publishing = time.perf_counter() - started
    bare, worker = [], []
    for number in range(rounds):
        found = answer(["-m", "benchmarks.bare", address, source.topic_prefix, str(count)])
        bare.append(_rates(found))
        settings = settings_for(address, f"{prefix}throughput-{number}", source.topic_prefix)
        worker.append(_rates(follow(settings, count)))
    if profile is not None:
        follow(settings_for(address, f"{prefix}throughput-profile", source.topic_prefix), count, profile)
    ratios = [
        ours["events_per_second"] / theirs["events_per_second"]
        for ours, theirs in zip(worker, bare, strict=True)
    ]
    return {
        "events": count,
        "published_per_second": round(count / publishing),
        "bare": bare,
        "worker": worker,
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ratio": round(median(ratios), 3),
        "goal": GOAL,
        "bare_events_per_second": round(median([run["events_per_second"] for run in bare])),
        "worker_events_per_second": round(median([run["events_per_second"] for run in worker])),
        "worker_cpu_us_per_event": round(median([run["cpu_us_per_event"] for run in worker]), 2),
        "bare_cpu_us_per_event": round(median([run["cpu_us_per_event"] for run in bare]), 2),
    }


async def publish(settings: Settings, count: int) -> None:
    """Create the topics and publish the simulated helpdesk's first events."""
    await topics.create(settings)
    async with Publisher(settings) as publisher:
        for topic, key, value in records(count):
            await publisher.send(topic, key, value)


def follow(settings: Settings, count: int, profile: Path | None = None) -> dict[str, Any]:
    """Start a worker on topics that are full and watch it, from when it has begun until all is applied.

    What was applied at the first look is neither in the events nor in the seconds, and so is all of the start.
    """
    with RunningWorker(settings, profile) as worker:
        deadline = time.monotonic() + _SLOW
        worker.wait_until_ready()
        while not (first := worker.applied()):
            time.sleep(0.005)
        started, cpu = time.perf_counter(), worker.cpu()
        done, last, at = first, first, started
        while done < count:
            if time.monotonic() > deadline:
                raise Failed(f"the worker has applied {done} of {count} events in {_SLOW:.0f} s")
            pace = (done - last) / (time.perf_counter() - at) if done > last else 0.0
            last, at = done, time.perf_counter()
            time.sleep(max(0.005, min(_LOOK, (count - done) / pace if pace else _LOOK)))
            done = worker.applied()
        seconds, cpu = time.perf_counter() - started, worker.cpu() - cpu
        applied_at = time.perf_counter()
        while asyncio.run(committed(settings)) < count:
            if time.monotonic() > deadline:
                raise Failed("what is applied is not committed")
            time.sleep(0.05)
        return {
            "events": done - first,
            "seconds": seconds,
            "cpu_seconds": cpu,
            "committed_after_seconds": round(time.perf_counter() - applied_at, 2),
            "resident_mb": round(worker.resident() / 1e6, 1),
            "results": worker.by_label("cxstream_events_total", "result"),
            "tickets": int(worker.total("cxstream_table_entries")),
        }


async def committed(settings: Settings) -> int:
    """Records whose offsets the group has committed: they are durable."""
    client = AIOKafkaAdminClient(bootstrap_servers=list(settings.brokers))
    await client.start()
    try:
        found = await client.list_consumer_group_offsets(settings.app)
    finally:
        await client.close()
    sources = {settings.topic_name(topic) for topic in settings.topics}
    return sum(meta.offset for tp, meta in found.items() if tp.topic in sources and meta.offset > 0)


def _rates(run: dict[str, Any]) -> dict[str, Any]:
    events = max(run["events"], 1)
    return {
        **run,
        "seconds": round(run["seconds"], 3),
        "cpu_seconds": round(run["cpu_seconds"], 2),
        "events_per_second": round(events / max(run["seconds"], 1e-9)),
        "cpu_us_per_event": round(run["cpu_seconds"] / events * 1e6, 2),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    verdict = "reached" if found["ratio"] >= GOAL else "missed"
    out = [
        f"{name:10}{found[f'{name}_events_per_second']:>9,} events/s"
        f"{found[f'{name}_cpu_us_per_event']:8.2f} µs of processor time per event"
        for name in ("bare", "worker")
    ]
    out.append(f"ratio {found['ratio']}, of each round {found['ratios']}; goal {GOAL}: {verdict}")
    last = found["worker"][-1]
    out.append(
        f"committed {last['committed_after_seconds']} s after the last was applied; results {last['results']}"
    )
    return out
