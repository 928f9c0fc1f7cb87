"""Single tickets over HTTP: opt-in, bounded, by deadline, of one worker or of all."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cxstream.core.event import AgentReplied, Opened, Resolved, Updated
from cxstream.metrics import application, serve, tickets
from cxstream.metrics.tickets import MOST, address
from tests.kafka.broker import free_ports

from .observed import MINUTE, NOON, Options, Worker, late

HOUR = 60 * MINUTE
URL = "https://desk.example/{source}/tickets/{id}"


@asynccontextmanager
async def served(*workers, peers=True, **options):
    """Workers that know each other; their addresses."""
    ports = free_ports(len(workers))
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    settings = Options(ticket_api=True, peers=tuple(urls) if peers else ())
    for name, value in options.items():
        setattr(settings, name, value)
    async with AsyncExitStack() as stack:
        for worker, port in zip(workers, ports, strict=True):
            runner, _ = await serve(application(worker, settings), "127.0.0.1", port)
            stack.push_async_callback(runner.cleanup)
        yield urls


async def get(url, query="", status=200):
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/tickets{query}") as response:
        text = await response.text()
        assert response.status == status, text
        assert response.headers["Cache-Control"] == "no-store"
        return json.loads(text)


def ids(answer):
    return [row["ticket_id"] for row in answer["tickets"]]


async def test_closed_unless_opened(worker):
    late(worker)
    async with served(worker, ticket_api=False) as (url,):
        told = await get(url, "?state=breached", status=404)
        assert "CXSTREAM_TICKET_API=1" in told["error"]
        assert "T-0" not in json.dumps(told)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "which tickets?: write one of state=waiting, state=at_risk, state=breached"),
        ("?state=late", "state='late' is none: write one of"),
        ("?state=at_risk&limit=0", "limit='0' is no number from 1 to 200"),
        (f"?state=at_risk&limit={MOST + 1}", "is no number from 1 to 200"),
        ("?state=at_risk&limit=%C2%B2", "is no number from 1 to 200"),
        ("?state=at_risk&limit=" + "9" * 300, "is no number from 1 to 200"),
        ("?state=at_risk&fleet=2", "fleet='2' is neither 0 nor 1"),
        ("?state=at_risk&now=0", "unknown parameter 'now': known are state, limit=1 to 200 and fleet=1"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_with_the_reason(worker, query, reason):
    async with served(worker) as (url,):
        told = await get(url, query, status=400)
        assert reason in told["error"]
        assert len(told["error"]) < 250


async def test_a_row_tells_what_is_due_and_where_the_ticket_is(worker):
    opened = Opened(at=NOON - 4 * HOUR, event_id="o", team="billing", channel="email")
    worker.apply("A 1/2?x#y", opened, source="zendesk/acme")
    worker.fire()
    async with served(worker, ticket_url=URL) as (url,):
        told = await get(url, "?state=breached")
    assert told["tickets"] == [
        {
            "source": "zendesk/acme",
            "ticket_id": "A 1/2?x#y",
            "url": "https://desk.example/zendesk/acme/tickets/A%201%2F2%3Fx%23y",
            "policy": "standard",
            "target": "first_reply",
            "state": "breached",
            "due_at": "2026-03-02T12:00:00.000Z",
            "waiting_since": "2026-03-02T08:00:00.000Z",
            "team": "billing",
            "channel": "email",
            "priority": None,
        }
    ]
    assert (told["count"], told["complete"], told["reason"]) == (1, True, None)
    assert told["now"] == "2026-03-02T12:00:00.000Z"


async def test_the_lists_are_by_deadline_and_no_longer_than_asked_for(worker):
    late(worker)
    async with served(worker) as (url,):
        waiting = await get(url, "?state=waiting")
        assert ids(waiting) == [f"T-{number:03}" for number in range(40)]
        assert [row["state"] for row in waiting["tickets"]] == [
            "breached" if number == 0 else "at_risk" if number <= 12 else "ok" for number in range(40)
        ]
        assert ids(await get(url, "?state=breached")) == ["T-000"]
        few = await get(url, "?state=at_risk&limit=3")
        assert ids(few) == ["T-001", "T-002", "T-003"]
        assert few["count"] == 12
        assert "url" not in few["tickets"][0]
        counted = sum(
            count for ledger in worker.owned.values() for (_, state, _), count in ledger.clocks.items() if state == 1
        )  # fmt: skip
        assert counted == 12


async def test_the_lists_follow_events_and_time(worker):
    late(worker, tickets=3)
    async with served(worker) as (url,):
        worker.apply("T-000", AgentReplied(at=NOON + MINUTE, event_id="r"))
        worker.apply("T-001", Resolved(at=NOON + MINUTE, event_id="s"))
        worker.apply("T-002", Updated(at=NOON + MINUTE, event_id="u", team="vip"))
        (row,) = (await get(url, "?state=at_risk"))["tickets"]
        assert (row["ticket_id"], row["team"]) == ("T-002", "vip")
        worker.fire(NOON + 10 * MINUTE)
        assert ids(await get(url, "?state=at_risk")) == []
        assert ids(await get(url, "?state=breached")) == ["T-002"]


async def test_a_paused_clock_has_no_deadline_and_comes_last(worker):
    opened = NOON - 76 * HOUR  # Friday, 09:00
    for name, team in (("paused", "billing"), ("runs", "vip")):
        worker.opens(name, opened, opened_by="agent", team=team)
    worker.fire(NOON + 20 * HOUR)
    worker.apply("paused", Updated(at=NOON + 20 * HOUR, event_id="u", status="pending"))
    worker.fire(NOON + 21 * HOUR)
    async with served(worker) as (url,):
        rows = (await get(url, "?state=at_risk"))["tickets"]
    assert [(row["ticket_id"], row["target"], row["due_at"]) for row in rows] == [
        ("runs", "agent_work", "2026-03-03T12:00:00.000Z"),
        ("paused", "agent_work", None),
    ]
    assert all("waiting_since" not in row for row in rows), "no customer waits for a reply"


def split(whole, *shares):
    workers = []
    for numbers in shares:
        worker = Worker()
        worker.owned = {number: whole.owned[number] for number in numbers}
        workers.append(worker)
    return workers


@pytest.mark.parametrize("shares", [[(0, 2), (1, 3)], [(0,), (1,), (2,), (3,)], [(), (0, 1, 2, 3)]])
async def test_any_worker_tells_the_first_of_all(worker, shares):
    late(worker)
    async with served(*split(worker, *shares)) as urls:
        for url in urls:
            told = await get(url, "?state=waiting&limit=10&fleet=1")
            assert ids(told) == [f"T-{number:03}" for number in range(10)]
            assert (told["count"], told["workers"], told["complete"]) == (40, len(shares), True)
            assert told["unreachable"] == []


async def test_a_share_says_that_it_is_one(worker):
    late(worker)
    first, second = split(worker, (0, 1), (2,))
    async with served(first, second) as (url, other):
        own = await get(url, "?state=waiting")
        assert own["complete"] is False
        assert own["reason"] == "this worker holds 2 of 4 partitions: fleet=1 asks the others"
        told = await get(other, "?state=waiting&fleet=1")
        assert (told["complete"], told["reason"]) == (
            False,
            "partition 3 of 4 is with no worker that answers",
        )
        assert 0 < len(own["tickets"]) < len(told["tickets"]) < 40
    async with served(first, peers=False) as (url,):
        told = await get(url, "?state=waiting&fleet=1")
        reason = "this worker holds 2 of 4 partitions: CXSTREAM_PEERS tells it of the others"
        assert (told["complete"], told["reason"]) == (False, reason)
        first.reason = "recovering, 40 %"
        assert (await get(url, "?state=waiting"))["reason"] == "recovering, 40 %"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (lambda: web.Response(status=404), "status 404"),
        (lambda: web.json_response({"worker": "a", "partitions": [2]}), "no list of tickets of this version"),
        (
            lambda: web.json_response({"worker": "a", "partitions": [2, 3], "tickets": [{"id": 1}]}),
            "the others' lists are those of another version",
        ),
    ],
)
async def test_a_worker_that_answers_otherwise_is_named(worker, answer, failure):
    async def handle(_):
        return answer()

    late(worker)
    (first,) = split(worker, (0, 1))
    app = web.Application()
    app.router.add_get("/api/tickets", handle)
    async with TestServer(app, host="127.0.0.1") as other:
        peers = (f"http://127.0.0.1:{other.port}",)
        async with served_with(first, peers) as url:
            told = await get(url, "?state=waiting&fleet=1")
    assert told["complete"] is False
    assert failure in told["reason"]
    assert len(told["tickets"]) > 0


@asynccontextmanager
async def served_with(worker, peers):
    settings = Options(ticket_api=True, peers=peers)
    runner, port = await serve(application(worker, settings), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def test_many_who_look_cost_one_round(worker, monkeypatch):
    monkeypatch.setattr(tickets, "_FRESH", 60.0)
    late(worker)
    asked = 0

    async def handle(_):
        nonlocal asked
        asked += 1
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/api/tickets", handle)
    async with (
        TestServer(app, host="127.0.0.1") as other,
        served_with(worker, (f"http://127.0.0.1:{other.port}",)) as url,
    ):
        answers = await asyncio.gather(*(get(url, "?state=waiting&fleet=1") for _ in range(50)))
        assert len({json.dumps(each) for each in answers}) == 1
        assert asked == 1
        await get(url, "?state=breached&fleet=1")
        assert asked == 2


@pytest.mark.parametrize(
    ("template", "source", "ticket_id", "expected"),
    [
        (URL, "zendesk/acme", "1", "https://desk.example/zendesk/acme/tickets/1"),
        (URL, "a b", "ü", "https://desk.example/a%20b/tickets/%C3%BC"),
        (URL, "{id}", "{source}", "https://desk.example/%7Bid%7D/tickets/%7Bsource%7D"),
        ("https://d/{id}?again={id}", "s", "../x", "https://d/..%2Fx?again=..%2Fx"),
        ("https://d/?s={source}&t={id}", "a&b", "c&d", "https://d/?s=a%26b&t=c%26d"),
    ],
)
def test_addresses(template, source, ticket_id, expected):
    assert address(template, source, ticket_id) == expected
