"""From published to visible in `/metrics`, beside other traffic.

A probe publishes a `ticket-opened` of a team that only probes have and scrapes until the counter of opened tickets
of that team shows it. What a scrape takes is part of what is measured, so it is told beside it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import aiohttp

from benchmarks.events import encode
from benchmarks.running import Failed, RunningWorker, child, said, settings_for
from benchmarks.spread import milliseconds
from cxstream.settings import Settings
from cxstream.stream import topics
from cxstream.stream.publisher import Publisher

RATES: Final = (1_000, 10_000)
PROBES: Final = 500
AFTER: Final = (5, 10, 15, 20, 30, 50, 100)
"""ms after publishing at which further probes ask, once each."""
EACH: Final = 40
"""Probes for each of these."""
GOAL: Final = {"p50": 20.0, "p99": 100.0}
"""ms at 1,000 events/s."""
WARM: Final = 5.0
"""Seconds of traffic before the first probe."""
INTERVAL: Final = 0.005
"""Seconds from the answer to one scrape to the next scrape of the same probe."""
_GAP: Final = (0.01, 0.05)
"""Seconds between two probes, by chance, so that they keep no step with anything."""
_LOST: Final = 15.0
"""Seconds after which the worker is said not to keep up."""
_TEAM: Final = "probes"


class Probe(NamedTuple):
    """All in seconds."""

    shown: float
    """From before the publishing to the end of the scrape that shows it: what a user sees."""
    asked: float
    """To the beginning of that scrape: the delay of the worker alone is hardly less, and at most ``shown``."""
    acknowledged: float
    """To the broker's acknowledgement."""
    scrapes: list[float]
    """What the scrapes took."""


def measure(
    address: str,
    rates: tuple[int, ...] = RATES,
    probes: int = PROBES,
    each: int = EACH,
    prefix: str = "bench-",
    warm: float = WARM,
) -> dict[str, Any]:
    """One worker per rate, on topics of its own."""
    return {f"{rate}/s": _at(address, rate, (probes, each), f"{prefix}delay-{rate}", warm) for rate in rates}


def _at(address: str, rate: int, counts: tuple[int, int], name: str, warm: float) -> dict[str, Any]:
    settings = settings_for(address, name, f"{name}.", clock="wall")
    asyncio.run(topics.create(settings))
    with RunningWorker(settings) as worker:
        worker.wait_until_ready()
        with traffic(settings, rate) as told:
            time.sleep(warm)
            cpu, started = worker.cpu(), time.perf_counter()
            try:
                found, shares = asyncio.run(probe(settings, worker.url, *counts))
            except Failed as failed:
                lag = worker.total("cxstream_consumer_lag_events")
                return {"load": told, "kept_up": False, "reason": str(failed), "lag_at_the_end": int(lag)}
            busy = (worker.cpu() - cpu) / (time.perf_counter() - started)
            lag = worker.total("cxstream_consumer_lag_events")
            samples = sum(not line.startswith(b"#") for line in worker.get("/metrics")[1].splitlines())
        return {
            "kept_up": True,
            "probes": len(found),
            "load": told,
            "shown_ms": milliseconds([each.shown for each in found]),
            "asked_ms": milliseconds([each.asked for each in found]),
            "acknowledged_ms": milliseconds([each.acknowledged for each in found]),
            "scrape_ms": milliseconds([took for each in found for took in each.scrapes]),
            "scrapes_per_probe": round(sum(len(each.scrapes) for each in found) / len(found), 2),
            "visible_when_asked_after_ms": shares,
            "samples": samples,
            "worker_cores": round(busy, 2),
            "lag_at_the_end": int(lag),
        }


@contextmanager
def traffic(settings: Settings, rate: int) -> Iterator[dict[str, Any]]:
    """Events at a rate from another process; what it says at its end is in the dict afterwards."""
    told: dict[str, Any] = {}
    command = ["-m", "benchmarks.load", settings.brokers[0], settings.topic_prefix, str(rate), str(20 * rate)]
    with child(command) as (process, errors):
        while "publishing" not in said(errors):
            if process.poll() is not None:
                raise Failed(f"no traffic:\n{said(errors)}")
            time.sleep(0.1)
        yield told
        out, _ = process.communicate("")
        if process.returncode:
            raise Failed(f"no traffic:\n{said(errors)}")
        told.update(json.loads(out))


async def probe(settings: Settings, url: str, count: int, each: int) -> tuple[list[Probe], dict[str, float]]:
    """Probes that ask at once and again until they see it; and shares of probes visible by when they are asked for."""
    rng = random.Random(1)
    shares: dict[str, float] = {}
    async with (
        Publisher(settings, linger=0) as publisher,
        aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session,
    ):
        await _send(publisher, 0, "other")  # opens the connections
        await publisher.flush()

        async def one(number: int, pause: float = 0.0) -> Probe:
            await asyncio.sleep(rng.uniform(*_GAP))
            return await _one(publisher, session, f"{url}/metrics", number, pause)

        found = [await one(number) for number in range(1, count + 1)]
        number = count
        for after in AFTER:
            seen = 0
            for _ in range(each):
                number += 1
                seen += len((await one(number, after / 1_000)).scrapes) == 1
            shares[str(after)] = round(seen / each, 3)
    return found, shares


async def _one(
    publisher: Publisher, session: aiohttp.ClientSession, url: str, number: int, pause: float
) -> Probe:
    started = time.perf_counter()
    await _send(publisher, number, _TEAM)
    flushing = asyncio.create_task(_flushed(publisher))
    await asyncio.sleep(pause)
    scrapes: list[float] = []
    while True:
        before = time.perf_counter()
        async with session.get(url) as response:
            body = await response.read()
        after = time.perf_counter()
        scrapes.append(after - before)
        if opened(body) >= number:
            return Probe(after - started, before - started, await flushing - started, scrapes)
        if after - started > _LOST:
            raise Failed(f"probe {number} was not seen within {_LOST:.0f} s")
        await asyncio.sleep(INTERVAL)


async def _send(publisher: Publisher, number: int, team: str) -> None:
    ticket = f"{team}-{number}"
    value = {
        "ticket_id": ticket,
        "occurred_at": time.time_ns() // 1_000_000,
        "event_id": ticket,
        "team": team,
    }
    await publisher.send("ticket-opened", ticket.encode(), encode(value))


async def _flushed(publisher: Publisher) -> float:
    await publisher.flush()
    return time.perf_counter()


def opened(body: bytes) -> float:
    """Tickets opened by probes, of a scrape."""
    total, at, team = 0.0, 0, f'team="{_TEAM}"'.encode()
    while (at := body.find(b"\ncxstream_tickets_total{", at)) >= 0:
        at += 1
        line = body[at : body.find(b"\n", at)]
        if team in line and b'flow="opened"' in line:
            total += float(line.rpartition(b" ")[2])
    return total


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    out = [f"{'ms':14}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"]
    for rate, run in found.items():
        load = run["load"]["events_per_second"]
        if not run["kept_up"]:
            out.append(
                f"beside {load:,.0f} events/s: it does not keep up: {run['reason']}; {run['lag_at_the_end']:,} behind"
            )
            continue
        out.append(
            f"beside {load:,.0f} events/s, {run['probes']} probes, {run['worker_cores']} cores of the worker,"
            f" {run['samples']} samples a scrape"
        )
        for name in ("shown", "asked", "acknowledged", "scrape"):
            row = run[f"{name}_ms"]
            out.append(
                f"  {name:12}" + "".join(f"{row[share]:9.2f}" for share in ("p50", "p90", "p99", "max"))
            )
        shares = ", ".join(
            f"{after} ms {share:.0%}" for after, share in run["visible_when_asked_after_ms"].items()
        )
        out.append(f"  visible to a scrape begun after {shares}")
        if rate == "1000/s":
            for name in ("shown", "asked"):
                reached = all(run[f"{name}_ms"][share] <= most for share, most in GOAL.items())
                out.append(f"  goal p50 ≤ 20, p99 ≤ 100, by {name}: {'reached' if reached else 'missed'}")
    return out
