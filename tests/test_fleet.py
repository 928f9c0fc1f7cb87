"""The fleet as its users run it: workers as processes over a real Kafka, any of which shows the sum of all."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from cxstream.core.pane import MEASURES
from tests.kafka.broker import free_ports
from tests.test_pipeline import Deployment, simulated, sums

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kafka import RealBroker


@pytest.fixture
def fleet(kafka: RealBroker, prefix: str, tmp_path: Path) -> Iterator[Deployment]:
    """Two workers that know each other's addresses."""
    ports = free_ports(2)
    peers = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    deployment = Deployment(kafka.address, prefix, tmp_path, CXSTREAM_PEERS=peers)
    deployment.run("topics", "create")
    for port in ports:
        deployment.environment["CXSTREAM_HTTP"] = f"127.0.0.1:{port}"
        deployment.start()
    yield deployment
    deployment.stop()


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return dict(json.load(answer))


def test_any_worker_shows_all_and_what_was_complete_while_one_is_gone(
    fleet: Deployment, tmp_path: Path
) -> None:
    path, number = simulated(tmp_path, days=2, per_day=300)
    fleet.wait_until(
        "both have partitions", lambda: all(len(s["partitions"]) == 2 for s in fleet.snapshots())
    )
    fleet.run("replay", str(path))
    fleet.wait_until("all is applied", lambda: fleet.applied() == number)
    report = json.loads(fleet.run("report", str(path), "--json"))
    keys = ("tickets", "windows", *MEASURES, "csat", "ces", "nps")

    def equals_the_report(url: str) -> dict[str, Any]:
        told = get(f"{url}/api/snapshot?fleet=1&now={report['at']}")
        assert (told["complete"], told["reason"]) == (True, None)
        assert {key: sums(told[key]) for key in keys} == {key: sums(report[key]) for key in keys}
        return told

    urls = [url for _, url in fleet.workers]
    for url in urls:
        assert equals_the_report(url)["workers"] == 2
    boards = [get(f"{url}/api/board")["numbers"] for url in urls]
    assert [board["open"] for board in boards] == [report["tickets"]["open"]] * 2

    fleet.kill(0)
    fleet.wait_until("the other one sees it", lambda: not get(f"{urls[1]}/api/board")["complete"])
    alone = get(f"{urls[1]}/api/board")
    assert alone["complete"] or alone["numbers"]["open"] == report["tickets"]["open"]
    assert alone["whole"]
    fleet.wait_until("it has taken over", lambda: bool(get(f"{urls[1]}/api/board")["complete"]))
    told = equals_the_report(urls[1])
    assert (told["workers"], told["partitions"]) == (1, [0, 1, 2, 3])
    assert told["unreachable"] == [f"{urls[0]} does not answer: Connection refused"]

    done = subprocess.run(
        [sys.executable, "-m", "cxstream", "top", "--once", "--json"],
        env=fleet.environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["open"] == report["tickets"]["open"]
