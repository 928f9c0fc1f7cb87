"""State by the million: the changelog of a worker that has seen very many tickets, written as the worker writes it.

Letting a worker apply ten million events first would take the time of all other benchmarks together. The rows are
those a ledger writes for the same events (a test compares them byte for byte); in which partition a ticket lies makes
no difference to what is measured, so they are dealt out in turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer

from benchmarks.events import START
from benchmarks.running import PARTITIONS
from cxstream.core.event import AgentReplied, AnyEvent, Opened, Resolved, SurveyAnswered
from cxstream.core.foreign import FORMAT
from cxstream.core.record import Record, key_of
from cxstream.settings import Settings
from cxstream.stream.writer import packed, producer

SOURCE: Final = "demo"
TEAMS: Final = ("billing", "technical", "retail", "onboarding", "enterprise")
CHANNELS: Final = ("email", "web", "chat", "phone")
PRIORITIES: Final = ("normal", "normal", "normal", "low", "high", "urgent")
KINDS: Final = ("question", "incident", "problem", "task")
TAGS: Final = (None, None, None, ("refund",), ("invoice", "autumn"))
DAY: Final = 86_400_000  # ms
HOUR: Final = 3_600_000  # ms
_BATCH: Final = 500_000  # bytes
_AHEAD: Final = 32
"""Batches on their way at once."""
_encode: Final = msgspec.msgpack.Encoder().encode

Story = tuple[str, list[AnyEvent]]
"""A ticket's id and its events."""


def open_tickets(count: int) -> Iterator[Story]:
    """Opened within the three days before the simulated events begin, and answered once."""
    chance = Random(1)
    for number in range(count):
        at = START - chance.randrange(3 * DAY)
        yield str(10_000_000_000 + number), _begun(chance, number, at)


def resolved_tickets(count: int) -> Iterator[Story]:
    """Opened within the 28 days before, answered twice, resolved the next day; every fourth customer was asked."""
    chance = Random(2)
    for number in range(count):
        at = START - DAY - chance.randrange(28 * DAY)
        events = _begun(chance, number, at)
        first = events[0]
        told = {
            "team": first.team,
            "channel": first.channel,
            "priority": first.priority,
            "agent_id": events[1].agent_id,
        }
        later = at + 2 * HOUR + chance.randrange(20 * HOUR)
        events.append(
            AgentReplied(at=later, event_id=f"e{5 * number + 2}", waiting_since=later - HOUR // 2, **told)
        )
        events.append(Resolved(at=later, event_id=f"e{5 * number + 3}", **told))
        if number % 4 == 0:
            score = str(1 + chance.randrange(5))
            events.append(
                SurveyAnswered(
                    at=later + HOUR, event_id=f"e{5 * number + 4}", survey="csat", score=score, **told
                )
            )
        yield str(20_000_000_000 + number), events


def _begun(chance: Random, number: int, at: int) -> list[AnyEvent]:
    place = int(chance.random() * 1_200)
    told = {
        "team": TEAMS[place % 5],
        "channel": CHANNELS[place % 4],
        "priority": PRIORITIES[place % 6],
        "kind": KINDS[place // 4 % 4],
        "customer_id": f"c{place * 17}",
        "tags": TAGS[place // 7 % 5],
    }
    agent = f"{told['team']}-{place % 50}"
    return [
        Opened(at=at, event_id=f"e{5 * number}", **told),
        AgentReplied(
            at=at + 60_000 * (1 + place % 90),
            event_id=f"e{5 * number + 1}",
            agent_id=agent,
            waiting_since=at,
            **told,
        ),
    ]


def rows(stories: Iterable[Story], arrived: int, fired_until: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the ticket table.

    ``arrived``, ms, is when the tickets' last events came; up to ``fired_until`` deadlines have passed already.
    """
    for ticket, events in stories:
        yield key_of(SOURCE, ticket), _encode(Record(FORMAT, arrived, 1, events, fired_until))


async def write(settings: Settings, made: Iterable[tuple[bytes, bytes]]) -> int:
    """Into the changelog topic of these settings, which exists; how many rows there were."""
    client = producer(settings, enable_idempotence=True, max_batch_size=_BATCH, linger_ms=5)
    await client.start()
    try:
        return await _deal(client, settings.changelog_topic, made)
    finally:
        await client.stop()


async def _deal(client: AIOKafkaProducer, topic: str, made: Iterable[tuple[bytes, bytes]]) -> int:
    count = 0

    def counted() -> Iterator[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]:
        nonlocal count
        for key, value in made:
            count += 1
            yield key, value, []

    waiting: set[asyncio.Future[object]] = set()
    for number, batch in enumerate(packed(client, counted())):
        waiting.add(await client.send_batch(batch, topic, partition=number % PARTITIONS))
        if len(waiting) > _AHEAD:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for sent in waiting:
        await sent
    return count
