"""A cluster that may be harmed: a real broker, `cxstream worker` processes, and somebody who watches them."""

import contextlib
import itertools
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from tests.kafka import RealBroker

ROOT: Final = Path(__file__).parents[2]
PARTITIONS: Final = 4
SESSION: Final = 15.0
"""Seconds without a heartbeat after which Kafka gives a worker's partitions away; the product's own value."""
_ASK: Final = 0.5
"""Seconds a worker may take to answer a question; a frozen one never does."""
_LOOK: Final = 0.05
"""Seconds between two looks at the workers."""
_PATIENCE: Final = 400.0
"""Seconds until something that must happen has happened."""
COMPACTING: Final = {"log.cleaner.backoff.ms": "1000", "log.retention.check.interval.ms": "5000"}
"""Broker: look for something to compact every second."""


Program = tuple[str, ...]
"""A module that is run, and its arguments before the command."""
CXSTREAM: Final[Program] = ("cxstream",)
NEXT: Final[Program] = ("tests.stream.version", "1", f"{SESSION:g}")
"""The version to come: it stores more, and ends if something of that is lost."""


class Broken(AssertionError):  # noqa: N818 - it says that a promise is
    """Something that must happen has not."""


class Process:
    """One `cxstream worker`."""

    def __init__(
        self, name: str, folder: Path, environment: dict[str, str], program: Program = CXSTREAM
    ) -> None:
        self.name = name
        self.program = program
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *program, "worker"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
            )
        self._url = ""
        self.frozen = False

    @property
    def url(self) -> str:
        """Where it listens; waits for its first line."""
        if not self._url and self._process.stdout is not None:
            found = re.search(r"http://\S+", self._process.stdout.readline())
            self._url = found[0] if found else ""
        return self._url

    @property
    def status(self) -> int | None:
        """Its exit status, `None` while it runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        self.frozen = number == signal.SIGSTOP

    def end(self, seconds: float) -> int:
        """Wait for its end; the exit status."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} has not ended within {seconds} s:\n{self.said()}") from None
        finally:
            if self._process.poll() is not None and self._process.stdout is not None:
                self._process.stdout.close()

    def said(self) -> str:
        return self.log.read_text()[-4_000:]

    def ask(self, path: str, seconds: float = _ASK) -> Any:
        """The JSON of a path; `None` if there is no answer."""
        if self.frozen or self.status is not None or not self.url:
            return None
        with contextlib.suppress(OSError, ValueError):
            try:
                with urllib.request.urlopen(self.url + path, timeout=seconds) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return json.load(error)
        return None


class Cluster:
    """`with Cluster(folder) as cluster: cluster.start(); ...`; on a broker of its own, if it is given none."""

    def __init__(self, folder: Path, broker: RealBroker | None = None, prefix: str = "") -> None:
        self.folder = folder
        self._own = broker is None
        self.broker = broker or RealBroker(folder / "kafka", properties=COMPACTING)
        self.workers: list[Process] = []
        self.ended: list[Process] = []
        self.stops: list[float] = []
        """Seconds from SIGTERM to the end."""
        self._numbers = itertools.count(1)
        self._pool = ThreadPoolExecutor(16)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CXSTREAM_")},
            "CXSTREAM_BROKERS": self.broker.address,
            "CXSTREAM_APP": f"{prefix}chaos",
            "CXSTREAM_TOPIC_PREFIX": prefix,
            "CXSTREAM_CLOCK": "event",
            "CXSTREAM_HTTP": "127.0.0.1:0",
            "CXSTREAM_OPTIONAL_TOPICS": "customer-replied,ticket-updated",
            "CXSTREAM_TICKET_RETENTION": "3650d",  # the simulated past is not to be forgotten
        }

    def __enter__(self) -> Self:
        if self._own:
            self.broker.start()
        self.run("topics", "create")
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.signal(signal.SIGKILL)
            worker.end(30)
        self._pool.shutdown()
        if self._own:
            self.broker.stop()

    # -- commands ---------------------------------------------------------------------------------------------

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cxstream", *arguments]

    def run(self, *arguments: str, seconds: float = 1_200.0) -> str:
        """Run a command to its end; what it prints."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Broken(f"cxstream {arguments[0]} exits with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def publishing(self, path: Path, speed: float) -> Iterator[Callable[[], bool]]:
        """Publish a file meanwhile; yields what tells whether that is done."""
        log = (self.folder / "replay.log").open("w")
        with log, subprocess.Popen(
            self.command("replay", str(path), "--speed", f"{speed:g}"),
            env=self.environment, cwd=ROOT, stdout=log, stderr=log,
        ) as process:  # fmt: skip

            def done() -> bool:
                if process.poll():
                    raise Broken((self.folder / "replay.log").read_text())
                return process.poll() == 0

            try:
                yield done
            finally:
                process.kill()

    # -- workers ----------------------------------------------------------------------------------------------

    def start(self, program: Program = CXSTREAM) -> Process:
        worker = Process(f"worker-{next(self._numbers):03}", self.folder, self.environment, program)
        self.workers.append(worker)
        return worker

    def kill(self, worker: Process) -> None:
        """kill -9."""
        self.workers.remove(worker)
        worker.signal(signal.SIGKILL)
        worker.end(30)

    def terminate(self, worker: Process) -> None:
        """SIGTERM; it has to end in order. What it took is kept: 10 s are promised, a machine under load has more."""
        self.workers.remove(worker)
        before = time.monotonic()
        worker.signal(signal.SIGTERM)
        status = worker.end(60)
        if status:
            raise Broken(f"{worker.name} exits with {status} after SIGTERM:\n{worker.said()}")
        self.stops.append(time.monotonic() - before)

    def settle(self) -> None:
        """Take note of workers that ended by themselves and start others, as a supervisor would."""
        for worker in list(self.workers):
            if worker.status is not None:
                worker.end(1)
                self.workers.remove(worker)
                self.ended.append(worker)
                if "LostError" in worker.said():
                    raise Broken(f"{worker.name} misses what an older version had to keep:\n{worker.said()}")
                self.start(worker.program)

    # -- what is shown ----------------------------------------------------------------------------------------

    def served(self) -> set[int]:
        """The partitions whose numbers somebody shows who says that he is ready."""
        told = self._pool.map(lambda worker: worker.ask("/readyz?json"), self.workers)
        return {number for state in told if state and state["ready"] for number in state["partitions"]}

    def until_served(self, since: float) -> float:
        """Seconds from ``since`` (monotonic) until every partition is served."""
        self.until("every partition is served", lambda: len(self.served()) == PARTITIONS)
        return time.monotonic() - since

    def until_balanced(self) -> None:
        """Wait until every partition is served and every worker has some."""

        def shared() -> bool:
            states = [worker.ask("/readyz?json") for worker in self.workers]
            return (
                all(s and s["ready"] and s["partitions"] for s in states) and len(self.served()) == PARTITIONS
            )

        self.until("all workers have partitions", shared)

    def until(self, what: str, holds: Callable[[], object], seconds: float = _PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not holds():
            self.settle()
            if time.monotonic() > end:
                logs = "\n".join(
                    f"{w.name} {w.status} {w.ask('/readyz?json')}\n{w.said()}" for w in self.workers
                )
                raise Broken(f"not within {seconds:.0f} s: {what}\n{logs}")
            time.sleep(_LOOK)

    def applied(self) -> int:
        """Records applied by all workers together; -1 while somebody does not answer."""
        told = [worker.ask("/api/snapshot", 10.0) for worker in self.workers]
        if not all(told):
            return -1
        return sum(o + 1 for s in told for row in s["offsets"].values() for o in row.values())

    def passed(self) -> bool:
        """Whether every SLA deadline has passed that should have."""
        told = [worker.ask("/api/snapshot", 10.0) for worker in self.workers]
        return all(s and None not in s["deadlines"].values() for s in told)

    def audit(self) -> dict[str, Any]:
        """What `cxstream audit` says; raises `Broken` if a number differs."""
        self.until_served(time.monotonic())
        self.until("the deadlines have passed", self.passed)
        urls = [part for worker in self.workers for part in ("--worker", worker.url)]
        return json.loads(self.run("audit", *urls, "--json"))

    def logs(self) -> Iterator[str]:
        """The logs of all workers that there have ever been."""
        for path in sorted(self.folder.glob("worker-*.log")):
            yield path.read_text()
