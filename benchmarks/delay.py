"""From published to visible in `/metrics`, beside traffic.

The traffic holds *probes*: a `ticket-opened` of a team that nothing else has, every few ms. A scrape shows how many of
them have been counted, so it tells how old the newest probe in it is: that is the delay, at an instant chosen by the
scraper and not by the worker. In *shown* it ends with the scrape (what a user of the numbers sees, the scrape's own
time included), in *asked* it ends when the scrape begins (what the worker takes). Both are up to one step of the
probes too long. A scrape of the whole page takes longer than that itself, so it is done *by name* as well: only the
metric that counts the probes.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import aiohttp

from benchmarks.load import TEAM
from benchmarks.running import ROOT, Failed, RunningWorker, child, compiled, progress, said, settings_for
from benchmarks.spread import milliseconds
from cxstream.settings import Settings
from cxstream.stream import topics

RATES: Final = (1_000, 10_000)
HERTZ: Final = 5.0
"""Scrapes per second; a Prometheus asks once in 5 to 15 s, the live page once a second."""
SECONDS: Final = 40.0
"""Of scrapes at that rate."""
PRESSED: Final = 10.0
"""Seconds of scrapes back to back."""
WARM: Final = 5.0
"""Seconds of traffic before."""
METRIC: Final = "cxstream_tickets_total"
"""Counts the probes."""
GOAL: Final = {"p50": 20.0, "p99": 100.0}
"""ms."""
LATE: Final = 2.0
"""Seconds' worth of events that a worker may be behind at the end before it is said not to keep up."""
_CAUGHT_UP: Final = 120.0
"""Seconds after the traffic in which all probes must be there."""


class Scrape(NamedTuple):
    """``time.perf_counter()`` before and after it, and how many probes it shows."""

    begun: float
    ended: float
    probes: int


def measure(
    address: str,
    rates: tuple[int, ...] = RATES,
    *,
    seconds: float = SECONDS,
    pressed: float = PRESSED,
    warm: float = WARM,
    prefix: str = "bench-",
    compiling: bool = True,
) -> dict[str, Any]:
    """One worker per rate, on topics of its own; for the last rate one with its core compiled as well."""
    lengths = (seconds, pressed)
    found: dict[str, Any] = {
        f"{rate}/s": _at(address, rate, lengths, f"{prefix}delay-{rate}", warm) for rate in rates
    }
    if compiling and (place := compiled()) is not None:
        rate = rates[-1]
        found["compiled"] = {
            f"{rate}/s": _at(address, rate, lengths, f"{prefix}delay-compiled-{rate}", warm, place)
        }
    return found


def _at(
    address: str,
    rate: int,
    seconds: tuple[float, float],
    name: str,
    warm: float,
    place: Path = ROOT,
) -> dict[str, Any]:
    settings = settings_for(address, name, f"{name}.", clock="wall")
    asyncio.run(topics.create(settings))
    with TemporaryDirectory() as scratch, RunningWorker(settings, place=place) as worker:
        worker.wait_until_ready()
        log = Path(scratch) / "probes"
        progress(f"{rate:,} events/s for {warm + 2 * seconds[0] + seconds[1]:.0f} s")
        with traffic(settings, rate, log) as told:
            time.sleep(warm)
            runs = {}
            for kind, query, length, pause in (
                ("by_name", f"?name[]={METRIC}", seconds[0], 1 / HERTZ),
                ("realistic", "", seconds[0], 1 / HERTZ),
                ("back_to_back", "", seconds[1], 0.0),
            ):
                cpu, started = worker.cpu(), time.perf_counter()
                found = asyncio.run(scrapes(f"{worker.url}/metrics{query}", length, pause))
                cores = (worker.cpu() - cpu) / (time.perf_counter() - started)
                runs[kind] = (found, cores, int(worker.total("cxstream_consumer_lag_events")))
            samples = sum(not line.startswith(b"#") for line in worker.get("/metrics")[1].splitlines())
        published = [int(at) / 1e9 for at in log.read_text().split()]
        _caught_up(worker, len(published))
    return {
        "load": told,
        "samples": samples,
        **{
            kind: {
                **_told(found, published),
                "worker_cores": round(cores, 2),
                "lag_at_the_end": lag,
                "kept_up": lag < LATE * rate,
            }
            for kind, (found, cores, lag) in runs.items()
        },
    }


def _told(found: list[Scrape], published: list[float]) -> dict[str, Any]:
    seen = [(scrape, published[scrape.probes - 1]) for scrape in found if scrape.probes]
    if not seen:
        raise Failed("no scrape shows a probe: the worker does not keep up")
    return {
        "scrapes": len(seen),
        "shown_ms": milliseconds([scrape.ended - at for scrape, at in seen]),
        "asked_ms": milliseconds([max(0.0, scrape.begun - at) for scrape, at in seen]),
        "scrape_ms": milliseconds([scrape.ended - scrape.begun for scrape in found]),
    }


def _caught_up(worker: RunningWorker, probes: int) -> None:
    """Each probe has been counted once, or the delays mean nothing."""
    deadline = time.monotonic() + _CAUGHT_UP
    while (shown := opened(worker.get("/metrics")[1])) < probes and time.monotonic() < deadline:
        time.sleep(0.1)
    if shown != probes:
        raise Failed(f"{shown:,} of {probes:,} probes were shown {_CAUGHT_UP:.0f} s after the last")


@contextmanager
def traffic(settings: Settings, rate: int, log: Path) -> Iterator[dict[str, Any]]:
    """Events at a rate from another process, probes among them, whose instants are in ``log`` at its end.

    What it says at its end is in the dict afterwards.
    """
    told: dict[str, Any] = {}
    command = ["-m", "benchmarks.load", settings.brokers[0], settings.topic_prefix, str(rate), str(log)]
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


async def scrapes(url: str, seconds: float, pause: float) -> list[Scrape]:
    """Scrape over a connection that stays open, at instants that keep no step with anything."""
    rng = random.Random(1)
    found = []
    async with aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session:
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            begun = time.perf_counter()
            async with session.get(url) as response:
                body = await response.read()
            ended = time.perf_counter()
            found.append(Scrape(begun, ended, opened(body)))
            await asyncio.sleep(max(0.0, begun + pause * rng.uniform(0.75, 1.25) - time.perf_counter()))
    return found


def opened(body: bytes) -> int:
    """Tickets opened by probes, of a scrape."""
    total, at, team = 0.0, 0, f'team="{TEAM}"'.encode()
    sample = f"\n{METRIC}{{".encode()
    while (at := body.find(sample, at)) >= 0:
        at += 1
        line = body[at : body.find(b"\n", at)]
        if team in line and b'flow="opened"' in line:
            total += float(line.rpartition(b" ")[2])
    return int(total)


def reached(run: dict[str, Any], scraped: str = "realistic") -> bool:
    """Whether a rate's delay, as scrapes of a kind show it, is within the goal."""
    return all(run[scraped]["shown_ms"][share] <= most for share, most in GOAL.items())


def runs(found: dict[str, Any]) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """Each run of a result: its rate, whether the core was compiled, and what was found."""
    for rate, run in found.items():
        if rate.endswith("/s"):
            yield rate, False, run
    for rate, run in found.get("compiled", {}).items():
        yield rate, True, run


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    out = [f"{'ms':24}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"]
    for _, quick, run in runs(found):
        how = "with its core compiled, " if quick else ""
        out.append(
            f"{how}beside {run['load']['events_per_second']:,.0f} events/s, {run['samples']:,} samples a scrape"
        )
        for kind in ("by_name", "realistic", "back_to_back"):
            part = run[kind]
            out.append(
                f"  {part['scrapes']} scrapes {kind.replace('_', ' ')}, {part['worker_cores']} cores of the worker,"
                f" {part['lag_at_the_end']:,} behind at the end{'' if part['kept_up'] else ': it does not keep up'}"
            )
            for name in ("shown", "asked", "scrape"):
                row = part[f"{name}_ms"]
                out.append(
                    f"    {name:20}" + "".join(f"{row[each]:9.2f}" for each in ("p50", "p90", "p99", "max"))
                )
        told = [
            f"{kind.replace('_', ' ')} {'reached' if reached(run, kind) else 'missed'}"
            for kind in ("by_name", "realistic")
        ]
        out.append(f"  goal p50 ≤ 20, p99 ≤ 100, shown: {', '.join(told)}")
    return out
