"""A cxstream worker as users run it: `cxstream worker` in a process of its own, watched over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

from benchmarks.machine import cpu_seconds, most_resident_bytes, resident_bytes
from cxstream.core.rules import Rules
from cxstream.settings import Settings
from cxstream.settings.model import PREFIX

ROOT: Final = Path(__file__).parents[1]
PARTITIONS: Final = 4
READY: Final = 60.0
"""Seconds to wait for a worker to be ready."""

_LOOK: Final = 2.0
"""Seconds between two looks at how far a worker is, at the most."""


class Failed(Exception):  # noqa: N818 - as the project's other exceptions are named
    """A process under measurement did not do its work; carries what it said last."""


def settings_for(address: str, name: str, topics: str, clock: str = "event", **more: Any) -> Settings:
    """Settings of the group ``name`` on topics that begin with ``topics``; other workers may share these."""
    return Settings(
        **{
            "brokers": (address,),
            "app": name,
            "topic_prefix": topics,
            "partitions": PARTITIONS,
            "clock": clock,
            "http": "127.0.0.1:0",
            "log_level": "warning",
            **more,
        }
    )


def default_rules() -> Rules:
    """The rules of a worker with default settings, SLA policy included."""
    return settings_for("localhost:9092", "rules", "").promised


@cache
def compiled() -> Path | None:
    """Where the package with a compiled core is, built anew once; ``None`` where it cannot be built."""
    progress("compiling the core")
    built = subprocess.run(["make", "--silent", "compiled"], cwd=ROOT, capture_output=True, check=False)
    return None if built.returncode else ROOT / "build" / "compiled"


def environment(settings: Settings) -> dict[str, str]:
    """The same settings as a child process reads them."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    written = settings.masked()
    given = {name: written[name] for name in settings.model_fields_set}
    return {
        **inherited,
        **{
            PREFIX + name.upper(): ",".join(value) if isinstance(value, list) else str(value)
            for name, value in given.items()
        },
    }


def progress(text: str) -> None:
    """Say what is going on, with the time."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


@contextmanager
def child(
    command: list[str], env: dict[str, str] | None = None, place: Path = ROOT
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A Python child process, of the code in ``place``, and its stderr; killed at the end, and when we are."""
    keeper = shutil.which("setpriv")
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*([keeper, "--pdeathsig", "KILL"] if keeper else []), sys.executable, *command],
            cwd=place,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process:
            try:
                yield process, errors
            finally:
                if process.poll() is None:
                    process.kill()


def said(errors: IO[str]) -> str:
    """The last lines of a child's stderr."""
    errors.seek(0)
    return "".join(errors.readlines()[-15:])


def answer(command: list[str], text: str = "", env: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a child to its end and return the JSON object it prints."""
    with child(command, env) as (process, errors):
        out, _ = process.communicate(text)
        if process.returncode:
            raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{said(errors)}")
        found: dict[str, Any] = json.loads(out)
        return found


class RunningWorker:
    """A worker's process and its page.

    with RunningWorker(settings) as worker:
        worker.snapshot()["windows"]
    """

    def __init__(
        self,
        settings: Settings,
        profile: Path | None = None,
        module: tuple[str, ...] = ("cxstream",),
        place: Path = ROOT,
    ) -> None:
        """With ``module`` another program than ``cxstream`` is started, with the same arguments; in ``place``."""
        measured = [] if profile is None else ["-m", "cProfile", "-o", str(profile)]
        self._child = child([*measured, "-m", *module, "worker"], environment(settings), place)
        self._line: http.client.HTTPConnection
        self.url = ""
        self.pid = 0
        self.started = 0.0
        """``time.perf_counter()`` before the process was started."""
        self.slowest = 0.0
        """Seconds, of the answers while it was waited for."""

    def __enter__(self) -> Self:
        self.started = time.perf_counter()
        process, errors = self._process, self._errors = self._child.__enter__()
        assert process.stdout is not None
        self.url = process.stdout.readline().rpartition(" ")[2].strip()
        if not self.url:
            reason = f"the worker did not start:\n{said(errors)}"
            self._child.__exit__(None, None, None)
            raise Failed(reason)
        self.pid = process.pid
        self._line = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._child.__exit__(kind, error, trace)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body, over a connection that stays open."""
        if self._process.poll() is not None:
            raise Failed(f"the worker ended:\n{said(self._errors)}")
        try:
            self._line.request("GET", path)
            response = self._line.getresponse()
        except ConnectionError:  # closed by the worker, after a pause of more than a minute
            self._line.close()
            self._line.request("GET", path)
            response = self._line.getresponse()
        return response.status, response.read()

    def wait_until_ready(self, patience: float = READY) -> float:
        """Return when the worker owns and has recovered all partitions: seconds since the process was started."""
        deadline = time.monotonic() + patience
        while True:
            asked = time.perf_counter()
            status, body = self.get("/readyz")
            self.slowest = max(self.slowest, time.perf_counter() - asked)
            if status == 200:
                return time.perf_counter() - self.started
            if time.monotonic() > deadline:
                raise Failed(f"the worker is not ready: {body.decode()}{said(self._errors)}")
            time.sleep(0.02)

    def reason(self) -> str | None:
        """Why the worker is not ready, if it is not."""
        status, body = self.get("/readyz")
        return None if status == 200 else body.decode()

    def snapshot(self) -> dict[str, Any]:
        """``/api/snapshot``."""
        found: dict[str, Any] = json.loads(self.get("/api/snapshot")[1])
        return found

    def applied(self) -> int:
        """Records applied since the topics began."""
        rows = json.loads(self.get("/readyz?json")[1])["offsets"].values()
        return sum(offset + 1 for row in rows for offset in row.values())

    def total(self, metric: str) -> float:
        """The sum of all samples of a metric."""
        wanted = metric.encode()
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rpartition(b" ")[2]) for line in lines if line.partition(b"{")[0] == wanted)

    def by_label(self, metric: str, label: str) -> dict[str, int]:
        """The same by the values of one label."""
        found: dict[str, int] = {}
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.partition("{")[0] == metric:
                value = line.partition(f'{label}="')[2].partition('"')[0]
                found[value] = found.get(value, 0) + int(float(line.rpartition(" ")[2]))
        return {value: count for value, count in found.items() if count}

    def cpu(self) -> float:
        """Processor seconds used so far, all threads."""
        return cpu_seconds(self.pid)

    def resident(self) -> int:
        """Bytes of memory."""
        return resident_bytes(self.pid)

    def most_resident(self) -> int:
        """Bytes of memory at the most since its start."""
        return most_resident_bytes(self.pid)

    def files(self) -> int:
        """Open file descriptors."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())


def wait_until_applied(workers: Sequence[RunningWorker], count: int, patience: float) -> int:
    """Return when workers have applied so many records together, or after ``patience`` seconds: how many they have.

    They are asked seldom, and more often towards the end: an answer takes some of their time.
    """
    deadline = time.monotonic() + patience
    begun, first = time.perf_counter(), sum(worker.applied() for worker in workers)
    done = first
    while done < count and time.monotonic() < deadline:
        pace = (done - first) / (time.perf_counter() - begun)
        time.sleep(min(_LOOK, max(0.01, (count - done) / pace)) if pace else 0.1)
        done = sum(worker.applied() for worker in workers)
    return done


def state_when_ready(worker: RunningWorker, patience: float = READY) -> dict[str, Any]:
    """Wait until a worker is ready; how it was on the way, and is then."""
    seconds = worker.wait_until_ready(patience)
    return {
        "seconds": seconds,
        "cpu_seconds": worker.cpu(),
        "slowest_answer_ms": round(worker.slowest * 1e3, 1),
        "resident": worker.resident(),
        "most_resident": worker.most_resident(),
    }
