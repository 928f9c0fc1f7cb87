"""The traffic beside which `delay` is measured: the simulated helpdesk's events, evenly, dated when they are sent.

usage: python -m benchmarks.load ADDRESS PREFIX RATE LOG   (until stdin is closed; prints a JSON object)

Every few ms one event is a probe: a `ticket-opened` of a team of its own. Probes lie in one partition, so that they
are seen in the order in which they were published; LOG has the instant of each, ns of ``time.perf_counter_ns()``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.events import deliveries, encode
from benchmarks.running import PARTITIONS, settings_for
from cxstream.core.partitioner import partition_of
from cxstream.stream.publisher import Publisher

TEAM: Final = "probes"
STEP: Final = 0.004
"""Seconds between two sendings, each with one probe."""
LENGTH: Final = 20
"""Seconds after which the same events come again, under new names of tickets."""
_PAST: Final = ("waiting_since", "human_since")
"""Fields that would be months before the event."""


async def run(address: str, prefix: str, rate: float, probes: list[int]) -> dict[str, Any]:
    """Publish at a rate, probes included, whose instants are added to the list."""
    length = round(rate * LENGTH)
    made = [
        (d.topic, {name: value for name, value in d.value.items() if name not in _PAST})
        for d in deliveries(length)
    ]
    closed = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    names = _names()
    sent = behind = 0
    async with Publisher(settings_for(address, "load", prefix, clock="wall"), linger=0) as publisher:
        print("publishing", file=sys.stderr, flush=True)
        following = cycle(made)
        started = time.perf_counter()
        while not closed.done():
            due = int((time.perf_counter() - started) * rate)
            behind = max(behind, due - sent)
            for number in range(sent, due - 1):
                topic, value = next(following)
                ticket = f"{number // length}-{value['ticket_id']}"
                dated = {**value, "ticket_id": ticket, "occurred_at": time.time_ns() // 1_000_000}
                await publisher.send(topic, ticket.encode(), encode(dated))
            if due > sent:
                ticket = next(names)
                probes.append(time.perf_counter_ns())
                value = {
                    "ticket_id": ticket,
                    "occurred_at": time.time_ns() // 1_000_000,
                    "event_id": ticket,
                    "team": TEAM,
                }
                await publisher.send("ticket-opened", ticket.encode(), encode(value))
            sent = max(sent, due)
            await asyncio.sleep(STEP)
        seconds = time.perf_counter() - started
        await publisher.flush()
    return {
        "events": sent,
        "events_per_second": round(sent / seconds, 1),
        "most_at_once": behind,
        "probes": len(probes),
    }


def _names() -> Iterator[str]:
    """Ids of tickets of one partition."""
    return (name for name in (f"probe-{n}" for n in count()) if partition_of(name.encode(), PARTITIONS) == 0)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        instants: list[int] = []
        print(json.dumps(runner.run(run(sys.argv[1], sys.argv[2], float(sys.argv[3]), instants))))
    Path(sys.argv[4]).write_text("\n".join(map(str, instants)))
