"""Several workers over real sockets: any of them tells the numbers of all."""

import asyncio
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cxstream.core.snapshot import snapshot
from cxstream.metrics import application, peers, rounds, serve
from cxstream.metrics.share import share
from tests.kafka.broker import free_ports

from .observed import NOON, Options, Worker, busy


class Fleet:
    """Workers that share what one would hold alone, each served on a port of its own."""

    def __init__(self):
        self.whole = busy(Worker(), tickets=80)
        self.workers, self.runners, self.urls = [], [], []
        self.asked = 0

    def hold(self, *numbers):
        worker = Worker()
        worker.owned = {number: self.whole.owned[number] for number in numbers}
        worker.applied = self.whole.applied
        self.workers.append(worker)
        return worker

    async def listen(self, peers=None):
        """All workers serve, knowing each other; the first one's address comes first."""
        ports = free_ports(len(self.workers))
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        told = tuple(self.urls) if peers is None else peers
        for worker, port in zip(self.workers, ports, strict=True):
            app = application(worker, Options(peers=told, http_address=("127.0.0.1", port)))
            app.middlewares.append(self._counted)
            self.runners.append((await serve(app, "127.0.0.1", port))[0])

    @property
    def _counted(self):
        @web.middleware
        async def middleware(request, handler):
            self.asked += request.path == "/api/snapshot"
            return await handler(request)

        return middleware

    async def stop(self):
        for runner in self.runners:
            await runner.cleanup()


@pytest.fixture
async def fleet(monkeypatch):
    monkeypatch.setattr(peers, "_PATIENCE", 30.0)  # a busy machine is no dead worker
    made = Fleet()
    yield made
    await made.stop()


@asynccontextmanager
async def pretending(handle):
    """What answers like a worker and is none; its address."""
    app = web.Application()
    app.router.add_get("/api/snapshot", handle)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}"


async def get(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


@pytest.mark.parametrize(
    "shares", [[(0, 1, 2, 3)], [(0, 2), (1, 3)], [(0,), (1,), (2,), (3,)], [(), (0, 1, 2, 3)]]
)
async def test_any_worker_tells_the_sum_of_all(fleet, shares):
    for numbers_ in shares:
        fleet.hold(*numbers_)
    await fleet.listen()
    expected = snapshot(list(fleet.whole.owned.values()), fleet.whole.rules, NOON)
    for url in fleet.urls:
        told = await get(f"{url}/api/snapshot?fleet=1")
        assert told["complete"] is True
        assert (told["workers"], told["unreachable"], told["partitions"]) == (len(shares), [], [0, 1, 2, 3])
        assert {key: told[key] for key in expected} == expected
        assert "history" not in told
        assert told["offsets"] == {
            topic: {str(n): at for n, at in sorted(offsets.items())}
            for topic, offsets in fleet.whole.applied.items()
        }


async def test_the_sum_of_another_instant(fleet):
    fleet.hold(0, 1)
    fleet.hold(2, 3)
    await fleet.listen()
    then = NOON - 25 * 60_000
    told = await get(f"{fleet.urls[1]}/api/snapshot?fleet=1&history=1&now={then}")
    expected = snapshot(list(fleet.whole.owned.values()), fleet.whole.rules, then)
    assert {key: told[key] for key in expected} == expected
    assert len(told["history"]["hour"]) == len(told["history"]["week_ago"]) == 12
    assert sum(bar["opened"] for bar in told["history"]["hour"]) > 0


async def test_a_hundred_viewers_cost_one_round(fleet, monkeypatch):
    monkeypatch.setattr(rounds, "_FRESH", 60.0)  # a slow machine takes longer than a second over them
    fleet.hold(0, 1)
    fleet.hold(2, 3)
    await fleet.listen()
    boards = await asyncio.gather(*(get(f"{fleet.urls[0]}/api/board") for _ in range(100)))
    assert len({str(board) for board in boards}) == 1
    assert boards[0]["complete"] is True
    assert fleet.asked == 2, (
        "each address once: the other worker's, and its own, which it only then knows to be its own"
    )


async def test_a_worker_that_is_gone_makes_the_sum_incomplete(fleet):
    fleet.hold(0, 1)
    fleet.hold(2, 3)
    await fleet.listen()
    before = await get(f"{fleet.urls[0]}/api/board")
    assert before["whole"] and before["complete"]
    await fleet.runners.pop().cleanup()
    told = await get(f"{fleet.urls[0]}/api/snapshot?fleet=1&now={NOON}")
    assert told["complete"] is False
    assert told["reason"] == (
        f"partition 2, 3 of 4 is with no worker that answers; {fleet.urls[1]} does not answer: Connection refused"
    )
    assert 0 < told["tickets"]["open"] < before["numbers"]["open"]


async def test_the_last_complete_numbers_stand_in(fleet, monkeypatch):
    monkeypatch.setattr(rounds, "_FRESH", 0.0)
    worker = fleet.hold(0, 1)
    fleet.hold(2, 3)
    await fleet.listen()
    before = await get(f"{fleet.urls[0]}/api/board")
    worker.owned.pop(0)
    worker.clock += 1_000
    after = await get(f"{fleet.urls[0]}/api/board")
    assert (after["complete"], after["whole"], after["held"]) == (False, True, 3)
    assert after["numbers"] == before["numbers"]
    assert after["now"] > before["now"]


async def test_a_peer_without_partitions_may_be_away(fleet):
    fleet.hold(0, 1, 2, 3)
    await fleet.listen(peers=("http://127.0.0.1:9",))
    told = await get(f"{fleet.urls[0]}/api/snapshot?fleet=1")
    assert told["complete"] is True
    assert told["unreachable"] == ["http://127.0.0.1:9 does not answer: Connection refused"]


async def test_a_partition_held_twice_is_no_sum(fleet):
    fleet.hold(0, 1, 2)
    fleet.hold(2, 3)
    await fleet.listen()
    told = await get(f"{fleet.urls[0]}/api/snapshot?fleet=1")
    assert (told["complete"], told["reason"]) == (False, "partition 2 is held by two workers at once")


async def test_the_state_of_the_workers_is_told(fleet):
    fleet.hold(0, 1)
    fleet.hold(2).reason = "recovering, 40 %"
    await fleet.listen()
    told = await get(f"{fleet.urls[0]}/api/snapshot?fleet=1")
    assert "partition 3 of 4 is with no worker that answers; worker " in told["reason"]
    assert told["reason"].endswith(": recovering, 40 %")


async def test_a_worker_alone_says_what_it_holds(fleet):
    fleet.hold(0, 1)
    await fleet.listen(peers=())
    told = await get(f"{fleet.urls[0]}/api/snapshot?fleet=1")
    assert told["reason"] == (
        "this worker holds 2 of 4 partitions; CXSTREAM_PEERS tells it where the others are"
    )


async def test_an_event_clock_that_has_seen_nothing_follows_the_others(fleet, monkeypatch):
    monkeypatch.setattr(rounds, "_FRESH", 0.0)
    fleet.hold().clock = 0
    fleet.hold(0, 1, 2, 3)
    await fleet.listen()
    await get(f"{fleet.urls[0]}/api/board")
    told = await get(f"{fleet.urls[0]}/api/board")
    assert (told["complete"], told["now"]) == (True, "2026-03-02T12:00:00Z")


async def test_a_name_leads_to_all_its_addresses(fleet, monkeypatch):
    fleet.hold(0, 1)
    fleet.hold(2, 3)
    await fleet.listen()
    loop = asyncio.get_running_loop()
    ports = [int(url.rpartition(":")[2]) for url in fleet.urls]
    looked_up = []

    async def getaddrinfo(host, port, **_):
        looked_up.append((host, port))
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    asked = peers.Peers(["workers.example"], ports[0])
    urls, failure = await asked._places("workers.example")
    assert (urls, failure) == ([f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.2:{ports[0]}"], "")
    assert await asked._places("workers.example") == (urls, "")
    assert looked_up == [("workers.example", ports[0])], "remembered for a while"
    assert (await asked._places("other.example:81"))[0][0] == "http://127.0.0.1:81"


async def test_a_name_that_leads_nowhere_is_told():
    asked = peers.Peers(["workers.invalid"], 6066)
    found = await asked.ask(NOON)
    assert found.given == []
    assert found.failures[0].startswith("workers.invalid cannot be looked up: ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: web.Response(text="<html>"), "no snapshot of this version"),
        (lambda: web.json_response([1]), "no snapshot of this version"),
        (lambda: web.json_response({"worker": "a"}), "no snapshot of this version"),
        (lambda: web.Response(status=500), "status 500"),
        (lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}), "status 302"),
        (lambda: web.Response(body=b"x" * 2_000), "more than 0 MiB"),
    ],
)
async def test_whatever_a_peer_answers_is_told(monkeypatch, answer, words):
    async def handle(_):
        return answer()

    monkeypatch.setattr(peers, "_LARGEST", 1_000)
    async with pretending(handle) as url:
        asked = peers.Peers([url], 6066)
        found = await asked.ask(NOON)
        await asked.close()
    assert found.given == []
    assert words in found.failures[0]


async def test_a_peer_that_hangs_is_not_waited_for(monkeypatch):
    async def handle(_):
        await asyncio.Event().wait()

    monkeypatch.setattr(peers, "_PATIENCE", 0.2)
    async with pretending(handle) as url:
        asked = peers.Peers([url], 6066)
        found = await asked.ask(NOON)
        await asked.close()
    assert found.failures == [f"{url} does not answer: nothing within 0.2 s"]


async def test_workers_under_other_settings_do_not_add_up(fleet):
    fleet.hold(0, 1)
    fleet.hold(2, 3).fingerprint = "0" * 64
    await fleet.listen()
    told = await get(f"{fleet.urls[0]}/api/snapshot?fleet=1")
    assert (told["complete"], told["reason"]) == (False, "the workers run under different settings")


async def test_workers_of_another_version_do_not_add_up(fleet):
    fleet.hold(0, 1)
    fleet.hold(2, 3)

    async def handle(request):
        told = await share(fleet.workers[1], int(request.query["now"]), "another")
        for window in told["windows"].values():
            del window["response"]["buckets"]["30.0"]
        return web.json_response(told)

    async with pretending(handle) as url:
        await fleet.listen(peers=(url,))
        told = await get(f"{fleet.urls[0]}/api/snapshot?fleet=1")
    assert told["complete"] is False
    assert told["reason"].startswith("the workers' numbers do not add up: ")
    assert told["partitions"] == [0, 1]
