"""The wallboard in a terminal, over workers that answer over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cxstream.cli import screen, top
from cxstream.metrics import application, serve
from cxstream.metrics.wallboard import wallboard
from tests.metrics.observed import NOON, Options, Worker, busy

Serve = Callable[..., list[str]]


@contextmanager
def elsewhere() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own: the command has one itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def served() -> Iterator[Serve]:
    """Serve workers; their addresses."""
    runners = []
    with elsewhere() as loop:

        async def start(worker: Worker) -> str:
            runner, port = await serve(application(worker, Options()), "127.0.0.1", 0)
            runners.append(runner)
            return f"http://127.0.0.1:{port}"

        def begin(*workers: Worker) -> list[str]:
            return [asyncio.run_coroutine_threadsafe(start(worker), loop).result(10) for worker in workers]

        yield begin
        for runner in runners:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)


def halves() -> tuple[Worker, Worker]:
    whole = busy(Worker(), tickets=40)
    parts = Worker(), Worker()
    for number, ledger in whole.owned.items():
        parts[1 - number % 2].owned.pop(number)
        parts[number % 2].owned[number] = ledger
        parts[number % 2].applied = whole.applied
    return parts


def test_once_as_json_is_the_wallboard_of_the_snapshot(run, served) -> None:
    (url,) = served(busy(Worker(), tickets=40))
    done = run("top", "--worker", url, "--once", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    with urllib.request.urlopen(f"{url}/api/snapshot") as answer:
        expected = wallboard(json.load(answer))
    expected.pop("history")
    assert {key: told[key] for key in expected} == expected
    assert (told["open"], told["complete"], told["events"]) == (40, True, 40 * 7)


def test_several_workers_add_up(run, served) -> None:
    urls = served(*halves())
    options = [part for url in urls for part in ("--worker", url)]
    done = run("top", *options, "--once", "--json")
    assert done.exit_code == 0, done.stderr
    (url,) = served(busy(Worker(), tickets=40))
    whole = run("top", "--worker", url, "--once", "--json")
    assert json.loads(done.stdout) == json.loads(whole.stdout)


def test_once_for_people(run, served) -> None:
    worker = busy(Worker(), tickets=40)
    worker.opens("nasty", NOON, team="[red]x\x1b[31m")
    (url,) = served(worker)
    done = run("top", "--worker", url, "--once", "--window", "24h")
    assert done.exit_code == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.stdout.splitlines()[0].startswith("cxstream  live   4 of 4 partitions, 1 worker")
    assert next(line for line in lines if line[:1] == ["Opened"])[:5] == ["Opened", *["81"] * 4]
    assert "Teams, 24h" in done.stdout
    assert "4.5m / 4.9m (40)" in done.stdout
    assert next(line for line in lines if line[:1] == ["billing"])[1:5] == ["14", "14", "28", "14"]
    assert "[red]x\N{REPLACEMENT CHARACTER}[31m" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_worker_that_catches_up_says_so(run, served, monkeypatch) -> None:
    worker = busy(Worker(), tickets=40)
    monkeypatch.setattr(worker, "lag", lambda: {("ticket-opened", 0): 20_000})
    (url,) = served(worker)
    done = run("top", "--worker", url, "--once")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("cxstream  catching up, 20,000 events behind   4 of 4 partitions")


def test_a_share_is_told_as_such_and_is_no(run, served) -> None:
    first, _ = halves()
    first.reason = "recovering, 40 %"
    (url,) = served(first)
    done = run("top", "--worker", url, "--once")
    assert done.exit_code == 1
    reason = "partition 1, 3 of 4 is with no worker that answers; recovering, 40 %"
    assert f"{reason}; the numbers are a share of the whole" in done.stdout
    assert done.stderr == f"error: the numbers are incomplete: {reason}\n"


def test_nobody_answers(run, unused_tcp_port) -> None:
    done = run("top", "--worker", f"http://127.0.0.1:{unused_tcp_port}", "--once")
    assert done.exit_code == 1
    assert "does not answer: Connection refused: start a worker, or name one with --worker" in done.stderr


@pytest.mark.parametrize(
    ("http", "asked"),
    [
        ("127.0.0.1:7000", "http://127.0.0.1:7000"),
        ("0.0.0.0:7000", "http://127.0.0.1:7000"),
        ("[::]:7000", "http://[::1]:7000"),
        ("support.example:80", "http://support.example:80"),
    ],
)
def test_the_own_address_is_asked_where_none_is_named(http, asked) -> None:
    from cxstream.settings import load

    assert top._own(load(http=http)) == asked


def test_wrong_usage(run, served) -> None:
    done = run("top", "--once", "--config", "/nowhere")
    assert done.exit_code == 2
    done = run("top", "--once", "--worker", "a:b")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "'a:b' is no worker: write http://host:port" in done.stderr
    (url,) = served(Worker())
    done = run("top", "--worker", url, "--once", "--window", "2h")
    assert (done.exit_code, done.stderr) == (2, "error: --window '2h': the worker has 1h, today, 24h, 7d\n")


def test_a_port_that_the_system_chooses_is_not_known(run, monkeypatch) -> None:
    monkeypatch.setenv("CXSTREAM_HTTP", "127.0.0.1:0")
    done = run("top", "--once")
    assert done.exit_code == 2
    assert "name it with --worker" in done.stderr


def test_lines_where_there_is_no_terminal(run, served, monkeypatch) -> None:
    (url,) = served(busy(Worker(), tickets=40))
    looks = top._looks

    async def three(peers: Any) -> Any:
        left = 3
        async for found in looks(peers):
            yield found
            left -= 1
            if not left:
                return

    monkeypatch.setattr(top, "_FRAME", 0.0)
    monkeypatch.setattr(top, "_looks", three)
    done = run("top", "--worker", url)
    assert done.exit_code == 0, done.stderr
    first, second, _ = done.stdout.splitlines()
    times = "first response 4.5m / 4.9m (40), CSAT 100% (40)"
    told = f"40 open, 40 awaiting a first reply; 1h: 80 opened, 40 resolved, {times}"
    assert first == f"280 events; {told}"
    assert second == f"280 events (0/s); {told}"
    done = run("top", "--worker", url, "--json")
    assert [json.loads(line)["open"] for line in done.stdout.splitlines()] == [40, 40, 40]


def test_the_pace_is_that_between_two_looks(monkeypatch) -> None:
    times = iter([10.0, 12.0, 13.0, 14.0])
    monkeypatch.setattr(screen, "monotonic", lambda: next(times))
    pace = screen.Pace()
    assert pace.see(100) is None
    assert pace.see(500) == 200
    assert pace.see(0) is None, "a restart counts anew"
    assert pace.see(10) == 10


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (26.4, "26s"),
        (59, "59s"),
        (60, "1m"),
        (330, "5.5m"),
        (597, "10m"),
        (9_720, "2.7h"),
        (200_000, "2.3d"),
    ],
)
def test_durations_of_tables_have_one_unit(seconds, text) -> None:
    assert screen._brief(seconds) == text


def test_sparks() -> None:
    bars = [{"x": value} for value in (0, 1, 4, None, 8)]
    assert screen._spark(bars, "x") == "▁▂▄ ▇"
    assert screen._spark([{"x": 0}, {"x": None}], "x") == "▁ "
    assert screen._spark(None, "x") == ""
