"""Publishing: deliveries as lines of a file, or paced by a clock and handed to a producer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import IO, Final

import msgspec

from cxstream.simulate.faults import Delivery
from cxstream.simulate.helpdesk import Helpdesk
from cxstream.simulate.instant import DAY, SECOND
from cxstream.simulate.scenario import Scenario

Now = Callable[[], int]
"""The wall clock, in ms UTC."""
Sleep = Callable[[float], Awaitable[object]]
"""Waits so many seconds."""
Send = Callable[[str, bytes, bytes], Awaitable[object]]
"""Hands topic, key and value to a producer; answers when there is room for the next."""

BATCH: Final = 500
"""Deliveries after which a batch is given out though more are due: some 10 ms of work for the event loop."""
_NAP: Final = 5.0  # seconds slept at most, so that a clock that is set forward is noticed

_encode = msgspec.json.Encoder().encode


def write_lines(deliveries: Iterable[Delivery], file: IO[bytes]) -> int:
    """Write one JSON object per line, its ``topic`` first, in order of delivery; the number of lines."""
    count = 0
    for delivery in deliveries:
        file.write(_encode({"topic": delivery.topic, **delivery.value}) + b"\n")
        count += 1
    return count


async def paced(
    deliveries: Iterable[Delivery],
    speed: float | None,
    now: Now,
    sleep: Sleep = asyncio.sleep,
    *,
    origin: int | None = None,
) -> AsyncIterator[list[Delivery]]:
    """Batches of at least one delivery, each when its time has come.

    ``speed`` is simulated time per real time, ``None`` as fast as they are read. ``origin`` is the simulated
    instant (ms) at which the clock stands when reading begins (default: the first delivery's): what is older
    is due at once. Between batches others of the event loop have their turn.
    """
    if speed is not None and speed <= 0:
        raise ValueError(f"speed must be above 0, or None for as fast as possible: {speed}")
    began = now()
    batch: list[Delivery] = []
    elapsed = 0.0  # simulated ms since `origin`, as far as looked at the clock
    for delivery in deliveries:
        if origin is None:
            origin = delivery.deliver_at
        ahead = delivery.deliver_at - origin
        if speed is not None and ahead > elapsed:
            elapsed = (now() - began) * speed
            if ahead > elapsed:
                if batch:
                    yield batch
                    batch = []
                while ahead > (elapsed := (now() - began) * speed):
                    await sleep(min((ahead - elapsed) / speed / SECOND, _NAP))
        batch.append(delivery)
        if len(batch) >= BATCH:
            yield batch
            batch = []
            await sleep(0)
    if batch:
        yield batch


def history_then_live(
    scenario: Scenario, seed: int, now: Now, days: float = 7, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[list[Delivery]]:
    """Batches of a helpdesk's last ``days`` at once, and then on in real time, without a seam.

    The history is that of a helpdesk which opened ``days`` ago; while it is read the clock goes on, and what
    happens meanwhile follows. Endless unless the scenario is bounded (its own ``days`` count from the start
    of the history).
    """
    present = now()
    helpdesk = Helpdesk(scenario, seed, present - round(days * DAY))
    return paced(helpdesk.deliveries(), 1.0, now, sleep, origin=present)


async def publish(batches: AsyncIterable[list[Delivery]], send: Send) -> int:
    """Send every delivery, key and value as UTF-8; how many there were."""
    count = 0
    async for batch in batches:
        for delivery in batch:
            await send(delivery.topic, delivery.key.encode(), _encode(delivery.value))
        count += len(batch)
    return count
