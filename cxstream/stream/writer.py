"""The writer: the only one who writes to one partition of the changelog.

On a real broker it is a transactional producer whose id belongs to the partition. Opening it raises the id's epoch,
so that whoever wrote there before is *fenced*: its next write is refused. A worker opens the writer first and reads
the changelog after, so it has read everything that will ever have been written before its own rows; a zombie
(stopped for longer than its session, then continued) cannot put an older state of a ticket over a newer one.

A write is waited for until the broker has acknowledged it, however long the broker is away: the producer retries
with the same epoch and sequence numbers and never gives up. It must not be opened anew for that, because opening
would fence a rightful owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    ProducerFenced,
    RecordListTooLargeError,
)

from cxstream.stream.security import client_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from aiokafka.producer.message_accumulator import BatchBuilder

    from cxstream.settings import Settings

    Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
    """Key, value and headers of a record."""

log = structlog.get_logger(__name__)

MAX_BATCH: Final = 900_000
"""Bytes of a record batch, below Kafka's default ``message.max.bytes`` of 1 MiB; a single larger row goes alone."""
_TRANSACTION_TIMEOUT: Final = 900_000
"""ms; the longest a broker allows by default. A transaction left open longer, because the broker was away in the
middle of it, is aborted by the broker, and the worker is fenced and starts again."""
_REQUEST_TIMEOUT: Final = 30_000
"""ms without an answer after which a connection is taken for dead."""

TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)
"""What a broker says of a record that it will never take."""
_NO_HEADERS: Final[list[tuple[str, bytes]]] = []
_CLOSING: Final = 2.0
"""Seconds that a producer may take to close."""


class FencedError(Exception):
    """Another worker has taken the partition over, or the broker has given up on our transaction."""


def producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """Return a producer that waits for a broker that is away instead of giving its records up."""
    made = AIOKafkaProducer(
        bootstrap_servers=list(settings.brokers),
        acks="all",
        request_timeout_ms=_REQUEST_TIMEOUT,
        **client_options(settings.security),
        **options,
    )
    accumulator = made._message_accumulator  # noqa: SLF001
    # aiokafka drops a batch that has not been sent for the length of a request timeout; there is no setting.
    accumulator._batch_ttl = math.inf  # noqa: SLF001
    accumulator._pending_batches = _Pending()  # noqa: SLF001
    made.client.coordinator_lookup = _patient(made.client.coordinator_lookup)
    return made


def _patient(lookup: Callable[..., Awaitable[int]]) -> Callable[..., Awaitable[int]]:
    """Let a lookup that loses its connection be repeated; aiokafka repeats it for other errors and dies of this one."""

    async def looked_up(*arguments: Any) -> int:
        try:
            return await lookup(*arguments)
        except KafkaConnectionError as error:
            raise NodeNotReadyError(str(error)) from error

    return looked_up


class _Pending(set[Any]):
    """Batches on their way; one that `dispose` has given up may come back, which aiokafka takes for a mistake."""

    remove = set.discard


async def dispose(client: AIOKafkaProducer) -> None:
    """Close a producer at once, whatever it still waits for: what matters has been acknowledged."""
    accumulator = client._message_accumulator  # noqa: SLF001 - it would wait for the broker for ever
    waiting = [accumulator._pending_batches, *accumulator._batches.values()]  # noqa: SLF001
    ends = [end for batch in chain(*waiting) for end in (batch.future, batch._drain_waiter)]  # noqa: SLF001
    accumulator.fail_all(KafkaError("closed"))
    for end in ends:
        if not end.cancelled():
            end.exception()  # taken note of: few of them are waited for
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(_CLOSING):
            await client.stop()
            return
    await client.client.close()  # which `stop` has not come to


def packed(
    client: AIOKafkaProducer,
    rows: Iterable[Row],
) -> Iterator[BatchBuilder]:
    """Yield closed batches of ``(key, value, headers)`` in order; a row that fits in no batch gets one of its own."""
    batch = client.create_batch()
    for key, value, headers in rows:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            yield batch
            batch = client.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
    if batch.record_count():
        batch.close()
        yield batch


class Writer:
    """Writes rows to one partition of the changelog: all that were given, in order, or it raises."""

    def __init__(self, settings: Settings, partition: int, *, embedded: bool = False) -> None:
        self.partition = partition
        self.end: int | None = None
        """The changelog's end offset after our last write; ``None`` before the first since opening."""
        self._settings = settings
        self._embedded = embedded
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Fence everyone who has written to this partition before us, ourselves included."""
        await self.close()
        options: dict[str, Any] = {"enable_idempotence": True}
        if not self._embedded:
            options["transactional_id"] = f"{self._settings.app}-{self.partition}"
            options["transaction_timeout_ms"] = _TRANSACTION_TIMEOUT
        client = producer(
            self._settings,
            client_id=f"{self._settings.app}-writer-{self.partition}",
            max_batch_size=MAX_BATCH,
            retry_backoff_ms=20,  # between two transactions, while the broker completes the first
            **options,
        )
        try:
            await client.start()
        except BaseException:
            await dispose(client)
            raise
        self._producer = client

    async def write(self, rows: Sequence[tuple[bytes, bytes | None]], notices: Sequence[Row] = ()) -> None:
        """Write rows, and notices into their topic, and wait until they are acknowledged: all of them or none.

        Raises ``FencedError`` if the partition is no longer ours.
        """
        client = self._producer
        if client is None:
            message = f"the writer of partition {self.partition} is closed"
            raise RuntimeError(message)
        topic = self._settings.changelog_topic
        try:
            if not self._embedded:
                await client.begin_transaction()
            if notices:
                there = len(await client.partitions_for(self._settings.sla_events_topic))
                for batch in packed(client, notices):
                    partition = self.partition % there
                    await (
                        await client.send_batch(batch, self._settings.sla_events_topic, partition=partition)
                    )
            for batch in packed(client, ((key, value, _NO_HEADERS) for key, value in rows)):
                sent = await (await client.send_batch(batch, topic, partition=self.partition))
                end = sent.offset + batch.record_count()
            if not self._embedded:
                await client.commit_transaction()
                end += 1  # the transaction's marker
        except (ProducerFenced, InvalidProducerEpoch) as error:
            message = (
                f"partition {self.partition} of {topic} has been taken over by another worker"
                " (or the broker was away for more than 15 minutes): start this worker again"
            )
            raise FencedError(message) from error
        self.end = end

    async def close(self) -> None:
        """Close the connection; what was acknowledged stays, an open transaction is aborted by the next owner."""
        client, self._producer, self.end = self._producer, None, None
        if client is None:
            return
        await dispose(client)
