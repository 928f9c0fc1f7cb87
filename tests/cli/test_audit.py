"""``cxstream audit`` on a real broker: equal where it is, and where not, which number and which ticket."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import RecordsToDelete

from cxstream.cli import audit as command
from cxstream.cli import peers
from cxstream.cli.failure import Failure
from cxstream.core.reading import read
from cxstream.core.rules import DAY
from cxstream.metrics.server import application, serve
from cxstream.stream import topics
from cxstream.stream.partition import Partition
from cxstream.stream.tail import Tail
from tests.stream.helpdesk import (
    NOW,
    event,
    events,
    overdue,
    publish,
    settings_for,
    settled,
    started,
    until,
)


@asynccontextmanager
async def served(settings):
    """A worker with its HTTP side; its address too."""
    async with started(settings) as worker:
        runner, port = await serve(application(worker, settings), "127.0.0.1", 0)
        try:
            yield worker, f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()


async def audited(settings, *urls, now=None):
    return await command._audit(settings, urls, now)


async def shrink(settings, topic: str) -> None:
    """Delete what a topic holds, as retention does."""
    async with Tail(settings) as tail, topics.administrator(settings) as client:
        ends = await tail.ends(await tail.partitions(settings.topic_name(topic)))
        await client.delete_records({tp: RecordsToDelete(end) for tp, end in ends.items()})


async def test_one_worker_is_equal(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(400)
    async with served(settings) as (worker, url):
        await publish(settings, [*sent, ("agent-replied", b"7", b"{}")])
        await settled(worker)
        found = await audited(settings, url)
        assert (found.events, found.tickets, found.invalid) == (len(sent), 400, {"missing_field": 1})
        assert not found.differences
        assert found.numbers > 1_000
        (line,) = found.lines()
        assert line.startswith(
            f"equal: {len(sent)} events, 400 tickets, {found.numbers} numbers, as of 2026-"
        )
        assert json.loads(json.dumps(found.as_json()))["equal"]


async def test_two_workers_are_equal_on_a_moving_system(kafka, prefix):
    settings, sent = settings_for(kafka.address, prefix), events(600)
    async with served(settings) as (first, one), served(settings) as (second, two):
        await until(lambda: len(first.assigned()) == len(second.assigned()) == 2)
        for start in range(0, len(sent), 700):
            await publish(settings, sent[start : start + 700])  # nobody waits until it is applied
            found = await audited(settings, one, two)
            assert not found.differences
            assert not found.missing
        await settled(first)
        await settled(second)
        assert (await audited(settings, one, two)).events == len(sent)


async def test_sla_clocks_are_compared_while_their_deadlines_pass(kafka, prefix, tmp_path):
    """By the wall clock: each answer says up to where deadlines had passed, and the audit lets time act up to there."""
    path = tmp_path / "policy.yml"
    path.write_text("version: 1\npolicies: [{name: desk, when: {}, targets: {first_reply: 2s}}]\n")
    settings = settings_for(kafka.address, prefix, sla_policy=path).model_copy(update={"clock": "wall"})
    async with served(settings) as (worker, url):
        opened = time.time_ns() // 1_000_000
        sent = [event("ticket-opened", str(number), opened + number * 20) for number in range(300)]
        answered = [event("agent-replied", str(number), opened + number * 20 + 1_000) for number in range(50)]
        await publish(settings, [*sent, *answered])
        while overdue(worker) < 250:
            found = await audited(settings, url)
            assert not found.differences
        found = await audited(settings, url)
        assert not found.differences
        for ledger in worker.ledgers().values():
            ledger.clocks.clear()
        told = {each.name: (each.shown, each.expected) for each in (await audited(settings, url)).differences}
        assert told["sla_tickets.desk.first_reply.breached"] == (0, 250)


async def test_deadlines_that_have_yet_to_pass_are_waited_for_and_named(kafka, prefix, monkeypatch):
    monkeypatch.setattr(peers, "_PATIENCE", 1.0)
    settings = settings_for(kafka.address, prefix)
    async with served(settings) as (worker, url):
        await publish(settings, [event("ticket-opened", "7", NOW)])
        await settled(worker)
        monkeypatch.setattr(Partition, "passed", None)
        with pytest.raises(Failure, match="SLA deadlines have yet to pass in the partitions 0, 1, 2, 3"):
            await audited(settings, url)


async def test_a_partition_that_nobody_shows_is_named(kafka, prefix, monkeypatch):
    monkeypatch.setattr(peers, "_PATIENCE", 1.0)
    settings, sent = settings_for(kafka.address, prefix), events(100)
    async with served(settings) as (first, one), served(settings) as (second, two):
        await publish(settings, sent)
        await until(lambda: len(first.assigned()) == len(second.assigned()) == 2)
        await settled(first)
        found = await audited(settings, one)
        assert not found.differences
        assert found.missing == list(second.assigned())
        assert f"of partitions {', '.join(map(str, first.assigned()))}" in list(found.lines())[-1]
        alias = one.replace("127.0.0.1", "localhost")
        with pytest.raises(Failure, match=f"partition {first.assigned()[0]} is shown by {one} and {alias}"):
            await audited(settings, one, alias, two)


async def test_other_settings_and_no_worker_are_told(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with served(settings) as (worker, url):
        await publish(settings, [event("ticket-opened", "7", NOW)])
        await settled(worker)
        with pytest.raises(Failure, match="works under other settings"):
            await audited(settings_for(kafka.address, prefix, timezone="Europe/Rome"), url)
        with pytest.raises(Failure, match="too long ago"):
            await audited(settings, url, now="2020-01-01T00:00:00Z")
        with pytest.raises(Failure, match="is not that of a worker: correct the address"):
            await audited(settings, f"{url}/static/page.css?")
    with pytest.raises(Failure, match="start the worker, or correct its address"):
        await audited(settings, url)


async def test_an_event_that_no_topic_holds_is_found(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with served(settings) as (worker, url):
        await publish(settings, [event("ticket-opened", str(n), NOW) for n in range(50)])
        await settled(worker)
        for ledger in worker.ledgers().values():
            if ledger.ticket("default", "7") is not None:
                stray = read(*event("agent-replied", "7", NOW + 60_000)[::2], b"7", latest=NOW * 2)
                ledger.apply("default", "7", stray.event, now=NOW, arrived=NOW)
                break
        for partition in worker._owned.values():
            await partition.flush()
        found = await audited(settings, url)
        by_name = {each.name: (each.shown, each.expected) for each in found.differences}
        assert by_name["tickets.replies"] == (1, 0)
        assert by_name["first_response.sum_ms"] == (60_000, 0)
        assert by_name["tickets.awaiting_first_reply"] == (49, 50)
        assert set(found.culprits.values()) == {("default", "7")}
        assert found.culprits.keys() == by_name.keys()
        lines = list(found.lines())
        assert "tickets.replies: the workers show 1, the topics say 0; see ticket 7" in lines
        assert not any(line.startswith("equal") for line in lines)


async def test_an_event_that_a_worker_lost_is_found(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with served(settings) as (worker, url):
        await publish(settings, [event("ticket-opened", str(n), NOW) for n in range(50)])
        await settled(worker)
        for ledger in worker.ledgers().values():
            ledger.counts.awaiting -= 1  # not its facts: the numbers alone are wrong
        found = await audited(settings, url)
        assert {each.name for each in found.differences} == {
            "tickets.opened", "tickets.open", "tickets.awaiting_first_reply",
        }  # fmt: skip
        assert found.culprits.keys() == {each.name for each in found.differences}


async def test_tickets_older_than_the_topics_are_not_provable(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    old = [event("ticket-opened", f"old-{n}", NOW - DAY) for n in range(20)]
    old.append(event("ticket-resolved", "old-3", NOW - DAY + 60_000))
    new = [event("ticket-opened", f"new-{n}", NOW) for n in range(20)]
    replies = [event("agent-replied", ticket, NOW + 1_000) for ticket in ("old-1", "old-2", "new-1")]
    async with served(settings) as (worker, url):
        await publish(settings, old)
        await settled(worker)
        await shrink(settings, "ticket-opened")
        await publish(settings, [*new, *replies])
        await settled(worker)
        found = await audited(settings, url)
        assert not found.differences
        assert found.tickets == 40
        assert sorted(ticket for _, ticket in found.not_provable) == sorted(f"old-{n}" for n in range(20))
        assert "not provable" in next(found.lines())


async def test_forgotten_tickets_are_not_expected(kafka, prefix, monkeypatch):
    settings = settings_for(kafka.address, prefix)
    done = [event(topic, "done", NOW) for topic in ("ticket-opened", "ticket-resolved")]
    async with served(settings) as (worker, url):
        await publish(settings, done)
        await settled(worker)
        await publish(settings, [event("ticket-opened", "open", NOW + 40 * DAY)])  # moves the clock
        await settled(worker)
        later = worker.wall() + 40 * DAY
        assert sum(ledger.forget(later) for ledger in worker.ledgers().values()) == 1
        for partition in worker._owned.values():
            await partition.flush()
        assert (await audited(settings, url)).differences  # forgotten before its time
        ask = peers.ask

        async def ask_later(*args):
            return (await ask(*args))._replace(asked=later)

        monkeypatch.setattr(peers, "ask", ask_later)
        found = await audited(settings, url)
        assert not found.differences
        assert (found.tickets, found.forgotten) == (1, 1)
        assert any("1 forgotten ticket" in line for line in found.lines())


async def test_a_ticket_that_is_forgotten_meanwhile_is_expected(kafka, prefix, monkeypatch):
    settings = settings_for(kafka.address, prefix, windows="1s/1s", ticket_retention="1s")
    done = [event(topic, "done", NOW) for topic in ("ticket-opened", "ticket-resolved")]
    async with served(settings) as (worker, url):
        await publish(settings, done)
        await settled(worker)
        written = worker.wall()
        await publish(settings, [event("ticket-opened", "open", NOW + DAY)])  # moves the clock
        await settled(worker)
        await until(lambda: worker.wall() > written + 1_000)
        ask = peers.ask

        async def ask_then_forget(*args):
            group = await ask(*args)
            assert sum(ledger.forget(worker.wall() + DAY) for ledger in worker.ledgers().values()) == 1
            for partition in worker._owned.values():
                await partition.flush()
            return group

        monkeypatch.setattr(peers, "ask", ask_then_forget)
        found = await audited(settings, url)
        assert not found.differences
        assert (found.tickets, found.forgotten) == (2, 0)
        monkeypatch.setattr(peers, "ask", ask)
        found = await audited(settings, url)
        assert not found.differences
        assert (found.tickets, found.forgotten) == (1, 1)


async def test_a_missing_topic_is_told(kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    async with served(settings) as (_, url):
        async with topics.administrator(settings) as client:
            await client.delete_topics([settings.topic_name("survey-answered")])
        with pytest.raises(Failure, match="survey-answered is missing: create it with"):
            await audited(settings, url)


def test_its_usage(run):
    assert "--worker http://a:6066 --worker http://b:6066" in run("audit", "--help").stdout
    for args, told in (
        ([], "no worker is named"),
        (["--worker", "localhost:1", "http://localhost:1/"], "http://localhost:1 is named twice"),
    ):
        result = run("audit", *args)
        assert result.exit_code == 2
        assert told in result.stderr
