"""The long run: half an hour of steady traffic that is 45 days for windows, retention and tickets.

The worker runs by the event clock, its wall clock follows (see `hurried`), and it keeps tickets for eight days. So
the ticket table is full after two weeks and the longest window after its 30 days: from then on as much is forgotten as
is added, and over two whole weeks memory must be flat. The traffic has reopenings, surveys, duplicates, late events
and breaches.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Final

from benchmarks.events import START
from benchmarks.running import Failed, RunningWorker, child, progress, said, settings_for, wait_until_applied
from benchmarks.spread import median
from cxstream.core.instant import parse_instant
from cxstream.stream import topics

SECONDS: Final = 1_800.0
RATE: Final = 5_000.0
DAYS: Final = 45.0
RETENTION: Final = 8
"""Days."""
FULL: Final = 31.0
"""Simulated days after which nothing is expected to grow."""
GOAL: Final = 0.05
"""Growth of memory from then to the end, as a share of it."""
_DAY: Final = 86_400_000  # ms
_EVENTS_PER_TICKET: Final = 4.9
_EVERY: Final = 5.0
"""Seconds between two looks, of a run of full length."""
_LOOKS: Final = 12
"""At least so many, in a shorter one."""


def measure(
    address: str,
    seconds: float = SECONDS,
    rate: float = RATE,
    days: float = DAYS,
    prefix: str = "bench-",
) -> dict[str, Any]:
    """Run, looking at the worker every few seconds."""
    count = round(seconds * rate)
    per_day = count / _EVENTS_PER_TICKET / days
    settings = settings_for(address, f"{prefix}soak", f"{prefix}soak.", ticket_retention=f"{RETENTION}d")
    asyncio.run(topics.create(settings))
    command = ["-m", "benchmarks.steady", address, settings.topic_prefix, str(rate), str(count), str(per_day)]
    looks: list[dict[str, float]] = []
    with RunningWorker(settings, module=("benchmarks.hurried",)) as worker:
        worker.wait_until_ready()
        progress(f"{count:,} events at {rate:,.0f} a second, {per_day:,.0f} tickets a day, {days:.0f} days")
        with child(command) as (process, errors):
            started = time.perf_counter()
            while "published" not in (told := said(errors)):
                if process.poll() is not None:
                    raise Failed(f"no traffic:\n{told}")
                time.sleep(min(_EVERY, seconds / _LOOKS))
                looks.append(_look(worker, started))
                if len(looks) % 60 == 0:
                    _tell(looks[-1])
            out, _ = process.communicate("")
        if (applied := wait_until_applied([worker], count, seconds + 120)) < count:
            raise Failed(f"{applied:,} of {count:,} events were applied")
        looks.append(_look(worker, started))
        results = worker.by_label("cxstream_events_total", "result")
        flows = worker.by_label("cxstream_tickets_total", "flow")
        outcomes = worker.by_label("cxstream_sla_evaluations_total", "outcome")
        answers = int(worker.total("cxstream_survey_answers_total"))
    return {
        "load": json.loads(out),
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "retention_days": RETENTION,
        "results": results,
        "flows": flows,
        "sla": outcomes,
        "survey_answers": answers,
        "looks": looks,
        **judged(looks),
    }


def _look(worker: RunningWorker, started: float) -> dict[str, float]:
    asked = time.perf_counter()
    now = worker.snapshot()["now"]
    return {
        "seconds": round(asked - started, 1),
        "day": round(max(0, parse_instant(now) - START) / _DAY, 3),
        "resident_mb": round(worker.resident() / 1e6, 1),
        "files": worker.files(),
        "lag": worker.total("cxstream_consumer_lag_events"),
        "tickets": worker.total("cxstream_table_entries"),
        "cpu_seconds": round(worker.cpu(), 2),
        "answer_ms": round((time.perf_counter() - asked) * 1e3 / 3, 1),
    }


def judged(looks: list[dict[str, float]]) -> dict[str, Any]:
    """Whether anything grows once all is full."""
    full = [look for look in looks if look["day"] >= FULL]
    if len(full) < 4:
        return {"days": looks[-1]["day"], "full": None}
    first, second = full[: len(full) // 2], full[len(full) // 2 :]
    a_day = slope([look["day"] for look in full], [look["resident_mb"] for look in full])
    per_hour = slope([look["seconds"] for look in full], [look["resident_mb"] for look in full]) * 3_600
    grown = a_day * (full[-1]["day"] - full[0]["day"])
    return {
        "days": looks[-1]["day"],
        "full": {
            "from_day": full[0]["day"],
            "resident_mb": median([look["resident_mb"] for look in full]),
            "mb_per_simulated_day": round(a_day, 3),
            "mb_per_hour": round(per_hour, 2),
            "growth": round(grown / median([look["resident_mb"] for look in full]), 4),
            **{
                f"{name}_{half}": round(median([look[name] for look in part]), 1)
                for name in ("tickets", "lag", "files", "answer_ms")
                for half, part in (("first_half", first), ("second_half", second))
            },
        },
    }


def slope(xs: list[float], ys: list[float]) -> float:
    """Of the line with the least squared distance."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((each - x) ** 2 for each in xs)
    if not spread:
        return 0.0
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / spread


def _tell(look: dict[str, float]) -> None:
    progress(
        f"day {look['day']:.1f}, {look['resident_mb']:,.0f} MB, {look['tickets']:,.0f} tickets,"
        f" {look['lag']:,.0f} behind, {look['files']} files"
    )


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    load = found["load"]
    out = [f"{load['events']:,} events at {load['events_per_second']:,} a second, {found['minutes']} min"]
    out.append(
        f"{found['days']} simulated days; results {found['results']}, flows {found['flows']}, SLA {found['sla']},"
        f" {found['survey_answers']:,} answers to surveys"
    )
    full = found["full"]
    if full is None:
        return [*out, f"too short: nothing is full before day {FULL:.0f}"]
    out.append(
        f"from day {full['from_day']} on: {full['resident_mb']} MB, {full['mb_per_simulated_day']} MB more a simulated"
        f" day ({full['mb_per_hour']} MB an hour), {full['growth']:.1%} in all;"
        f" goal {GOAL:.0%}: {'reached' if full['growth'] <= GOAL else 'missed'}"
    )
    out += [
        f"  {name.replace('_', ' ')}: median of the first half {full[f'{name}_first_half']:,},"
        f" of the second {full[f'{name}_second_half']:,}"
        for name in ("tickets", "lag", "files", "answer_ms")
    ]
    return out
