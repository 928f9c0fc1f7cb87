"""``cxstream reset`` on a real broker: what it takes away and when it refuses; two apps; more partitions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from cxstream.cli import audit
from cxstream.stream import reset, topics
from cxstream.stream.reset import InUseError
from tests.cli.test_audit import served, shrink
from tests.stream.helpdesk import (
    NOW,
    event,
    events,
    expected,
    publish,
    records_of,
    settings_for,
    settled,
    started,
    totals,
)


async def test_the_next_start_builds_everything_from_the_topics(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), [*events(300), ("ticket-opened", b"9", b"no event")]
    async with started(settings) as worker:
        await publish(settings, sent)
        await settled(worker)
    before = await reset.look(settings)
    assert before.records
    assert (before.offsets > 0, before.members, before.cut) == (True, [], [])
    assert before.remembered == 1
    kept = len(await records_of(settings, settings.topic_name("ticket-opened")))
    await reset.reset(settings)
    after = await reset.look(settings)
    assert (after.records, after.remembered, after.offsets) == (None, None, 0)
    assert len(await records_of(settings, settings.topic_name("ticket-opened"))) == kept
    assert len(await records_of(settings, settings.dead_letters_topic)) == 1
    await reset.reset(settings)  # nothing is left, and that is no error
    async with started(settings) as worker:
        await settled(worker)
        assert worker.tally.results.total() == len(sent)
        assert totals(worker.ledgers().values()) == expected(settings, sent[:-1])


async def test_it_refuses_while_a_worker_runs_and_changes_nothing(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(50)
    async with started(settings) as worker:
        await publish(settings, sent)
        await settled(worker)
        (member,) = (await reset.look(settings)).members
        assert "127.0.0.1" in member
        with pytest.raises(InUseError, match=f"the group {settings.app} has members .*127.0.0.1.*: stop all"):
            await reset.reset(settings)
        assert (await reset.look(settings)).records


async def test_a_member_that_is_none_of_ours_counts_too(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    await topics.create(settings)
    name = settings.topic_name("ticket-opened")
    async with AIOKafkaConsumer(name, bootstrap_servers=kafka.address, group_id=settings.app):
        with pytest.raises(InUseError):
            await reset.reset(settings)


async def test_what_the_topics_no_longer_hold_is_told(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with started(settings) as worker:
        await publish(settings, [event("ticket-opened", "7", NOW)])
        await settled(worker)
    await shrink(settings, "ticket-opened")
    assert (await reset.look(settings)).cut == [settings.topic_name("ticket-opened")]


async def test_a_second_app_works_beside_the_first(kafka, prefix):
    """The way to try other settings or a new version: nothing of the first is touched."""
    settings, sent = settings_for(kafka.address, prefix), events(200)
    other = settings_for(kafka.address, prefix, ticket_retention="60d")
    other = other.model_copy(update={"app": f"{prefix}next"})
    async with served(settings) as (first, one), served(other) as (second, two):
        await publish(settings, sent)
        await settled(first)
        await settled(second)
        assert first.assigned() == second.assigned() == [0, 1, 2, 3]
        assert not (await audit._audit(settings, [one], None)).differences
        assert not (await audit._audit(other, [two], None)).differences
        with pytest.raises(InUseError):
            await reset.reset(other)
    await reset.reset(other)
    assert (await reset.look(settings)).records
    assert (await reset.look(other)).records is None


COPY = (
    "kcat -b {broker} -C -e -q -t {old} -f '%k\\t%s\\n' |"
    " kcat -b {broker} -P -t {new} -K '\\t' -X partitioner=murmur2_random"
)
"""The command of docs/operations.md."""


def test_the_documented_copy_is_the_tested_one():
    told = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    line = COPY.format(broker="BROKER", old="ticket-opened", new="v2-ticket-opened")
    assert line in " ".join(told.split())


async def test_more_partitions_by_new_topics_and_a_second_app(kafka, prefix, tool):
    """The steps of docs/operations.md: new topics, publishers, copy by key, a new app, reset of the old one."""
    tool("kcat")
    old, sent = settings_for(kafka.address, prefix), events(300)
    new = settings_for(kafka.address, f"{prefix}v2-", partitions=12)
    async with served(old) as (first, _):
        await publish(old, sent)
        await settled(first)
        await topics.create(new)
        late = events(50, seed=2)
        await publish(new, late)  # publishers have been switched over
        for topic in old.topics:
            names = {"old": old.topic_name(topic), "new": new.topic_name(topic)}
            copying = await asyncio.create_subprocess_shell(COPY.format(broker=kafka.address, **names))
            assert await copying.wait() == 0
        async with served(new) as (second, two):
            await settled(second)
            assert second.assigned() == list(range(12))
            assert totals(second.ledgers().values()) == expected(new, [*sent, *late])
            found = await audit._audit(new, [two], None)
            assert not found.differences
            assert not found.misplaced
            assert found.events == len(sent) + len(late)
    await reset.reset(old)


def test_the_command(run, kafka, prefix, monkeypatch):
    monkeypatch.setenv("CXSTREAM_BROKERS", kafka.address)
    monkeypatch.setenv("CXSTREAM_APP", f"{prefix}app")
    monkeypatch.setenv("CXSTREAM_TOPIC_PREFIX", prefix)
    assert run("topics", "create").exit_code == 0
    dry = run("reset")
    assert dry.exit_code == 0
    assert dry.stdout.splitlines() == [
        f"would delete the topic {prefix}app-tickets-changelog (0 records)",
        f"would delete the topic {prefix}app-sla-policies (0 SLA policies)",
        "nothing has been changed: add --yes to do it",
    ]
    assert json.loads(run("reset", "--json").stdout)["done"] is False
    done = run("reset", "--yes")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"deleted the topic {prefix}app-tickets-changelog (0 records)",
        f"deleted the topic {prefix}app-sla-policies (0 SLA policies)",
    ]
    assert run("reset", "--yes").stdout == f"nothing is stored under CXSTREAM_APP={prefix}app\n"
