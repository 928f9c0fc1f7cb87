"""The letterbox: dead letters as they lie in their topic, and the way back for those that are valid now.

A letter is put back once. What was put back is remembered where the letter is: a *receipt*, a record of the same
topic and partition with the same key, no value and the header ``cx-replayed``. Receipts are written when the broker
has acknowledged the records that went back. A replay that is killed in between sends them again the next time; their
identity makes them duplicates, so that they still count once. A transaction would spare that, and would leave a
marker at the end of the sources, which whoever computes a lag takes for an event that is not yet read. As a receipt
is younger than its letter, retention deletes it later.

A letter is known by where its record came from. One that came twice (a worker was killed between the letter and its
mark) is one; one that is refused again comes from a new place and is a new one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from aiokafka import TopicPartition

from cxstream.core.reading import Message, Refused, read
from cxstream.stream.clock import wall
from cxstream.stream.writer import dispose, producer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiokafka import AIOKafkaProducer, ConsumerRecord

    from cxstream.settings import Settings
    from cxstream.stream.tail import Tail

RECEIPT: Final = "cx-replayed"
"""Header of a receipt: where the record came from that has been put back, as ``topic/partition/offset``."""
OMITTED: Final = "cx-value-omitted"
"""Header of a letter whose value was too large for the topic."""
BATCH: Final = 500
"""Letters put back before their receipts are written."""
_LARGEST: Final = 4 << 20
"""Bytes of a request: a letter is at most as large as a record of a source with default settings."""


class Found(NamedTuple):
    """A letter in the box."""

    partition: int
    """Of the dead letters."""
    offset: int
    reason: str
    message: str
    origin: TopicPartition | None
    """Where the record came from; ``None`` for what never lay in a topic."""
    origin_offset: int
    at: int
    """The timestamp of the record that was refused, or of the letter, ms."""
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    """The original ones."""
    omitted: bool
    """Whether the value is missing, because it was too large."""
    replayed: bool

    @property
    def name(self) -> str:
        """What a user calls it by: ``partition:offset``."""
        return f"{self.partition}:{self.offset}"

    @property
    def came_from(self) -> str:
        """What the letter is known by."""
        if self.origin is None:
            return f"/{self.name}"
        return f"{self.origin.topic}/{self.origin.partition}/{self.origin_offset}"


class Letterbox:
    """Reads the dead letters."""

    def __init__(self, settings: Settings, tail: Tail) -> None:
        self._settings = settings
        self._tail = tail
        self._canonical = {settings.topic_name(topic): topic for topic in settings.topics}

    async def letters(self) -> AsyncIterator[Found]:
        """Yield each letter once, with whether it has been put back."""
        tps = await self._tail.partitions(self._settings.dead_letters_topic)
        starts, ends = await self._tail.starts(tps), await self._tail.ends(tps)
        spans = {tp: (starts[tp], ends[tp]) for tp in tps}
        receipts = set()
        async for _, records in self._tail.read(spans):
            receipts |= {value for record in records for name, value in record.headers if name == RECEIPT}
        seen = set()
        async for _, records in self._tail.read(spans):
            for record in records:
                found = _found(record, receipts)
                if found is not None and found.came_from not in seen:
                    seen.add(found.came_from)
                    yield found

    def verdict(self, letter: Found) -> Message | Refused | str:
        """Whether a letter could be put back now: its event, or why it is none, or why it has no way back."""
        if letter.origin is None:
            return "came from no topic"
        topic = self._canonical.get(letter.origin.topic)
        if topic is None:
            return f"{letter.origin.topic} is no topic of these settings"
        if letter.omitted:
            return "its value was too large to be kept"
        try:
            latest = wall() + self._settings.max_future
            return read(topic, letter.value, letter.key, letter.headers, latest=latest)
        except Refused as refused:
            return refused


class Return:
    """Puts letters back; an asynchronous context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        client = producer(
            self._settings,
            client_id=f"{self._settings.app}-dead-letters-replay",
            enable_idempotence=True,
            max_request_size=_LARGEST,
        )
        try:
            await client.start()
        except BaseException:
            await dispose(client)
            raise
        self._producer = client
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._producer = self._producer, None
        if client is not None:
            await dispose(client)

    async def put(self, letters: Sequence[Found]) -> None:
        """Put letters back where they came from, and write their receipts.

        Each goes to its partition: the events of its ticket are there, whatever partitioner the publisher uses.
        """
        client = self._producer
        if client is None:
            raise RuntimeError("letters cannot be put back outside of the block")
        back = []
        for letter in letters:
            if letter.origin is not None:
                topic, number = letter.origin
                place = number % len(await client.partitions_for(topic))
                back.append(
                    await client.send(
                        topic, letter.value, letter.key, partition=place, headers=letter.headers
                    )
                )
        await asyncio.gather(*back)
        box = self._settings.dead_letters_topic
        receipts = [
            await client.send(
                box,
                None,
                letter.key,
                partition=letter.partition,
                headers=[(RECEIPT, letter.came_from.encode())],
            )
            for letter in letters
        ]
        await asyncio.gather(*receipts)


def _found(record: ConsumerRecord, receipts: set[bytes]) -> Found | None:
    """The letter in a record; ``None`` for a receipt and whatever else is no letter."""
    ours = {name: value for name, value in record.headers if name.startswith("cx-")}
    if RECEIPT in ours or "cx-error-reason" not in ours:
        return None
    place = {name: ours.get(f"cx-original-{name}", b"").decode(errors="replace") for name in _PLACE}
    whole = all(place[name].isascii() and place[name].isdigit() for name in ("partition", "offset"))
    origin = TopicPartition(place["topic"], int(place["partition"])) if place["topic"] and whole else None
    at = place["timestamp"]
    found = Found(
        record.partition,
        record.offset,
        ours["cx-error-reason"].decode(errors="replace"),
        ours.get("cx-error-message", b"").decode(errors="replace"),
        origin,
        int(place["offset"]) if whole else -1,
        int(at) if at.isascii() and at.isdigit() else record.timestamp,
        record.key,
        record.value,
        [header for header in record.headers if header[0] not in _OURS],
        OMITTED in ours,
        replayed=False,
    )
    return found._replace(replayed=found.came_from.encode() in receipts)


_PLACE: Final = ("topic", "partition", "offset", "timestamp")
_OURS: Final = frozenset(
    {"cx-error-reason", "cx-error-message", OMITTED, *(f"cx-original-{n}" for n in _PLACE)}
)
