"""Events per second of one worker, durable, with all default windows, over topics that are full.

Against a bare loop over the same topics, and against a smaller job on Bytewax and Quix Streams (see `peers`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
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
    compiled,
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
ENOUGH: Final = 400.0
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
    """Publish once; then in rounds the worker, interpreted and compiled, and each peer, a bare loop before and after.

    How fast a machine is changes from minute to minute, so what is compared are the ratios to the two loops beside.
    """
    source = settings_for(address, f"{prefix}throughput", f"{prefix}throughput.")
    contenders = _contenders(source, count, peers, compiled() if compiling else None)
    started = time.perf_counter()
    progress(f"publishing {count:,} events")
    asyncio.run(publish(source, count))
    publishing = time.perf_counter() - started
    bare = [_bare(source, count)]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    failed: dict[str, str] = {}
    begun = time.perf_counter()
    for number in range(rounds):
        if time.perf_counter() - begun > ENOUGH:
            break
        for name, run in contenders.items():
            if name in failed:
                continue
            progress(f"round {number + 1} of {rounds}: {rivals.NAMES.get(name, name)}")
            try:
                ran = rates(run(number))
            except Failed as error:
                if name not in peers:
                    raise
                failed[name] = str(error)
                continue
            bare.append(_bare(source, count))
            runs[name].append(_beside(ran, bare[-2], bare[-1]))
    middle = {name: _middle(each) for name, each in runs.items() if each}
    ours = {name: middle[name] for name in ("worker", "compiled") if name in middle}
    loop = _middle([_beside(run, run, run) for run in bare])
    found = {
        "events": count,
        "published_per_second": round(count / publishing),
        "bare": bare,
        "worker": runs["worker"],
        "compiled": runs.get("compiled", []),
        **{
            f"{name}_{figure}": each[figure]
            for name, each in {"bare": loop, **ours}.items()
            for figure in ("events_per_second", "cpu_us_per_event")
        },
        "ratios": [run["ratio"] for run in runs["worker"]],
        "ratio": middle["worker"]["ratio"],
        "cpu_ratio": middle["worker"]["cpu_ratio"],
        "goal": GOAL,
        "peers": {
            name: _against(name, middle[name], ours) if name in middle else {"failed": failed[name]}
            for name in peers
        },
    }
    if "compiled" in ours:
        found["compiled_ratio"] = ours["compiled"]["ratio"]
    return found


Run = Callable[[int], dict[str, Any]]
"""One run of a round."""


def _contenders(source: Settings, count: int, peers: Iterable[str], place: Path | None) -> dict[str, Run]:
    address, prefix = source.brokers[0], source.topic_prefix

    def worker(name: str, root: Path) -> Run:
        return lambda number: follow(
            settings_for(address, f"{source.app}-{name}-{number}", prefix), count, place=root
        )

    def peer(name: str) -> Run:
        return lambda _: rivals.run(name, address, prefix, count)

    found = {"worker": worker("worker", ROOT)}
    if place is not None:
        found["compiled"] = worker("compiled", place)
    return found | {name: peer(name) for name in peers}


def _bare(source: Settings, count: int) -> dict[str, Any]:
    return rates(answer(["-m", "benchmarks.bare", source.brokers[0], source.topic_prefix, str(count)]))


def _beside(run: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A run with its ratios to the bare loops before and after it."""
    speed = (before["events_per_second"] + after["events_per_second"]) / 2
    cpu = (before["cpu_us_per_event"] + after["cpu_us_per_event"]) / 2
    return {
        **run,
        "ratio": round(run["events_per_second"] / speed, 4),
        "cpu_ratio": round(cpu / max(run["cpu_us_per_event"], 0.01), 4),
    }


def profile(address: str, path: Path, count: int = PROFILED) -> None:
    """Where the time of a worker goes, as cProfile writes it."""
    settings = settings_for(address, "bench-profile", "bench-profile.")
    asyncio.run(publish(settings, count))
    follow(settings, count, profile=path)


def _against(name: str, peer: dict[str, float], ours: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {**_compared(peer, ours), "version": rivals.versions()[rivals.PACKAGES[name]]}


def _compared(peer: dict[str, float], ours: dict[str, dict[str, float]]) -> dict[str, Any]:
    """A peer's middle, and how many times faster and cheaper ours are, by the bare loops beside both."""
    found: dict[str, Any] = {**peer}
    for our, middle in ours.items():
        found[f"{our}_is_faster"] = round(middle["ratio"] / peer["ratio"], 2)
        found[f"{our}_needs_less_cpu"] = round(middle["cpu_ratio"] / peer["cpu_ratio"], 2)
    return found


def _middle(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "events_per_second": round(median([run["events_per_second"] for run in runs])),
        "cpu_us_per_event": round(median([run["cpu_us_per_event"] for run in runs]), 2),
        "ratio": round(median([run["ratio"] for run in runs]), 4),
        "cpu_ratio": round(median([run["cpu_ratio"] for run in runs]), 4),
    }


async def publish(settings: Settings, count: int) -> None:
    """Create the topics and publish the simulated helpdesk's first events."""
    await publish_records(settings, records(count))


async def publish_records(settings: Settings, made: Iterable[Record], since: int | None = None) -> None:
    """Create the topics and publish; the records are dated now, or one a ms from ``since`` on."""
    await topics.create(settings)
    async with Publisher(settings) as publisher:
        for number, (topic, key, value) in enumerate(made):
            await publisher.send(topic, key, value, at=None if since is None else since + number)


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
