"""SLA deadlines on a real broker: they pass with no event arriving, and are told exactly once."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from tests.stream.helpdesk import event, overdue, publish, settings_for, started, until

ROOT = Path(__file__).parents[2]
LAG = 1_500  # ms that a busy machine may take to notice a breach


def policy(folder, first_reply="3s", name="standard"):
    path = folder / f"{name}-{first_reply}.yml"
    path.write_text(
        f"version: 1\npolicies:\n  - name: {name}\n    when: {{}}\n    targets: {{first_reply: {first_reply}}}\n"
    )
    return path


def live(kafka, prefix, path, **more):
    return settings_for(kafka.address, prefix, sla_policy=path).model_copy(update={"clock": "wall", **more})


def now():
    return time.time_ns() // 1_000_000


async def told(settings, *kinds):
    """The committed notices of some kinds, as a reader of committed records sees them."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.brokers),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    consumer.subscribe([settings.sla_events_topic])
    async with consumer:
        found = []
        while batch := await consumer.getmany(timeout_ms=1_500):
            found += [json.loads(record.value) for records in batch.values() for record in records]
    return [notice for notice in found if not kinds or notice["type"] in kinds]


def evaluations(worker, outcome):
    return sum(count for (_, each, _), count in worker.tally.evaluations.items() if each == outcome)


async def test_silence_is_a_breach_at_its_deadline(kafka, prefix, tmp_path):
    settings = live(kafka, prefix, policy(tmp_path))
    async with started(settings) as worker:
        opened = now()
        await publish(
            settings, [event("ticket-opened", "T-1", opened), event("ticket-opened", "T-2", opened)]
        )
        await publish(settings, [event("agent-replied", "T-2", opened + 1_000)])
        await until(lambda: evaluations(worker, "breached") == 1, 15)
        assert overdue(worker) == 1
        assert evaluations(worker, "met") == 1
        await publish(settings, [event("agent-replied", "T-1", now())])
        await until(lambda: overdue(worker) == 0)
    (breach,) = await told(settings, "sla.breached")
    assert (breach["ticket_id"], breach["target"], breach["replayed"]) == ("T-1", "first_reply", False)
    assert 0 <= breach["lag_s"] * 1_000 <= LAG
    kinds = [(notice["ticket_id"], notice["type"]) for notice in await told(settings)]
    assert sorted(kinds) == [
        ("T-1", "sla.applied"), ("T-1", "sla.breached"), ("T-1", "sla.met_late"), ("T-1", "sla.warning"),
        ("T-2", "sla.applied"), ("T-2", "sla.met"),
    ]  # fmt: skip


async def test_a_worker_that_catches_up_waits_with_deadlines_until_it_has_read_the_replies(
    kafka, prefix, tmp_path
):
    settings = live(kafka, prefix, policy(tmp_path, "60s"))
    opened = now() - 600_000
    async with started(settings):
        pass
    sent = [event("ticket-opened", f"T-{n}", opened) for n in range(2_000)]
    await publish(
        settings, [*sent, *(event("agent-replied", f"T-{n}", opened + 30_000) for n in range(2_000))]
    )
    async with started(settings) as worker:
        await until(lambda: evaluations(worker, "met") == 2_000)
        await until(lambda: all(p.watermark.instant > opened for p in worker._owned.values()))
    assert await told(settings, "sla.breached", "sla.cancelled") == []


@contextmanager
def running(settings):
    command = [
        sys.executable,
        "-m",
        "tests.stream.watcher",
        settings.brokers[0],
        settings.topic_prefix,
        str(settings.sla_policy),
    ]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_worker_killed_before_the_deadline_and_again_after_it_tells_one_breach(
    kafka, prefix, tmp_path
):
    settings = live(kafka, prefix, policy(tmp_path, "12s"))
    async with started(settings):
        pass
    opened = now()
    await publish(settings, [event("ticket-opened", f"T-{n}", opened + n) for n in range(40)])
    with running(settings) as first:
        await asyncio.sleep((opened + 11_500 - now()) / 1_000)  # in the second before the deadline
        first.send_signal(signal.SIGKILL)
    with running(settings) as second:
        async with asyncio.timeout(60):
            while not await told(settings, "sla.breached"):
                pass
        second.send_signal(signal.SIGKILL)
    async with started(settings) as worker:
        await until(lambda: overdue(worker) == 40, 60)
    breaches = await told(settings, "sla.breached")
    assert sorted(notice["ticket_id"] for notice in breaches) == sorted(f"T-{n}" for n in range(40))
    assert {notice["due_at"] for notice in breaches} == {notice["occurred_at"] for notice in breaches}
    assert len(await told(settings, "sla.applied")) == 40
    ids = [notice["event_id"] for notice in await told(settings)]
    assert len(ids) == len(set(ids))


async def test_a_new_policy_moves_open_deadlines_and_leaves_breaches(kafka, prefix, tmp_path):
    settings = live(kafka, prefix, policy(tmp_path, "1s"))
    async with started(settings) as worker:
        await publish(settings, [event("ticket-opened", "T-1", now())])
        await until(lambda: evaluations(worker, "breached") == 1, 15)
    longer = live(kafka, prefix, policy(tmp_path, "90s"))
    async with started(longer) as worker:
        assert overdue(worker) == 1  # what has been breached stays so
        await publish(longer, [event("ticket-opened", "T-2", now())])
        await until(
            lambda: len([n for ledger in worker.ledgers().values() for n in ledger.clocks.elements()]) == 2
        )
    shorter = live(kafka, prefix, policy(tmp_path, "2s"))
    async with started(shorter) as worker:
        await until(lambda: overdue(worker) == 2, 15)
    breaches = await told(settings, "sla.breached")
    assert sorted(notice["ticket_id"] for notice in breaches) == ["T-1", "T-2"]
    (changed,) = await told(settings, "sla.changed")
    assert changed["ticket_id"] == "T-2"
