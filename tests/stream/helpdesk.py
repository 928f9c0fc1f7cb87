"""Events for tests of the stream, what they add up to, and ways to watch a worker."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

from aiokafka import TopicPartition

from cxstream.core.cycle import OVERDUE
from cxstream.core.ledger import Ledger
from cxstream.core.reading import read
from cxstream.core.tally import Tally
from cxstream.settings import Settings
from cxstream.stream import topics
from cxstream.stream.publisher import Publisher
from cxstream.stream.tail import Tail
from cxstream.stream.worker import Worker

Event = tuple[str, bytes, bytes]
SESSION = 6.0  # seconds; the least that Kafka allows by default, so that a killed worker is soon replaced
NOW = 1_772_445_600_000  # 2026-03-02T10:00:00Z


def settings_for(address: str, prefix: str, **more: object) -> Settings:
    """Settings under which names of topics and groups meet no other test's."""
    return Settings(brokers=(address,), app=f"{prefix}app", topic_prefix=prefix, clock="event", **more)


def event(topic: str, ticket: str, at: int, **fields: object) -> Event:
    body = {"ticket_id": ticket, "occurred_at": at, "team": "billing", **fields}
    return topic, ticket.encode(), json.dumps(body).encode()


def events(tickets: int, seed: int = 1) -> list[Event]:
    """Some eight events per ten minutes and ticket, shuffled within reach of each other, a tenth of them twice."""
    rng = random.Random(seed)
    made: list[tuple[float, Event]] = []
    for number in range(tickets):
        at = NOW - rng.randrange(6 * 3_600_000)
        name = f"{seed}-{number}"
        steps = [event("ticket-opened", name, at, channel=rng.choice(("email", "chat")))]
        for reply in range(rng.randrange(4)):
            at += rng.randrange(60_000, 900_000)
            steps.append(event("agent-replied", name, at, agent_id=str(reply)))
        if rng.random() < 0.7:
            steps.append(event("ticket-resolved", name, at + 60_000))
        if rng.random() < 0.3:
            steps.append(
                event("survey-answered", name, at + 90_000, survey="csat", score=rng.randrange(1, 6))
            )
        for step in steps:
            made += [(number + rng.random() * 50, step)] * (2 if rng.random() < 0.1 else 1)
    return [step for _, step in sorted(made, key=lambda pair: pair[0])]


def totals(ledgers: Iterable[Ledger]) -> dict[str, object]:
    """Numbers that depend on every event, summed over ledgers."""
    added: dict[str, int] = {}
    for ledger in ledgers:
        for name in ledger.counts.__struct_fields__:
            added[name] = added.get(name, 0) + getattr(ledger.counts, name)
        for measure in ("first_response", "response", "first_resolution", "resolution"):
            counts, total = ledger.retained.histogram(measure)
            added[f"{measure} count"] = added.get(f"{measure} count", 0) + sum(counts)
            added[f"{measure} sum"] = added.get(f"{measure} sum", 0) + total
    return added


def overdue(worker: Worker) -> int:
    """Clocks past their deadline."""
    return sum(
        count
        for ledger in worker.ledgers().values()
        for (_, state, _), count in ledger.clocks.items()
        if state == OVERDUE
    )


def expected(settings: Settings, sent: Iterable[Event]) -> dict[str, object]:
    """What a ledger says that is given every event once, in order, by nobody but this function."""
    ledger = Ledger(settings.rules, Tally(settings.rules), {})
    wall = int(time.time() * 1_000)
    for topic, key, value in sent:
        told = read(topic, value, key, latest=wall)
        ledger.apply(told.source, told.ticket_id, told.event, now=NOW, arrived=wall)
    return totals([ledger])


async def publish(settings: Settings, sent: Iterable[Event], *, embedded: bool = False) -> None:
    async with Publisher(settings, embedded=embedded) as publisher:
        for topic, key, value in sent:
            await publisher.send(topic, key, value)


async def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something to become true; fails after a deadline."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)


async def settled(worker: Worker, seconds: float = 60.0) -> None:
    """Wait until a worker is ready and has applied everything."""
    await until(lambda: worker.ready() is None and worker.assigned(), seconds)
    await caught_up(worker, seconds)


async def caught_up(worker: Worker, seconds: float = 60.0) -> None:
    """Wait until a worker has applied everything of the partitions that it shows."""
    ends = await source_ends(worker.settings)

    def applied() -> bool:
        shown, offsets = worker.assigned(), worker.offsets()
        marks = {
            TopicPartition(worker.settings.topic_name(topic), number): offset + 1
            for topic, row in offsets.items()
            for number, offset in row.items()
        }
        # In a rebalance none is shown.
        return bool(shown) and all(
            marks.get(tp, 0) >= end for tp, end in ends.items() if tp.partition in shown
        )

    await until(applied, seconds)


async def source_ends(settings: Settings) -> dict[TopicPartition, int]:
    async with Tail(settings) as tail:
        tps = [tp for topic in settings.topics for tp in await tail.partitions(settings.topic_name(topic))]
        return await tail.ends(tps)


async def records_of(settings: Settings, topic: str) -> list:
    async with Tail(settings) as tail:
        ends = await tail.ends(await tail.partitions(topic))
        return [
            record
            async for _, rows in tail.read({tp: (0, end) for tp, end in ends.items()})
            for record in rows
        ]


@asynccontextmanager
async def started(settings: Settings, **more: object) -> AsyncIterator[Worker]:
    """A worker that is ready; its topics are made."""
    await topics.create(settings)
    async with Worker(settings, session=SESSION, **more) as worker:
        await until(lambda: worker.ready() is None)
        yield worker


def chunks(rows: list[Event], size: int) -> Iterator[list[Event]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
