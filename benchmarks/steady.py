"""Traffic of the long run: the simulated helpdesk's events as they are, at an even rate.

usage: python -m benchmarks.steady ADDRESS PREFIX RATE EVENTS TICKETS_PER_DAY   (until stdin is closed; prints JSON)
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, Final

import uvloop

from benchmarks.events import records
from benchmarks.running import settings_for
from cxstream.stream.publisher import Publisher

_STEP: Final = 0.01
"""Seconds between two sendings."""


async def run(address: str, prefix: str, rate: float, count: int, per_day: float) -> dict[str, Any]:
    """Publish so many events."""
    closed = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    following = records(count, per_day)
    sent = 0
    async with Publisher(settings_for(address, "steady", prefix)) as publisher:
        print("publishing", file=sys.stderr, flush=True)
        started = time.perf_counter()
        while sent < count and not closed.done():
            due = min(count, int((time.perf_counter() - started) * rate))
            for _ in range(sent, due):
                topic, key, value = next(following)
                await publisher.send(topic, key, value)
            sent = due
            await asyncio.sleep(_STEP)
        seconds = time.perf_counter() - started
        await publisher.flush()
    print("published", file=sys.stderr, flush=True)
    await closed
    return {"events": sent, "events_per_second": round(sent / seconds, 1)}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        numbers = (float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
        print(json.dumps(runner.run(run(sys.argv[1], sys.argv[2], *numbers))))
