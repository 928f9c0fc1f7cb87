"""Kafka from the command line: one question to a broker, and the broker that runs inside this process."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cxstream.cli.failure import no

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from cxstream.settings import Settings

T = TypeVar("T")
_PATIENCE: Final = 20.0  # seconds a broker has to answer a question; aiokafka itself would try for minutes
_STARTUP: Final = 5.0  # seconds for the embedded broker, which takes milliseconds


def ask(settings: Settings, question: Callable[[Settings], Awaitable[T]]) -> T:
    """Put a question that a broker can answer at once; raises ``Failure`` in one line if none does."""

    async def limited() -> T:
        async with asyncio.timeout(_PATIENCE):
            return await question(settings)

    return asking(settings, limited())


def asking(settings: Settings, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that needs a broker; raises ``Failure`` in one line if none answers."""
    from cxstream.stream.cause import explained
    from cxstream.stream.topics import KafkaError

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the failure is told below
    try:
        return asyncio.run(work)
    except (KafkaError, OSError, TimeoutError) as error:
        no(asyncio.run(explained(settings, error)))


@contextmanager
def embedded() -> Iterator[str]:
    """Run librdkafka's in-process broker while the block lasts; yields its address.

    Memory only. Topics appear on first use with 4 partitions; a partition drops its oldest data beyond 5 MiB
    or 100,000 batches, so whoever publishes much must wait for the reader.
    """
    from confluent_kafka import Producer

    mock = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "unused", "log_level": 0})
    broker = next(iter(mock.list_topics(timeout=_STARTUP).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del mock  # the broker lives as long as this producer
