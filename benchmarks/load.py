"""The traffic beside which `delay` is measured: the simulated helpdesk's events, evenly, dated when they are sent.

usage: python -m benchmarks.load ADDRESS PREFIX RATE EVENTS   (until stdin is closed; prints a JSON object)
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import cycle
from typing import Any, Final

import uvloop

from benchmarks.events import deliveries, encode
from benchmarks.running import settings_for
from cxstream.stream.publisher import Publisher

_STEP: Final = 0.005
"""Seconds between two sendings."""
_PAST: Final = ("waiting_since", "human_since")
"""Fields that would be months before the event."""


async def run(address: str, prefix: str, rate: float, count: int) -> dict[str, Any]:
    """Publish at a rate; after the last event again from the first, under new names of tickets."""
    made = [
        (d.topic, {name: value for name, value in d.value.items() if name not in _PAST})
        for d in deliveries(count)
    ]
    closed = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    sent = behind = 0
    async with Publisher(settings_for(address, "load", prefix, clock="wall")) as publisher:
        print("publishing", file=sys.stderr, flush=True)
        following = cycle(made)
        started = time.perf_counter()
        while not closed.done():
            due = int((time.perf_counter() - started) * rate)
            behind = max(behind, due - sent)
            for number in range(sent, due):
                topic, value = next(following)
                ticket = f"{number // count}-{value['ticket_id']}"
                dated = {**value, "ticket_id": ticket, "occurred_at": time.time_ns() // 1_000_000}
                await publisher.send(topic, ticket.encode(), encode(dated))
            sent = max(sent, due)
            await asyncio.sleep(_STEP)
        seconds = time.perf_counter() - started
        await publisher.flush()
    return {"events": sent, "events_per_second": round(sent / seconds, 1), "most_at_once": behind}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))))
