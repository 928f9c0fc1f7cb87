"""Publishing from the command line: events with times of their own, at the speed wanted."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from cxstream.cli.failure import no

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from cxstream.cli.pace import Pace
    from cxstream.settings import Settings


class Outgoing(NamedTuple):
    """An event on its way to Kafka; ``at`` in ms, ``topic`` by its canonical name."""

    at: int
    topic: str
    key: bytes
    value: bytes


def publish(settings: Settings, events: Iterable[Outgoing], pace: Pace) -> Counter[str]:
    """Publish events and return their number per topic; raises ``Failure`` where that is not possible."""
    from cxstream.cli.broker import asking

    return asking(settings, _publish(settings, events, pace))


async def _publish(settings: Settings, events: Iterable[Outgoing], pace: Pace) -> Counter[str]:
    from cxstream.stream.publisher import Publisher, TooLargeError

    await refuse_missing_topics(settings)
    sent: Counter[str] = Counter()
    async with Publisher(settings) as publisher:
        for event in events:
            if (seconds := pace.wait(event.at)) > 0:
                await publisher.flush()
                await asyncio.sleep(seconds)
            try:
                await publisher.send(event.topic, event.key, event.value)
            except TooLargeError as error:
                no(f"{event.topic}, key {event.key!r}: {error}: leave it out")
            sent[event.topic] += 1
    return sent


async def refuse_missing_topics(settings: Settings) -> None:
    """Fail if a topic is missing: a producer would wait for it, or create it with the wrong partitions."""
    from cxstream.stream.tail import Tail

    async with Tail(settings) as tail:
        names = map(settings.topic_name, settings.topics)
        missing = [name for name in names if not await tail.partitions(name)]
    if missing:
        no(f"topics are missing: {', '.join(missing)}: create them with `cxstream topics create`")


async def stopped(work: Coroutine[Any, Any, object]) -> None:
    """Run what has no end until SIGTERM or Ctrl-C, which are a good end."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
