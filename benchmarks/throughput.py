"""Events per second of one worker, durable, with all default windows, over topics that are full.

Against a bare loop over the same topics, and against a smaller job on Bytewax and Quix Streams (see `peers`).
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks import rivals
from benchmarks.events import Record, records
from benchmarks.running import (
    READY,
    ROOT,
    Failed,
    RunningWorker,
    answer,
    progress,
    settings_for,
    state_when_ready,
    wait_until_applied,
)
from benchmarks.spread import median
from cxstream.settings import Settings
from cxstream.stream import topics
from cxstream.stream.publisher import Publisher

EVENTS: Final = 1_000_000
SMALL: Final = 5_000
PROFILED: Final = 400_000
"""Events of the run under cProfile."""
ROUNDS: Final = 2
ENOUGH: Final = 100.0
"""Seconds of rounds after which no other one is begun: the suite has to end."""
GOAL: Final = 0.35
_SLOW: Final = 600.0
"""Seconds after which a worker is taken for stuck."""
_COMMIT: Final = 60.0
"""Seconds after the last event was applied in which it must be committed."""


def measure(
    address: str,
    count: int = EVENTS,
    rounds: int = ROUNDS,
    prefix: str = "bench-",
    *,
    peers: tuple[str, ...] = tuple(rivals.NAMES),
    compiling: bool = True,
) -> dict[str, Any]:
    """Publish once, then bare loop and worker in turns, interpreted and compiled, then each peer."""
    place = compiled() if compiling else None
    source = settings_for(address, f"{prefix}throughput", f"{prefix}throughput.")
    started = time.perf_counter()
    progress(f"publishing {count:,} events")
    asyncio.run(publish(source, count))
    publishing = time.perf_counter() - started
    runs: dict[str, list[dict[str, Any]]] = {"bare": [], "worker": [], "compiled": []}
    begun = time.perf_counter()
    for number in range(rounds):
        if time.perf_counter() - begun > ENOUGH:
            break
        progress(f"round {number + 1} of {rounds}")
        found = answer(["-m", "benchmarks.bare", address, source.topic_prefix, str(count)])
        runs["bare"].append(rates(found))
        settings = settings_for(address, f"{prefix}throughput-{number}", source.topic_prefix)
        runs["worker"].append(rates(follow(settings, count)))
        if place is not None:
            settings = settings_for(address, f"{prefix}compiled-{number}", source.topic_prefix)
            runs["compiled"].append(rates(follow(settings, count, place=place)))
    middle = {name: _middle(each) for name, each in runs.items() if each}
    found = {
        "events": count,
        "published_per_second": round(count / publishing),
        **runs,
        **{f"{name}_{figure}": value for name, each in middle.items() for figure, value in each.items()},
        "ratios": _ratios(runs["worker"], runs["bare"]),
        "goal": GOAL,
        "peers": {name: _against(name, middle, source, count) for name in peers},
    }
    found["ratio"] = round(median(found["ratios"]), 3)
    found["cpu_ratio"] = round(found["bare_cpu_us_per_event"] / found["worker_cpu_us_per_event"], 3)
    if runs["compiled"]:
        found["compiled_ratio"] = round(median(_ratios(runs["compiled"], runs["bare"])), 3)
    return found


def profile(address: str, path: Path, count: int = PROFILED) -> None:
    """Where the time of a worker goes, as cProfile writes it."""
    settings = settings_for(address, "bench-profile", "bench-profile.")
    asyncio.run(publish(settings, count))
    follow(settings, count, profile=path)


def compiled() -> Path | None:
    """Where the package with a compiled core is, built anew; ``None`` where it cannot be built."""
    progress("compiling the core")
    built = subprocess.run(["make", "--silent", "compiled"], cwd=ROOT, capture_output=True, check=False)
    return None if built.returncode else ROOT / "build" / "compiled"


def _against(name: str, middle: dict[str, dict[str, float]], source: Settings, count: int) -> dict[str, Any]:
    """A peer over the same topics; one that fails says why, and the others go on."""
    progress(rivals.NAMES[name])
    try:
        ran = rates(rivals.run(name, source.brokers[0], source.topic_prefix, count))
        version = rivals.versions()[rivals.PACKAGES[name]]
    except Failed as failed:
        return {"failed": str(failed)}
    found = {**ran, "version": version}
    for ours in ("worker", "compiled"):
        if ours in middle:
            found[f"{ours}_is_faster"] = round(
                middle[ours]["events_per_second"] / ran["events_per_second"], 2
            )
            found[f"{ours}_needs_less_cpu"] = round(
                ran["cpu_us_per_event"] / middle[ours]["cpu_us_per_event"], 2
            )
    return found


def _middle(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "events_per_second": round(median([run["events_per_second"] for run in runs])),
        "cpu_us_per_event": round(median([run["cpu_us_per_event"] for run in runs]), 2),
    }


def _ratios(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[float]:
    pairs = zip(ours, theirs, strict=True)
    return [round(our["events_per_second"] / their["events_per_second"], 3) for our, their in pairs]


async def publish(settings: Settings, count: int) -> None:
    """Create the topics and publish the simulated helpdesk's first events."""
    await publish_records(settings, records(count))


async def publish_records(settings: Settings, made: Iterable[Record]) -> None:
    """Create the topics and publish."""
    await topics.create(settings)
    async with Publisher(settings) as publisher:
        for topic, key, value in made:
            await publisher.send(topic, key, value)


def follow(
    settings: Settings,
    count: int,
    *,
    profile: Path | None = None,
    patience: float = READY,
    place: Path = ROOT,
) -> dict[str, Any]:
    """Start a worker on topics that are full and watch it, from when it has begun until all is applied.

    What was applied at the first look is neither in the events nor in the seconds, and so is all of the start.
    """
    with RunningWorker(settings, profile, place=place) as worker:
        ready = state_when_ready(worker, patience)
        while not (first := worker.applied()):
            time.sleep(0.005)
        started, cpu = time.perf_counter(), worker.cpu()
        done = wait_until_applied([worker], count, _SLOW)
        if done < count:
            raise Failed(f"the worker has applied {done:,} of {count:,} events in {_SLOW:.0f} s")
        seconds, cpu = time.perf_counter() - started, worker.cpu() - cpu
        applied_at = time.perf_counter()
        deadline = time.monotonic() + _COMMIT
        while asyncio.run(committed(settings)) < count:
            if time.monotonic() > deadline:
                raise Failed("what is applied is not committed")
            time.sleep(0.05)
        return {
            "events": done - first,
            "seconds": seconds,
            "cpu_seconds": cpu,
            "ready": ready,
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


def rates(run: dict[str, Any]) -> dict[str, Any]:
    """A run with what it comes to per second and per event."""
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
    out = [_line(name, median_run(found, name)) for name in ("bare", "worker")]
    if found["compiled"]:
        out.append(
            f"{_line('compiled', median_run(found, 'compiled'))}, ratio {found['compiled_ratio']}: the worker"
            " with its core compiled (make compiled)"
        )
    out.append(
        f"ratio {found['ratio']}, of each round {found['ratios']}; goal {GOAL}: {verdict};"
        f" by processor time {found['cpu_ratio']}"
    )
    for name, run in found["peers"].items():
        if "failed" in run:
            out.append(f"{name}: {run['failed']}")
        else:
            faster = run.get("compiled_is_faster")
            also = "" if faster is None else f", compiled {faster} times"
            out.append(f"{_line(name, run)}, the worker is {run['worker_is_faster']} times as fast{also}")
    last = found["worker"][-1]
    out.append(
        f"committed {last['committed_after_seconds']} s after the last was applied; results {last['results']}"
    )
    return out


def median_run(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The middle of a result's runs of the worker or the bare loop."""
    names = ("events_per_second", "cpu_us_per_event")
    return {each: found[f"{name}_{each}"] for each in names}


def _line(name: str, run: dict[str, Any]) -> str:
    return (
        f"{name:10}{run['events_per_second']:>9,} events/s"
        f"{run['cpu_us_per_event']:8.2f} µs of processor time per event"
    )
