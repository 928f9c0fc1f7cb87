"""``cxstream dead-letters`` on a real broker: what is there, byte for byte, and back once it is valid."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from cxstream.cli import dead_letters as command
from cxstream.settings import Settings
from cxstream.stream import letterbox
from cxstream.stream.letterbox import Letterbox, Return
from cxstream.stream.tail import Tail
from tests.stream.helpdesk import NOW, event, records_of, settings_for, settled, started, until

HEADERS = [("trace", b"\x00\xff"), ("twice", b"1"), ("twice", b"2")]
BAD = b'{"ticket_id": "7", "occurred_at": "yester\xffday"}'


async def refused(settings: Settings, *rows: tuple[str, bytes, bytes]) -> None:
    """Publish records with headers, and have a worker refuse them."""
    async with started(settings) as worker:
        async with AIOKafkaProducer(bootstrap_servers=settings.brokers[0]) as producer:
            for topic, key, value in rows:
                await producer.send_and_wait(settings.topic_name(topic), value, key, headers=HEADERS)
        await settled(worker)
        await until(lambda: sum(worker.tally.letters.values()) == len(rows))


async def letters(settings: Settings) -> list:
    async with Tail(settings) as tail:
        return [letter async for letter in Letterbox(settings, tail).letters()]


async def replayed(settings: Settings, *names: str, dry_run: bool = False, reason=None, topic=None) -> dict:
    outcome = command.Outcome(set(names))
    await command._replay(settings, reason, topic, outcome, dry_run=dry_run)
    return {name: value for name, value in outcome.as_json().items() if value}


async def test_what_is_valid_now_goes_back_once(kafka, prefix):
    strict, settings = (
        settings_for(kafka.address, prefix, max_future="1s"),
        settings_for(kafka.address, prefix),
    )
    far = NOW * 2
    rows = [event("ticket-opened", str(n), far) for n in range(40)]
    await refused(strict, *rows, ("agent-replied", b"7", BAD))
    lenient = settings.model_copy(update={"max_future": far})
    before = {
        (r.partition, r.offset): r for r in await records_of(settings, settings.topic_name("ticket-opened"))
    }

    still = {"still_invalid": {"not_utf8": 1}}
    assert await replayed(settings) == {"still_invalid": {"future": 40, "not_utf8": 1}}
    assert await replayed(lenient, dry_run=True) == {"replayed": {"ticket-opened": 40}, **still}
    assert await replayed(lenient, topic="agent-replied") == still
    assert await replayed(lenient, reason="future") == {"replayed": {"ticket-opened": 40}}
    assert await replayed(lenient) == {"replayed_before": 40, **still}

    after = await records_of(settings, settings.topic_name("ticket-opened"))
    new = [record for record in after if (record.partition, record.offset) not in before]
    assert len(new) == 40
    assert {(r.partition, r.key, r.value, r.headers) for r in new} == {
        (r.partition, r.key, r.value, r.headers) for r in before.values()
    }
    async with started(lenient) as worker:
        await settled(worker)
        assert worker.tally.results["ticket-opened", "applied"] == 40


async def test_one_that_is_refused_again_is_a_new_letter(kafka, prefix):
    strict = settings_for(kafka.address, prefix, max_future="1s")
    lenient = strict.model_copy(update={"max_future": NOW * 2})
    await refused(strict, event("ticket-opened", "7", NOW * 2))
    assert await replayed(lenient) == {"replayed": {"ticket-opened": 1}}
    async with started(strict) as worker:
        await settled(worker)
    first, second = await letters(strict)
    assert (first.replayed, second.replayed) == (True, False)
    assert first.origin_offset < second.origin_offset
    assert second.headers == HEADERS
    assert await replayed(lenient) == {"replayed": {"ticket-opened": 1}, "replayed_before": 1}


async def test_a_replay_that_is_broken_off_goes_on_and_nothing_counts_twice(kafka, prefix, monkeypatch):
    strict = settings_for(kafka.address, prefix, max_future="1s")
    lenient = strict.model_copy(update={"max_future": NOW * 2})
    await refused(strict, *(event("ticket-opened", str(n), NOW * 2) for n in range(8)))
    monkeypatch.setattr(letterbox, "BATCH", 3)
    put, calls = Return.put, []

    async def killed(self, found) -> None:
        calls.append(len(found))
        if len(calls) == 1:
            await put(self, found)
            return
        monkeypatch.setattr(letterbox, "RECEIPT", "cx-lost")
        await put(self, found)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Return, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            await replayed(lenient)
    monkeypatch.setattr(letterbox, "RECEIPT", "cx-replayed")
    assert await replayed(lenient) == {"replayed": {"ticket-opened": 5}, "replayed_before": 3}
    assert [letter.replayed for letter in await letters(lenient)] == [True] * 8
    async with started(lenient) as worker:
        await settled(worker)
        found = worker.tally.results
        assert (found["ticket-opened", "applied"], found["ticket-opened", "duplicate"]) == (8, 3)


async def test_a_letter_that_came_twice_is_one(kafka, prefix):
    strict = settings_for(kafka.address, prefix, max_future="1s")
    await refused(strict, event("ticket-opened", "7", NOW * 2))
    (record,) = await records_of(strict, strict.dead_letters_topic)
    async with AIOKafkaProducer(bootstrap_servers=kafka.address) as producer:
        await producer.send_and_wait(
            strict.dead_letters_topic, record.value, record.key, partition=record.partition,
            headers=list(record.headers),
        )  # fmt: skip
    assert len(await letters(strict)) == 1
    assert await replayed(strict.model_copy(update={"max_future": NOW * 2})) == {
        "replayed": {"ticket-opened": 1}
    }


async def test_what_has_no_way_back_is_told(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with started(settings):
        pass
    ours = [("cx-error-reason", b"too_large"), ("cx-error-message", b"m")]
    whole = {"topic": settings.topic_name("ticket-opened"), "partition": "1", "offset": "5"}
    for headers in (
        ours,
        [
            *ours,
            *((f"cx-original-{name}", text.encode()) for name, text in {**whole, "topic": "old"}.items()),
        ],
        [
            *ours,
            ("cx-value-omitted", b"big"),
            *((f"cx-original-{name}", text.encode()) for name, text in whole.items()),
        ],
        [("other", b"no letter at all")],
    ):
        async with AIOKafkaProducer(bootstrap_servers=kafka.address) as producer:
            await producer.send_and_wait(settings.dead_letters_topic, b"", b"7", headers=headers)
    assert await replayed(settings) == {
        "no_way_back": {
            "came from no topic": 1,
            "old is no topic of these settings": 1,
            "its value was too large to be kept": 1,
        }
    }


def test_the_commands(kafka, prefix, monkeypatch, tmp_path):
    strict = settings_for(kafka.address, prefix, max_future="1s")
    asyncio.run(
        refused(
            strict, ("agent-replied", b"7", BAD), *(event("ticket-opened", str(n), NOW * 2) for n in (1, 2))
        )
    )
    environment = {
        "CXSTREAM_BROKERS": kafka.address,
        "CXSTREAM_APP": strict.app,
        "CXSTREAM_TOPIC_PREFIX": prefix,
        "PATH": "/usr/bin:/bin",
    }

    def run(*args: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "cxstream", "dead-letters", *args]
        return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)

    listed = json.loads(run("list", "--json").stdout)
    assert listed["reasons"] == {"not_utf8": 1, "future": 2}
    (bad,) = (letter for letter in listed["letters"] if letter["reason"] == "not_utf8")
    assert (bad["topic"], bad["offset"]) == (f"{prefix}agent-replied", 0)
    text = run("list", "--topic", "agent-replied").stdout.decode()
    assert "Dead letters: 1" in text
    assert "not_utf8" in text
    limited = run("list", "--limit", "1", "--reason", "future")
    assert "1 earlier ones not shown" in limited.stderr.decode()

    shown = run("show", bad["id"])
    assert shown.stdout == BAD
    assert f"{prefix}agent-replied/{bad['partition']}/0: not_utf8".encode() in shown.stderr
    assert rb"header trace: b'\x00\xff'" in shown.stderr
    full = json.loads(run("show", bad["id"], "--json").stdout)
    assert base64.b64decode(full["value"]) == BAD
    assert [name for name, _ in full["headers"]] == ["trace", "twice", "twice"]

    environment["CXSTREAM_MAX_FUTURE"] = "36500d"
    first = next(letter["id"] for letter in listed["letters"] if letter["reason"] == "future")
    assert run("replay", "--dry-run").stdout == (
        b"would put back 2 (2 ticket-opened)\nstill no valid events: 1 (1 not_utf8)\n"
    )
    assert run("replay", first).stdout == b"put back 1 (1 ticket-opened)\n"
    assert json.loads(run("replay", "--json").stdout) == {
        "dry_run": False,
        "replayed": {"ticket-opened": 1},
        "still_invalid": {"not_utf8": 1},
        "no_way_back": {},
        "replayed_before": 1,
    }
    for args in (["show", "9:9"], ["replay", "9:9"]):
        done = run(*args)
        assert done.returncode == 1
        assert done.stderr.startswith(b"error: there is no dead letter '9:9'")
        assert done.stderr.count(b"\n") == 1


def test_a_place_names_itself():
    letter = letterbox.Found(1, 2, "r", "m", TopicPartition("t", 3), 4, 5, None, None, [], False, False)
    assert (letter.name, letter.came_from) == ("1:2", "t/3/4")
    assert letter._replace(origin=None).came_from == "/1:2"
