"""kill -9 at any moment changes no number; a zombie harms nobody."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cxstream.core.ledger import Ledger
from cxstream.core.tally import Tally
from cxstream.stream import topics
from cxstream.stream.tail import Tail
from cxstream.stream.worker import Worker
from tests.stream.helpdesk import (
    NOW,
    SESSION,
    chunks,
    event,
    events,
    expected,
    publish,
    records_of,
    settings_for,
    settled,
    started,
    totals,
    until,
)

ROOT = Path(__file__).parents[2]


@contextmanager
def victim(address: str, prefix: str, point: str, count: int = 1) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.stream.victim", address, prefix, point, str(count)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def died(process: subprocess.Popen[str], seconds: float = 60) -> int:
    await until(lambda: process.poll() is not None, seconds)
    return process.returncode


# Before the first commit of offsets (a second after the first batch) and in the midst of the work.
POINTS = [
    ("apply", 1),
    ("apply", 700),
    ("write", 1),
    ("middle", 1),
    ("middle", 3),
    ("written", 1),
    ("written", 4),
]


@pytest.mark.parametrize(("point", "count"), POINTS, ids=str)
async def test_a_kill_changes_nothing(kafka, prefix, point, count):
    settings, sent = settings_for(kafka.address, prefix), events(800)
    await topics.create(settings)
    await publish(settings, sent[:1500])
    with victim(kafka.address, prefix, point, count) as process:
        assert await died(process) == -signal.SIGKILL
    await publish(settings, sent[1500:])
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)


async def test_many_kills_change_nothing(kafka, prefix):
    """Each life gets a little further, with events still coming in."""
    settings, sent = settings_for(kafka.address, prefix), events(2_000)
    await topics.create(settings)
    points = [("apply", 300), ("written", 2), ("middle", 3), ("apply", 1_000), ("write", 2), ("written", 6)]
    for (point, count), part in zip(points, chunks(sent, len(sent) // len(points) + 1), strict=True):
        await publish(settings, part)
        with victim(kafka.address, prefix, point, count) as process:
            try:
                assert await died(process, 20) == -signal.SIGKILL
            except AssertionError:
                process.kill()  # it had too little to do to come to that point
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)


async def test_another_worker_takes_over_from_a_killed_one(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(1_200)
    async with started(settings) as worker:
        with victim(kafka.address, prefix, "never") as process:
            await until(lambda: len(worker.assigned()) == 2)
            await publish(settings, sent[:2000])
            await settled(worker)
            process.kill()
        await publish(settings, sent[2000:])
        await until(lambda: len(worker.assigned()) == 4 and worker.ready() is None)
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, sent)


async def test_a_zombie_is_fenced(kafka, prefix):
    """It has applied events and drained their rows; when it wakes up, the same tickets have gone further."""
    settings = settings_for(kafka.address, prefix)
    await topics.create(settings)
    opened = [event("ticket-opened", str(n), NOW) for n in range(40)]
    later = [event("ticket-resolved", str(n), NOW + 60_000) for n in range(40)]
    await publish(settings, opened)
    with victim(kafka.address, prefix, "freeze") as zombie:
        await until(lambda: Path(f"/proc/{zombie.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        async with Worker(settings, session=SESSION) as worker:
            await until(lambda: worker.ready() is None and len(worker.assigned()) == 4)
            await publish(settings, later)
            await settled(worker)
            os.kill(zombie.pid, signal.SIGCONT)
            status = await died(zombie)
            assert zombie.stderr is not None
            said = zombie.stderr.read()
            assert status == 1, said
            assert "taken over by another worker" in said
            await until(lambda: worker.ready() is None and len(worker.assigned()) == 4)
            assert totals(worker.ledgers().values()) == expected(settings, opened + later)
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, opened + later)


async def test_refused_records_survive_a_kill(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    await topics.create(settings)
    good = [event("ticket-opened", str(n), NOW) for n in range(100)]
    bad = [("ticket-opened", b"%d" % n, b"not json %d" % n) for n in range(100)]
    await publish(settings, [row for pair in zip(good, bad, strict=True) for row in pair])
    with victim(kafka.address, prefix, "written", 1) as process:
        await died(process)
    async with started(settings) as worker:
        await settled(worker)
        assert totals(worker.ledgers().values()) == expected(settings, good)
    letters = await records_of(settings, settings.dead_letters_topic)
    assert {letter.value for letter in letters} == {value for _, _, value in bad}


async def written(settings, seconds=60):
    """Wait for the first rows in the changelog."""
    async with Tail(settings) as tail, asyncio.timeout(seconds):
        while not any((await tail.ends(await tail.partitions(settings.changelog_topic))).values()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_terminated_worker_exits_with_0(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    await topics.create(settings)
    await publish(settings, events(50))
    with victim(kafka.address, prefix, "never") as process:
        await written(settings)
        process.terminate()
        assert await died(process, 10) == 0


async def test_what_a_killed_worker_has_not_committed_is_no_state(kafka, prefix):
    """Its rows are in the changelog until compaction removes them, and then they must not be missed."""
    settings, sent = settings_for(kafka.address, prefix), events(800)
    await topics.create(settings)
    await publish(settings, sent[:1500])
    with victim(kafka.address, prefix, "middle", 1) as process:
        assert await died(process) == -signal.SIGKILL
    await publish(settings, sent[1500:])
    async with started(settings) as worker:
        await settled(worker)
    left: dict[int, dict[bytes, bytes]] = {number: {} for number in range(4)}
    async with Tail(settings, committed=True) as tail:
        ends = await tail.ends(await tail.partitions(settings.changelog_topic))
        async for tp, rows in tail.read({tp: (0, end) for tp, end in ends.items()}):
            left[tp.partition].update((row.key, row.value) for row in rows)
    everything = await records_of(settings, settings.changelog_topic)
    assert len(everything) > sum(map(len, left.values()))
    ledgers = [Ledger(settings.rules, Tally(settings.rules), stored, NOW) for stored in left.values()]
    for ledger in ledgers:
        list(ledger.rebuild(NOW))
    assert totals(ledgers) == expected(settings, sent)
