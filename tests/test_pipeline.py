"""The whole, as a user runs it: processes of the command line over a real Kafka, compared with the report."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cxstream.core.instant import parse_instant
from cxstream.core.pane import MEASURES
from cxstream.simulate import Faults, Helpdesk, Scenario, write_lines
from tests.kafka.broker import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka import RealBroker

PATIENCE = 120  # seconds until something that must happen has happened
DAY = 86_400_000


class Deployment:
    """Workers and commands that share a broker and a prefix."""

    def __init__(self, address: str, prefix: str, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CXSTREAM_")},
            "CXSTREAM_BROKERS": address,
            "CXSTREAM_APP": f"{prefix}app",
            "CXSTREAM_TOPIC_PREFIX": prefix,
            "CXSTREAM_CLOCK": "event",
            "CXSTREAM_HTTP": "127.0.0.1:0",
            "CXSTREAM_OPTIONAL_TOPICS": "customer-replied,ticket-updated",
            **settings,
        }
        self.workers: list[tuple[subprocess.Popen[str], str]] = []
        self._count = 0

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cxstream", *arguments],
            env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> str:
        """Start a worker; its address."""
        self._count += 1
        with self._log().open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cxstream", "worker"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.folder,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"{line!r} {self._log().read_text()}"
        self.workers.append((process, found[0]))
        return found[0]

    def _log(self) -> Path:
        return self.folder / f"worker-{self._count}.log"

    def kill(self, index: int) -> None:
        process, _ = self.workers.pop(index)
        with process:
            process.kill()

    def stop(self) -> None:
        for process, _ in self.workers:
            process.send_signal(signal.SIGTERM)
        for process, _ in self.workers:
            with process:
                try:
                    assert process.wait(timeout=15) == 0
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
        self.workers.clear()

    def snapshots(self, query: str = "") -> list[dict[str, Any]]:
        found = []
        for _, url in self.workers:
            with urllib.request.urlopen(f"{url}/api/snapshot{query}", timeout=10) as answer:
                found.append(json.load(answer))
        return found

    def applied(self) -> int:
        """Records applied by all workers together."""
        with contextlib.suppress(OSError):
            return sum(
                o + 1 for s in self.snapshots() for ps in s["offsets"].values() for o in ps.values() if o >= 0
            )
        return -1

    def settled(self) -> bool:
        """Whether every SLA deadline has passed that lies before the worker's own now."""
        return all(
            instant is not None and parse_instant(instant) >= parse_instant(snapshot["now"])
            for snapshot in self.snapshots()
            for instant in snapshot["deadlines"].values()
        )

    def wait_until(self, what: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            for index, (process, _) in enumerate(self.workers):
                if process.poll() is not None:
                    pytest.fail(f"worker {index} ended while waiting for {what}: {self.logs()}")
            if time.monotonic() > end:
                pytest.fail(f"{what} has not happened: {self.applied()} applied\n{self.logs()}")
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3_000:] for path in sorted(self.folder.glob("worker-*.log")))


@pytest.fixture
def deploy(kafka: RealBroker, prefix: str, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    made: list[Deployment] = []

    def make(**settings: str) -> Deployment:
        made.append(Deployment(kafka.address, prefix, tmp_path, **settings))
        made[-1].run("topics", "create")
        return made[-1]

    yield make
    for deployment in made:
        deployment.stop()


def simulated(folder: Path, *, days: float, per_day: int, seed: int = 3) -> tuple[Path, int]:
    """A file of events, shuffled within a day, a twentieth of them twice."""
    start = int(time.time() * 1000) - 40 * DAY
    scenario = Scenario(days=days, tickets_per_day=per_day, faults=Faults(duplicates=0.05))
    path = folder / "events.jsonl"
    with path.open("wb") as file:
        write_lines(Helpdesk(scenario, seed, start).deliveries(), file)
    lines = path.read_bytes().splitlines(keepends=True)
    rng = random.Random(seed)
    step = max(1, round(len(lines) / days))
    for begin in range(0, len(lines), step):
        day = lines[begin : begin + step]
        rng.shuffle(day)
        lines[begin : begin + step] = day
    path.write_bytes(b"".join(lines))
    return path, len(lines)


_NOT_KEPT = frozenset(
    {
        *("max_seconds", "p50_seconds", "p90_seconds", "p95_seconds", "buckets"),
        *("mean_seconds", "mean", "ratio", "score", "attainment"),
    }
)


def sums(told: Any, *, left_out: frozenset[str] = _NOT_KEPT) -> Any:
    """Counts and sums only: what several workers add up to."""
    if isinstance(told, dict):
        return {name: sums(value, left_out=left_out) for name, value in told.items() if name not in left_out}
    return told


def added(told: list[Any]) -> Any:
    """The sum of answers of one shape."""
    if isinstance(told[0], dict):
        return {name: added([one[name] for one in told]) for name in told[0]}
    return pytest.approx(sum(told), abs=1e-6) if isinstance(told[0], float) else sum(told)


def assert_equal_to_the_report(deployment: Deployment, path: Path) -> dict[str, Any]:
    deployment.wait_until("the deadlines have passed", deployment.settled)
    report: dict[str, Any] = json.loads(deployment.run("report", str(path), "--json"))
    snapshots = deployment.snapshots(f"?now={report['at']}")
    keys = ("tickets", "windows", *MEASURES, "csat", "ces", "nps")
    # Several workers each have a clock of their own, that of their last event: up to there deadlines have passed.
    left_out = _NOT_KEPT if len(snapshots) == 1 else _NOT_KEPT | {"sla"}
    expected = {key: sums(report[key], left_out=left_out) for key in keys}
    found = [{key: sums(snapshot[key], left_out=left_out) for key in keys} for snapshot in snapshots]
    assert expected == added(found)
    workers = [part for _, url in deployment.workers for part in ("--worker", url)]
    deployment.run("audit", *workers)  # which lets time act up to each worker's now, and compares these too
    return report


def metrics_of(url: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: dict[Any, float], name: str, **labels: str) -> float:
    return sum(
        value for (n, ls), value in samples.items() if n == name and labels.items() <= dict(ls).items()
    )


def test_a_replayed_history_equals_the_report(deploy: Callable[..., Deployment], tmp_path: Path) -> None:
    path, number = simulated(tmp_path, days=3, per_day=400)
    deployment = deploy()
    url = deployment.start()
    deployment.run("replay", str(path))
    deployment.wait_until("all is applied", lambda: deployment.applied() == number)
    report = assert_equal_to_the_report(deployment, path)

    samples = metrics_of(url)
    for window, told in report["windows"].items():
        for measure in ("first_response", "response", "resolution"):
            name = f"cxstream_{measure}_window_seconds"
            assert total(samples, f"{name}_gcount", window=window) == told[measure]["count"]
            assert total(samples, f"{name}_gsum", window=window) == pytest.approx(
                told[measure]["sum_seconds"]
            )
        for flow in ("opened", "resolved", "reopened"):
            assert total(samples, "cxstream_tickets_window", window=window, flow=flow) == told[flow]
        assert (
            total(samples, "cxstream_survey_score_window_gcount", window=window, survey="csat")
            == told["csat"]["answers"]
        )
    for state in ("awaiting_first_reply", "in_progress"):
        assert total(samples, "cxstream_backlog_tickets", state=state) == report["tickets"][state]
    results = {
        result: total(samples, "cxstream_events_total", result=result) for result in ("duplicate", "invalid")
    }
    assert results == {"duplicate": report["events"]["duplicate"], "invalid": 0}
    assert total(samples, "cxstream_events_total") == number


def test_a_worker_killed_in_the_middle_changes_no_number(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    path, number = simulated(tmp_path, days=3, per_day=1_500)
    deployment = deploy()
    deployment.start()
    deployment.start()
    deployment.wait_until(
        "both workers have partitions",
        lambda: all(len(s["partitions"]) == 2 for s in deployment.snapshots()),
    )
    replay = subprocess.Popen(
        [sys.executable, "-m", "cxstream", "replay", str(path), "--speed", "60000"],
        env=deployment.environment,
    )
    try:
        deployment.wait_until("a part is applied", lambda: deployment.applied() > number // 5)
        deployment.kill(0)
        deployment.start()
        assert replay.wait(timeout=PATIENCE) == 0
    finally:
        replay.kill()
        replay.wait()
    deployment.wait_until("all is applied", lambda: deployment.applied() == number)
    assert_equal_to_the_report(deployment, path)


def test_with_no_events_arriving_windows_empty_as_the_wall_clock_moves(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(CXSTREAM_CLOCK="wall", CXSTREAM_WINDOWS="4s/1s,1h/1m")
    url = deployment.start()
    file = deployment.folder / "now.jsonl"
    file.write_text(
        json.dumps({"topic": "ticket-opened", "ticket_id": "1", "occurred_at": time.time()}) + "\n"
    )
    deployment.run("replay", str(file))

    def opened(window: str) -> float:
        return total(metrics_of(url), "cxstream_tickets_window", window=window, flow="opened")

    deployment.wait_until("the ticket is seen", lambda: opened("1h") == 1)
    deployment.wait_until("the short window is empty again", lambda: opened("4s") == 0)
    assert opened("1h") == 1
    assert total(metrics_of(url), "cxstream_tickets_total", flow="opened") == 1


def test_the_simulators_file_and_its_stream_give_the_same_numbers(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    path = deployment.folder / "events.jsonl"
    options = ("--days", "2", "--seed", "9", "--until", "2026-03-02T10:00:00Z")
    deployment.run("simulate", *options, "--to", str(path))
    deployment.start()
    deployment.run("simulate", *options, "--speed", "max")
    number = len(path.read_bytes().splitlines())
    deployment.wait_until("all is applied", lambda: deployment.applied() == number)
    assert_equal_to_the_report(deployment, path)


def test_prometheus_scrapes_and_answers(
    deploy: Callable[..., Deployment], tmp_path: Path, tool: Callable[[str], str]
) -> None:
    prometheus, promtool = tool("prometheus"), tool("promtool")
    path, number = simulated(tmp_path, days=3, per_day=300)
    deployment = deploy()
    url = deployment.start()
    deployment.run("replay", str(path))
    deployment.wait_until("all is applied", lambda: deployment.applied() == number)
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=answer.read(), capture_output=True, check=False
        )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")

    config = tmp_path / "prometheus.yml"
    target = url.removeprefix("http://")
    config.write_text(
        "scrape_configs: [{job_name: cxstream, scrape_interval: 1s, static_configs: [{targets: ['"
        + target
        + "']}]}]"
    )
    address = f"127.0.0.1:{free_ports(1)[0]}"
    server = subprocess.Popen(
        [
            prometheus,
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address={address}",
        ],
        stderr=subprocess.DEVNULL,
    )

    def ask(query: str) -> list[Any]:
        with contextlib.suppress(OSError):
            quoted = urllib.request.quote(query)  # type: ignore[attr-defined]
            with urllib.request.urlopen(
                f"http://{address}/api/v1/query?query={quoted}", timeout=10
            ) as answer:
                return list(json.load(answer)["data"]["result"])
        return []

    window = '{window="7d"}'
    frt, answers = "cxstream_first_response_window_seconds", "cxstream_survey_answers_window"
    try:
        deployment.wait_until("Prometheus has scraped", lambda: bool(ask("cxstream_build_info")))
        report = json.loads(deployment.run("report", str(path), "--json"))
        told = report["windows"]["7d"]
        queries = {
            f"sum({frt}_gsum{window}) / (sum({frt}_gcount{window}) > 0)": told["first_response"][
                "mean_seconds"
            ],
            f'sum({answers}{{survey="csat",category="positive",window="7d"}})'
            f'/ (sum({answers}{{survey="csat",window="7d"}}) > 0)': told["csat"]["ratio"],
            "sum(cxstream_backlog_tickets)": report["tickets"]["open"],
            'sum(cxstream_tickets_window{window="7d",flow="reopened"})': told["reopened"],
            "min(sum by (topic) (cxstream_assigned_partitions) / max by (topic) (cxstream_topic_partitions))": 1,
        }
        for query, expected in queries.items():
            (result,) = ask(query)
            assert float(result["value"][1]) == pytest.approx(expected, rel=1e-5), query
        (p90,) = ask(f"histogram_quantile(0.9, sum by (le) ({frt}_bucket{window}))")
        assert 0 < float(p90["value"][1]) < 5 * 86_400
        assert ask("time() - min by (team) (cxstream_backlog_oldest_timestamp_seconds)")
    finally:
        server.terminate()
        server.wait()
