"""Publishing events: for the simulated helpdesk, for replays, for the gateway.

    async with Publisher(settings) as publisher:
        await publisher.send("ticket-opened", b"7", b'{"ticket_id": "7", ...}')
        await publisher.flush()  # acknowledged by the broker

Keys go to partitions by Java's murmur2, so that a ticket's events meet. Records are gathered into batches here, one
open batch per topic-partition, and not one by one in the client library, which costs four times as much per record.
A broker that goes away is waited for: nothing that was taken is given up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from cxstream.core.partitioner import partition_of
from cxstream.stream.writer import dispose, producer

if TYPE_CHECKING:
    from types import TracebackType

    from aiokafka import AIOKafkaProducer
    from aiokafka.producer.message_accumulator import BatchBuilder

    from cxstream.settings import Settings

LINGER: Final = 0.005
"""Seconds that a record may wait for others of its batch."""
BATCH: Final = 256_000
"""Bytes of a batch before compression."""
LARGEST: Final = 1_000_000
"""Bytes of a value that a broker with default settings accepts."""
_AHEAD: Final = 4
"""Full batches per topic-partition that wait to be sent before the publisher does."""
_KEYS: Final = 50_000
"""Keys whose partition is remembered."""


class TooLargeError(ValueError):
    """A value that no broker with default settings would accept."""


class Publisher:
    """Sends records in order per key; an asynchronous context manager, whose end flushes."""

    def __init__(self, settings: Settings, *, embedded: bool = False, linger: float = LINGER) -> None:
        self.sent = 0
        """Records acknowledged by the broker."""
        self._settings = settings
        self.linger = linger
        self._embedded = embedded
        self._lanes: dict[str, list[_Lane]] = {}
        self._home: dict[bytes, int] = {}
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        client = producer(
            self._settings,
            client_id=f"{self._settings.app}-publisher",
            enable_idempotence=True,
            compression_type=None if self._embedded else "lz4",
            max_batch_size=BATCH,
        )
        try:
            await client.start()
        except BaseException:
            await dispose(client)
            raise
        self._producer = client
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            for lanes in self._lanes.values():
                for lane in lanes:
                    await lane.close()
            self._lanes.clear()
            if self._producer is not None:
                await dispose(self._producer)
                self._producer = None

    async def send(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: list[tuple[str, bytes]] | None = None,
        *,
        at: int | None = None,
    ) -> None:
        """Take a record for a topic (its canonical name); waits only if the broker cannot follow.

        It is dated ``at``, ms, or now. A worker that catches up merges the topics by these dates.
        Raises ``TooLargeError`` for this record, and ``KafkaError`` if an earlier one was not accepted.
        """
        lanes = self._lanes.get(topic)
        if lanes is None:
            lanes = await self._open(topic)
        if value is not None and len(value) > LARGEST:
            message = f"a value of {len(value)} bytes is larger than brokers accept ({LARGEST})"
            raise TooLargeError(message)
        home = self._home
        place = home.get(key)
        if place is None:
            if len(home) > _KEYS:
                home.clear()
            place = home[key] = partition_of(key, len(lanes))
        await lanes[place % len(lanes)].add(key, value, headers or [], at)

    async def flush(self) -> None:
        """Return when everything taken so far has been acknowledged; raise ``KafkaError`` if something was not."""
        for lanes in self._lanes.values():
            for lane in lanes:
                lane.push()
        for lanes in self._lanes.values():
            for lane in lanes:
                await lane.idle()

    async def _open(self, topic: str) -> list[_Lane]:
        client = self._producer
        if client is None:
            message = "the publisher is closed"
            raise RuntimeError(message)
        name = self._settings.topic_name(topic)
        count = len(await client.partitions_for(name))
        if any(len(lanes) != count for lanes in self._lanes.values()):
            self._home.clear()
        lanes = self._lanes[topic] = [_Lane(self, client, name, number) for number in range(count)]
        return lanes


class _Lane:
    """One topic-partition: an open batch, and closed ones that are sent one after the other."""

    def __init__(self, publisher: Publisher, client: AIOKafkaProducer, topic: str, partition: int) -> None:
        self._publisher = publisher
        self._client = client
        self._topic, self._partition = topic, partition
        self._open: BatchBuilder | None = None
        self._closed: deque[BatchBuilder] = deque()
        self._work, self._room, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._empty.set()
        self._timer: asyncio.TimerHandle | None = None
        self._error: BaseException | None = None
        self._task = asyncio.create_task(self._run(), name=f"publish-{topic}-{partition}")

    async def add(
        self, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]], at: int | None
    ) -> None:
        """Take a record; waits if too many batches are waiting."""
        if not self._room.is_set():
            await self._room.wait()
        if self._error is not None:
            raise self._error
        batch = self._open
        if batch is None or batch.append(key=key, value=value, timestamp=at, headers=headers) is None:
            self.push()
            batch = self._open = self._client.create_batch()
            batch.append(key=key, value=value, timestamp=at, headers=headers)
            self._empty.clear()
            self._timer = asyncio.get_running_loop().call_later(self._publisher.linger, self.push)

    def push(self) -> None:
        """Close the open batch and have it sent."""
        batch, self._open = self._open, None
        if batch is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch.close()
        self._closed.append(batch)
        self._work.set()
        if len(self._closed) >= _AHEAD:
            self._room.clear()

    async def idle(self) -> None:
        """Return when all that was pushed is acknowledged."""
        await self._empty.wait()
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """Stop; what is not acknowledged yet may be lost."""
        if self._timer is not None:
            self._timer.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while True:
                await self._work.wait()
                while self._closed:
                    batch = self._closed.popleft()
                    if len(self._closed) < _AHEAD:
                        self._room.set()
                    await (await self._client.send_batch(batch, self._topic, partition=self._partition))
                    self._publisher.sent += batch.record_count()
                self._work.clear()
                if self._open is None:
                    self._empty.set()
        except Exception as error:  # noqa: BLE001 - raised by the next add or flush
            self._error = error
            self._room.set()
            self._empty.set()
