"""A worker on a real broker: from events to ledgers, through restarts, rebalances and shutdowns."""

import asyncio
import os
import signal
import time

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cxstream.stream import topics
from cxstream.stream.publisher import Publisher
from cxstream.stream.worker import Worker, WorkerFailedError
from tests.kafka import RealBroker
from tests.stream.helpdesk import (
    NOW,
    SESSION,
    event,
    events,
    expected,
    publish,
    records_of,
    settings_for,
    settled,
    source_ends,
    started,
    totals,
    until,
)


async def committed(settings) -> dict[TopicPartition, int]:
    client = AIOKafkaAdminClient(bootstrap_servers=list(settings.brokers))
    await client.start()
    try:
        found = await client.list_consumer_group_offsets(settings.app)
        return {tp: meta.offset for tp, meta in found.items()}
    finally:
        await client.close()


async def test_an_event_reaches_its_ledger(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with started(settings) as worker:
        await publish(settings, [event("ticket-opened", "7", NOW)])
        await settled(worker)
        assert worker.tally.results["ticket-opened", "applied"] == 1
        assert sum(ledger.counts.awaiting for ledger in worker.ledgers().values()) == 1
        assert worker.now() == NOW
        assert worker.assigned() == [0, 1, 2, 3]
        assert worker.topic_partitions() == dict.fromkeys(settings.topics, 4)
        assert list(worker.event_times().values()) == [NOW]
        assert worker.tally.newest == {"default": NOW}
        assert worker.alive()
        assert not worker.recovering()


async def test_all_events_count_once_and_are_committed_at_the_stop(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(600)
    async with started(settings) as worker:
        await publish(settings, sent)
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)
        assert sum(worker.tally.results.values()) == len(sent)
        await until(lambda: not sum(worker.lag().values()))
        before = time.monotonic()
    assert time.monotonic() - before < 10
    ends = {tp: end for tp, end in (await source_ends(settings)).items() if end}
    assert {tp: at for tp, at in (await committed(settings)).items() if tp in ends} == ends


async def test_a_restart_with_a_backlog_skips_nothing(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(900)
    async with started(settings) as worker:
        await publish(settings, sent[:1000])
        await settled(worker)
    for part in (sent[1000:2000], sent[2000:]):
        await publish(settings, part)
        async with started(settings) as worker:
            await settled(worker)
            assert worker.tally.results.total() == len(part)
            found = totals(worker.ledgers().values())
    assert found == expected(settings, sent)


async def test_events_before_the_first_start_are_read(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(200)
    await topics.create(settings)
    await publish(settings, sent)
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)


async def test_two_workers_share_and_hand_over(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(1_500)
    parts = [sent[:1500], sent[1500:3000], sent[3000:]]
    async with started(settings) as first:
        await publish(settings, parts[0])
        await settled(first)
        kept = dict(first.ledgers())
        async with started(settings) as second:
            await until(lambda: len(first.assigned()) == 2 and len(second.assigned()) == 2)
            await publish(settings, parts[1])
            await settled(first)
            await settled(second)
            assert not set(first.assigned()) & set(second.assigned())
            both = [*first.ledgers().values(), *second.ledgers().values()]
            assert totals(both) == expected(settings, parts[0] + parts[1])
            for number, ledger in first.ledgers().items():
                assert ledger is kept[number]  # what stays is not built again
            assert first._recovery.rebuilt == 4
        await until(lambda: len(first.assigned()) == 4 and first.ready() is None)
        await publish(settings, parts[2])
        await settled(first)
        assert totals(first.ledgers().values()) == expected(settings, sent)
        assert first._recovery.rebuilt == 6


async def test_workers_come_and_go_while_events_flow(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(3_000)
    await topics.create(settings)

    async def flow() -> None:
        async with Publisher(settings) as publisher:
            for number, row in enumerate(sent):
                await publisher.send(*row)
                if number % 20 == 0:
                    await asyncio.sleep(0.01)

    flowing = asyncio.create_task(flow())
    async with started(settings) as first:
        async with started(settings):
            async with started(settings):
                await asyncio.sleep(0.5)
            await asyncio.sleep(0.5)
        await flowing
        await until(lambda: len(first.assigned()) == 4 and first.ready() is None)
        await settled(first)
        assert totals(first.ledgers().values()) == expected(settings, sent)


async def test_more_workers_than_partitions(kafka, prefix):
    settings = settings_for(kafka.address, prefix, partitions=1)
    async with started(settings) as first, started(settings) as second:
        await until(lambda: sorted([*first.assigned(), *second.assigned()]) == [0])
        await until(lambda: first.ready() is None and second.ready() is None)


async def test_it_waits_for_missing_topics_and_says_which(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with Worker(settings, session=SESSION) as worker:
        await until(lambda: "topics are missing" in str(worker.ready()))
        assert "cxstream topics create" in str(worker.ready())
        assert worker.assigned() == []
        assert worker.alive()
        await topics.create(settings)
        await until(lambda: worker.ready() is None)


async def test_it_waits_for_the_broker(tmp_path, prefix):
    broker = RealBroker(tmp_path)
    settings = settings_for(broker.address, prefix)
    async with Worker(settings, session=SESSION) as worker:
        await until(lambda: "refuses connections" in str(worker.ready()))
        with broker:
            await topics.create(settings)
            await until(lambda: worker.ready() is None)
            await worker.stop()


async def test_an_outage_is_waited_out(tmp_path, prefix):
    sent = events(800)
    with RealBroker(tmp_path) as broker:
        settings = settings_for(broker.address, prefix)
        async with started(settings) as worker:
            await publish(settings, sent[:1000])
            await settled(worker)
            for end in (broker.kill, broker.stop):
                end()
                await asyncio.sleep(3)
                assert worker.alive()
                await asyncio.to_thread(broker.start)
            await publish(settings, sent[1000:])
            await settled(worker)
            assert totals(worker.ledgers().values()) == expected(settings, sent)
            assert worker.alive()


async def test_it_stops_in_time_although_the_broker_is_away(tmp_path, prefix):
    with RealBroker(tmp_path) as broker:
        settings = settings_for(broker.address, prefix)
        async with started(settings) as worker:
            await publish(settings, events(100))
            await settled(worker)
            broker.kill()
            before = time.monotonic()
        assert time.monotonic() - before < 10


async def test_sigterm_ends_it_in_order(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with started(settings) as worker:
        asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(worker.run_forever(), 10)
        assert worker.ready() == "stopping"


async def test_topics_with_different_numbers_of_partitions_are_refused(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    odd = settings.model_copy(update={"partitions": 3})
    async with topics.administrator(settings) as client:
        await topics._create(client, topics.wanted(odd)[:1])
    await topics.create(settings)
    async with Worker(settings) as worker:
        with pytest.raises(WorkerFailedError, match="same number of partitions"):
            await asyncio.wait_for(worker.run_forever(), 30)
        assert not worker.alive()
        assert str(worker.ready()).startswith("failed")


async def test_lost_changelog_is_built_anew_from_the_topics(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(300)
    async with started(settings) as worker:
        await publish(settings, sent)
        await settled(worker)
    async with topics.administrator(settings) as client:
        await client.delete_topics([settings.changelog_topic])
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)


async def test_a_topic_made_anew_is_read_from_its_start(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(300)
    async with started(settings) as worker:
        await publish(settings, sent)
        await settled(worker)
    name = settings.topic_name("ticket-opened")
    async with topics.administrator(settings) as client:
        await client.delete_topics([name])
    more = [event("ticket-opened", f"new-{n}", NOW) for n in range(20)]
    await topics.create(settings)
    await publish(settings, more)
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent + more)


async def test_the_changelog_holds_one_row_per_touched_ticket_and_flush(kafka, prefix):
    """Not a record per event: a batch is one snapshot."""
    settings, sent = settings_for(kafka.address, prefix), events(500)
    await topics.create(settings)
    await publish(settings, sent)
    async with started(settings) as worker:
        await settled(worker)
    rows = await records_of(settings, settings.changelog_topic)
    assert len({row.key for row in rows if row.key != b"m"}) == 500
    assert len(rows) < len(sent)
