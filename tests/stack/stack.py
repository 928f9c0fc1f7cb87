"""Kafka, workers, a simulated helpdesk, Prometheus with the rules and Alertmanager, as processes of this machine."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import yaml

from tests.kafka import RealBroker
from tests.kafka.broker import free_ports
from tests.stack.process import Child

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE = 120.0  # seconds until something that must happen has happened
_LOOK = 0.1  # seconds between two looks


class StackError(RuntimeError):
    """A part did not start, or ended; the text says which and what it said last."""


def fetch(url: str, **parameters: Any) -> Any:
    """The JSON of an address."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    with urllib.request.urlopen(url + query, timeout=20) as answer:
        return json.load(answer)


def free_port(wanted: int = 0) -> int:
    """`wanted` if nobody listens there, else StackError; with 0, one that is free."""
    if not wanted:
        return free_ports(1)[0]
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", wanted))
        except OSError:
            message = f"port {wanted} is in use: end what listens there"
            raise StackError(message) from None
    return wanted


class Stack:
    """Everything that `docker-compose.yml` starts, but Grafana.

    >>> with Stack(folder) as stack:
    ...     stack.add_worker()
    ...     stack.watch()

    `broker`: the address of one that runs already. `settings`: variables of the workers and commands, without
    their prefix.
    """

    def __init__(self, folder: Path, *, broker: str | None = None, **settings: str) -> None:
        self.folder = folder
        self.workers: dict[str, Child] = {}
        self.prometheus = self.alertmanager = ""
        self._kafka: RealBroker | None = None
        self._broker = broker
        self._children: list[Child] = []
        self._settings = settings

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._broker is None:
            self._kafka = RealBroker(self.folder / "kafka", port=free_port(9092))
            self._broker = self._kafka.start().address
        try:
            self.run("topics", "create")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all, the last first; the broker when nobody needs it any more."""
        for child in reversed(self._children):
            child.stop()
        self._children.clear()
        self.workers.clear()
        if self._kafka is not None:
            self._kafka.stop()

    @property
    def broker(self) -> str:
        assert self._broker is not None
        return self._broker

    @property
    def environment(self) -> dict[str, str]:
        """Of our own commands; nothing of the caller's settings."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("CXSTREAM_")}
        ours = {
            "BROKERS": self.broker,
            "OPTIONAL_TOPICS": "customer-replied,ticket-updated",
            "SLA_POLICY": "",
            **self._settings,
        }
        return {**others, **{f"CXSTREAM_{name}": value for name, value in ours.items()}}

    def run(self, *arguments: str) -> str:
        """A command of ours until its end; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "cxstream", *arguments],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if done.returncode:
            message = f"cxstream {' '.join(arguments)}: {done.stderr.strip()}"
            raise StackError(message)
        return done.stdout

    def start(self, name: str, *arguments: str) -> Child:
        """A command of ours that goes on."""
        command = [sys.executable, "-m", "cxstream", *arguments]
        return self._child(name, command)

    def add_worker(self, port: int = 0) -> str:
        """Start a worker; its address."""
        name = f"worker-{len(self.workers) + 1}"
        child = self.start(name, "worker", "--http", f"127.0.0.1:{port and free_port(port)}")
        self.wait_until(f"{name} listens", lambda: bool(re.search(r"listening on http", child.last_words())))
        found = re.search(r"listening on (http://\S+)", child.log.read_text())
        assert found
        self.workers[found[1]] = child
        return found[1]

    # ------------------------------------------------------------------- Prometheus and Alertmanager

    def watch(
        self,
        *,
        ports: tuple[int, int] = (0, 0),
        scrape: str | None = None,
        rules: Path = DEPLOY / "prometheus",
        routes: Path = DEPLOY / "alertmanager" / "alertmanager.yml",
    ) -> None:
        """Start Prometheus with the rules in a folder, and Alertmanager with the routes of a file."""
        prometheus, alertmanager = (free_port(port) for port in ports)
        self.prometheus, self.alertmanager = (
            f"http://127.0.0.1:{port}" for port in (prometheus, alertmanager)
        )
        config = self.folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._configuration(scrape, rules)))
        self._child(
            "alertmanager",
            [
                _program("prometheus-alertmanager", "alertmanager"),
                f"--config.file={routes}",
                f"--storage.path={self.folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            ],
        )
        self._child(
            "prometheus",
            [
                _program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={self.folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            ],
        )
        for url in (self.prometheus, self.alertmanager):
            self.wait_until(f"{url} is ready", lambda url=url: _answers(f"{url}/-/ready"))

    def _configuration(self, scrape: str | None, rules: Path) -> dict[str, Any]:
        """The mounted file, with the addresses of this machine."""
        config: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        config["rule_files"] = [str(rules / name) for name in config["rule_files"]]
        (manager,) = config["alerting"]["alertmanagers"]
        manager["static_configs"] = [{"targets": [_host(self.alertmanager)]}]
        for job in config["scrape_configs"]:
            targets = [self.prometheus]
            if job.pop("dns_sd_configs", None):
                targets = list(self.workers)
            job["static_configs"] = [{"targets": [_host(url) for url in targets]}]
        if scrape:
            config["rule_files"] = [str(self._without_intervals(Path(path))) for path in config["rule_files"]]
            config["global"] = dict.fromkeys(
                ("scrape_interval", "scrape_timeout", "evaluation_interval"), scrape
            )
        return config

    def _without_intervals(self, path: Path) -> Path:
        """The rules with every group evaluated as often as the others: a test has no two minutes."""
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group.pop("interval", None)
        copy = self.folder / path.name
        copy.write_text(yaml.safe_dump(rules))
        return copy

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers now."""
        found: list[dict[str, Any]] = fetch(f"{self.prometheus}/api/v1/query", query=query)["data"]["result"]
        return found

    def value(self, query: str) -> float | None:
        """The one value of a query, or None."""
        found = self.ask(query)
        return float(found[0]["value"][1]) if len(found) == 1 else None

    # --------------------------------------------------------------------------------------- waiting

    def snapshots(self, query: str = "") -> list[dict[str, Any]]:
        """What each worker says."""
        return [fetch(f"{url}/api/snapshot{query}") for url in self.workers]

    def applied(self) -> int:
        """Records applied by all workers together; -1 while one does not answer."""
        with contextlib.suppress(OSError):
            told = [each["offsets"] for each in self.snapshots()]
            return sum(
                offset + 1
                for topics in told
                for parts in topics.values()
                for offset in parts.values()
                if offset >= 0
            )
        return -1

    def complete(self) -> bool:
        """Whether the workers hold every partition between them."""
        with contextlib.suppress(OSError):
            told = self.snapshots()
            held = [number for each in told for number in each["partitions"]]
            return sorted(held) == list(range(max(each["topic_partitions"] for each in told))) and bool(held)
        return False

    def wait_until(self, what: str, holds: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait; StackError if it takes too long, or a part has ended meanwhile."""
        end = time.monotonic() + patience
        while not holds():
            for child in self._children:
                if not child.running and child in (*self.workers.values(), *self._children[-1:]):
                    message = f"{child.name} has ended while waiting until {what}: {child.last_words()}"
                    raise StackError(message)
            if time.monotonic() > end:
                message = f"waited {patience:.0f} s until {what}: {self._last_words(self._children)}"
                raise StackError(message)
            time.sleep(_LOOK)

    @staticmethod
    def _last_words(children: Iterable[Child]) -> str:
        return "\n".join(f"{child.name}: {child.last_words()[-500:]}" for child in children)

    def _child(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self.folder, self.environment)
        self._children.append(child)
        return child


def _program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    message = f"{names[0]} is not installed: on Debian and Ubuntu, apt-get install prometheus prometheus-alertmanager"
    raise StackError(message)


def _host(url: str) -> str:
    return url.removeprefix("http://")


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False
