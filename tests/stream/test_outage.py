"""Kafka away at the start, and later: the worker lives, says why it is not ready, and tells it once."""

import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tests.chaos.cluster import ROOT, Cluster, Process
from tests.kafka import obstacle

pytestmark = pytest.mark.broker

PATIENCE = 120.0


@pytest.fixture
def cluster(tmp_path):
    """One whose broker has not been started."""
    if reason := obstacle():
        pytest.skip(f"no real Kafka: {reason}")
    made = Cluster(tmp_path)
    yield made
    made.__exit__()


def get(worker: Process, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(worker.url + path, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def until(worker: Process, status: int, reason: str) -> None:
    end = time.monotonic() + PATIENCE
    while (told := get(worker, "/readyz"))[0] != status or reason not in told[1]:
        assert time.monotonic() < end, (told, worker.said())
        assert get(worker, "/healthz") == (200, "ok\n")
        time.sleep(0.1)


def terminate(worker: Process) -> None:
    before = time.monotonic()
    worker.signal(signal.SIGTERM)
    assert worker.end(30) == 0, worker.said()
    assert time.monotonic() - before < 10


def test_it_is_waited_for_told_once_and_stopped_in_time(cluster):
    worker = cluster.start()
    until(worker, 503, "refuses connections: start it, or correct CXSTREAM_BROKERS")
    cluster.broker.start()
    until(worker, 503, "topics are missing")
    cluster.run("topics", "create")
    until(worker, 200, "ready")
    cluster.broker.kill()
    until(worker, 503, "refuses connections")
    assert "cxstream_assigned_partitions{" in get(worker, "/metrics")[1], "what was applied is shown on"
    cluster.broker.start()
    until(worker, 200, "ready")
    cluster.broker.pause()
    until(worker, 503, "does not answer")
    cluster.broker.resume()
    until(worker, 200, "ready")
    lines = worker.log.read_text().splitlines()
    told = [line for line in lines if "the broker is waited for" in line]
    again = [line for line in lines if "the broker answers again" in line]
    assert (len(told), len(again)) == (3, 3), worker.said()
    assert len(lines) < 30, worker.said()
    assert not [line for line in lines if "Traceback" in line], worker.said()
    cluster.broker.kill()
    until(worker, 503, "refuses connections")
    cluster.workers.remove(worker)
    terminate(worker)


def test_it_stops_in_time_before_it_has_ever_reached_a_broker(cluster):
    worker = cluster.start()
    until(worker, 503, "refuses connections")
    cluster.workers.remove(worker)
    terminate(worker)


def test_a_replay_waits_for_a_broker_that_goes_away(cluster, tmp_path):
    """Longer than the client library would keep a batch; every event is there in the end, none of them twice."""
    with cluster:
        path = tmp_path / "events.jsonl"
        start = int(time.time()) - 3_600
        path.write_text(
            "".join(
                f'{{"topic":"ticket-opened","ticket_id":{n},"occurred_at":{start + n // 10}}}\n'
                for n in range(300)
            )
        )
        log = (tmp_path / "replay.out").open("w")
        with log, subprocess.Popen(
            cluster.command("replay", str(path), "--speed", "3"),
            env=cluster.environment, cwd=ROOT, stdout=log, stderr=log,
        ) as replay:  # fmt: skip
            worker = cluster.start()
            cluster.until("some are applied", lambda: cluster.applied() > 10)
            cluster.broker.stop()
            time.sleep(3)
            cluster.broker.start()
            assert replay.wait(PATIENCE) == 0, (tmp_path / "replay.out").read_text()
        cluster.until("all are applied", lambda: cluster.applied() >= 300)
        assert cluster.workers == [worker], worker.said()
        told = worker.ask("/api/snapshot", PATIENCE)
        assert told["tickets"]["opened"] == 300
