"""The commands that run with a broker: worker, demo, replay and ticket, as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cxstream.settings import load
from cxstream.stream import topics

from .conftest import BROKEN, OTHER, TICKET

ROOT = Path(__file__).parents[2]
CXSTREAM = [sys.executable, "-c", "from cxstream.cli import main; main()"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start ``cxstream`` with arguments and settings; whatever still runs at the end is killed."""
    started = []

    def begin(*args: object, **settings: str) -> subprocess.Popen[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("CXSTREAM_")}
        env |= {f"CXSTREAM_{name}": value for name, value in settings.items()}
        process = subprocess.Popen(
            [*CXSTREAM, *map(str, args)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line or process.communicate()
    return found[0]


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _eventually(holds: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def _create(address: str) -> None:
    asyncio.run(topics.for_worker(load(brokers=[address]), embedded=True))


def test_a_worker_waits_for_its_topics_and_ends_on_sigterm(start, mock_kafka) -> None:
    worker = start("worker", "--http", "127.0.0.1:0", "--json", BROKERS=mock_kafka)
    url = _address(worker)
    _eventually(lambda: "topics are missing" in _get(f"{url}/readyz")[1])
    assert _get(f"{url}/readyz")[0] == 503
    assert _get(f"{url}/healthz")[0] == 200
    worker.send_signal(signal.SIGTERM)
    _, err = worker.communicate(timeout=15)
    assert worker.returncode == 0
    assert all(json.loads(line)["level"] for line in err.splitlines())


def test_an_address_in_use_is_one_line(start, mock_kafka) -> None:
    first = start("worker", "--http", "127.0.0.1:0", BROKERS=mock_kafka)
    second = start("worker", "--http", _address(first).removeprefix("http://"), BROKERS=mock_kafka)
    out, err = second.communicate(timeout=15)
    assert (second.returncode, out) == (2, "")
    assert err.startswith("error: CXSTREAM_HTTP=127.0.0.1:")
    assert err.count("\n") == 1


def test_replay_and_ticket(start, mock_kafka, events) -> None:
    path = events(*TICKET, BROKEN, OTHER, {**TICKET[1], "topic": "customer-replied", "event_id": "c1"})
    replay = start("replay", path, "--json", BROKERS=mock_kafka)
    _, err = replay.communicate(timeout=30)
    assert replay.returncode == 1
    assert "topics are missing: ticket-opened" in err

    _create(mock_kafka)
    replay = start("replay", path, "--json", BROKERS=mock_kafka)
    out, err = replay.communicate(timeout=30)
    assert replay.returncode == 0, err
    assert json.loads(out) == {
        "published": {"ticket-opened": 1, "agent-replied": 3, "ticket-resolved": 1, "survey-answered": 1},
        "skipped": {"invoices": 1, "customer-replied": 1},
        "invalid": {"bad_time": 1},
    }

    ticket = start("ticket", "T-1", "--json", BROKERS=mock_kafka)
    out, err = ticket.communicate(timeout=30)
    assert ticket.returncode == 0, err
    from_kafka = json.loads(out)
    assert (from_kafka["state"], from_kafka["duplicate"], len(from_kafka["events"])) == ("resolved", 1, 6)


def test_which_ticket(start, mock_kafka, events, tmp_path) -> None:
    """A worker lists a late ticket, and the command tells of its clock what the worker's policy made of it."""
    opened = time.time() - 600
    _create(mock_kafka)
    rows = ({**TICKET[0], "ticket_id": name, "occurred_at": opened} for name in ("T 1", "T 2"))
    replay = start("replay", events(*rows), BROKERS=mock_kafka)
    assert replay.wait(30) == 0
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\npolicies: [{name: ours, when: {}, targets: {first_reply: 9m}}]\n")
    url = _address(
        start(
            "worker", "--http", "127.0.0.1:0",
            BROKERS=mock_kafka, SLA_POLICY=str(policy), TICKET_API="1", TICKET_URL="https://desk.example/{id}",
        )
    )  # fmt: skip

    def late() -> list[dict[str, str]]:
        status, text = _get(f"{url}/api/tickets?state=breached")
        assert status == 200
        return json.loads(text)["tickets"]

    _eventually(lambda: len(late()) == 2)
    assert [row["url"] for row in late()] == ["https://desk.example/T%201", "https://desk.example/T%202"]
    assert {(row["policy"], row["target"], row["state"]) for row in late()} == {
        ("ours", "first_reply", "breached")
    }
    # Without the policy file: the workers remember it.
    ticket = start("ticket", "T 1", "--json", BROKERS=mock_kafka)
    out, err = ticket.communicate(timeout=30)
    assert ticket.returncode == 0, err
    (clock,) = json.loads(out)["sla"]
    assert (clock["policy"], clock["state"], clock["target_s"]) == ("ours", "breached", 540)
    assert clock["due_at"] == late()[0]["due_at"]
    assert clock["elapsed_calendar_s"] >= 600


def test_demo(start) -> None:
    demo = start("demo", "--http", "127.0.0.1:0", "--days", "0.5", "--json")
    url = _address(demo)
    _eventually(lambda: _get(f"{url}/readyz")[0] == 200)
    _eventually(lambda: json.loads(_get(f"{url}/api/snapshot")[1])["tickets"]["opened"] > 100)
    assert "cxstream_tickets_window{" in _get(f"{url}/metrics")[1]
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=20)
    assert demo.returncode == 0, err
    assert "Traceback" not in err
    assert all(json.loads(line)["ready"] in {True, False} for line in out.splitlines())


def test_a_demo_ends_by_itself(start) -> None:
    demo = start("demo", "--http", "127.0.0.1:0", "--days", "0", "--for", "3s")
    out, err = demo.communicate(timeout=30)
    assert demo.returncode == 0, err
    assert "live page" in out
    assert out.splitlines()[-1].startswith("stopped after ")
