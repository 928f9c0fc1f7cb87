"""Dead letters: what is no valid event, kept byte for byte in a topic of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from cxstream.stream.broker import RETRY
from cxstream.stream.writer import dispose, packed, producer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaProducer, ConsumerRecord

    from cxstream.settings import Settings

log = structlog.get_logger(__name__)

_BATCH: Final = 500_000
"""Bytes of a batch of dead letters; a larger one goes alone."""

Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


class Letter(NamedTuple):
    """A record that was refused, and why."""

    record: ConsumerRecord
    reason: str
    message: str

    def row(self) -> Row:
        """Key and value as they were, the original headers, and ours."""
        record = self.record
        ours = {
            "cx-error-reason": self.reason,
            "cx-error-message": self.message,
            "cx-original-topic": record.topic,
            "cx-original-partition": str(record.partition),
            "cx-original-offset": str(record.offset),
            "cx-original-timestamp": str(record.timestamp),
        }
        # Of a dead letter that was put back and is refused again, the new reasons stand.
        headers = [header for header in record.headers if header[0] not in ours]
        headers += [(name, text.encode()) for name, text in ours.items()]
        return record.key, record.value, headers


class DeadLetters:
    """Sends letters; does not return before the broker has them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.dead_letters_topic
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Connect."""
        # Without idempotence: a refused batch would leave a hole in the sequence numbers. A letter may come twice.
        client = producer(
            self._settings, client_id=f"{self._settings.app}-dead-letters", max_batch_size=_BATCH
        )
        try:
            await client.start()
        except BaseException:
            await dispose(client)
            raise
        self._producer = client

    async def close(self) -> None:
        """Disconnect."""
        client, self._producer = self._producer, None
        if client is not None:
            await dispose(client)

    async def send(self, letters: Sequence[Letter]) -> None:
        """Send letters of one partition of a topic, in order, and wait for the acknowledgement."""
        client = self._producer
        if client is None:
            raise RuntimeError("dead letters cannot be sent before open()")
        rows = [letter.row() for letter in letters]
        partition = letters[0].record.partition
        attempt = 0
        while True:
            try:
                count = len(await client.partitions_for(self._topic))
                await self._send(client, rows, partition % count)
            except KafkaError as error:
                if self._producer is None:
                    raise
                if attempt == 0:
                    remedy = "the stream waits; create it with: cxstream topics create"
                    log.error(  # noqa: TRY400 - one line: the cause is in it
                        "dead letters are not accepted", topic=self._topic, error=repr(error), remedy=remedy
                    )
                await asyncio.sleep(RETRY[min(attempt, len(RETRY) - 1)])
                attempt += 1
            else:
                if attempt:
                    log.info("dead letters are accepted again", topic=self._topic, letters=len(rows))
                return

    async def _send(self, client: AIOKafkaProducer, rows: list[Row], partition: int) -> None:
        for batch in packed(client, rows):
            count = batch.record_count()
            try:
                await (await client.send_batch(batch, self._topic, partition=partition))
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                for row in rows[:count]:
                    await self._send_large(client, row, partition)
            rows = rows[count:]

    async def _send_large(self, client: AIOKafkaProducer, row: Row, partition: int) -> None:
        """Send a letter alone; if it is too large for the topic, without its value, which is where it came from."""
        key, value, headers = row
        where = "see cx-original-topic, -partition and -offset"
        note = f"{len(value or b'')} bytes, larger than max.message.bytes of this topic: {where}"
        bare: Row = (key, b"", [*headers, ("cx-value-omitted", note.encode())])
        for attempt in (row, bare):
            (batch,) = packed(client, [attempt])
            try:
                await (await client.send_batch(batch, self._topic, partition=partition))
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                if attempt is bare:
                    raise
            else:
                return
