"""Runs `broker.sh` as a child: start, stop, kill, pause, and start again on the same port and data."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Self

SCRIPT = Path(__file__).with_name("broker.sh")
READY = "Kafka Server started"
START_TIMEOUT = 180.0  # seconds; 15 where it is quiet, the first run also fetches 45 MB of jars
STOP_TIMEOUT = 60.0  # seconds; a controlled shutdown takes 1 to 3
FETCH_TIMEOUT = 280.0  # seconds; under the limit of one test, so that the reason is told
JAVA = 17  # the oldest that Kafka 4 runs on


class BrokerError(RuntimeError):
    """The broker did not start; carries the last lines it printed."""


def obstacle() -> str | None:
    """Why no real broker can run on this machine, in one line with the remedy; None if it can.

    Gets the jars if they are not cached yet.
    """
    remedy = "on Debian: apt-get install openjdk-17-jre-headless maven"
    if not shutil.which("java"):
        return f"no java on PATH ({remedy})"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < JAVA:
        return f"java is {found[1] if found else 'of unknown version'}, Kafka needs {JAVA} ({remedy})"
    try:
        fetched = subprocess.run(
            [SCRIPT, "--fetch"], capture_output=True, text=True, check=False, timeout=FETCH_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return f"Maven did not get Kafka's jars in {FETCH_TIMEOUT:.0f} s"
    if fetched.returncode and not shutil.which("mvn"):
        return f"no mvn on PATH to get Kafka's jars with ({remedy})"
    if fetched.returncode:
        lines = (fetched.stdout + fetched.stderr).strip().splitlines() or ["no output"]
        cause = next((line for line in lines if "ERROR" in line), lines[-1])
        return f"Maven cannot get Kafka's jars: {cause[:200]}"
    return None


def state(process: Path) -> str:
    """Return the letter that Linux gives the state of a process or thread; ``X`` when it is gone."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def free_ports(count: int) -> list[int]:
    """Ports free right now, below those from which systems give ports to clients: such a one may soon be taken."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            port = random.SystemRandom().randrange(20_000, 32_000)  # tests of one seed run side by side
            each = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # in use
                each.bind(("127.0.0.1", port))
                found.append(port)
        return found


class RealBroker:
    """A single-node Kafka in a directory of its own.

    >>> with RealBroker(tmp_path) as broker:
    ...     await admin(broker.address)
    """

    def __init__(
        self, directory: Path, port: int | None = None, properties: Mapping[str, str] | None = None
    ) -> None:
        free = free_ports(2)
        self.directory = directory
        self.port = port or free[0]
        self.controller = free[1]
        self.log = directory / "broker.log"
        self._properties = dict(properties or {})
        """Added to, or instead of, those of `broker.sh`."""
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._last: deque[str] = deque(maxlen=30)

    @property
    def address(self) -> str:
        """What clients take as `bootstrap_servers`; the same after a restart."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of Java."""
        assert self._process is not None, "the broker is not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives, paused or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start, again after `stop` or `kill`, and return when it serves; BrokerError if it does not."""
        assert not self.running, "the broker runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        added = "".join(f"{name}={value}\n" for name, value in self._properties.items())
        (self.directory / "added.properties").write_text(added)
        command = [str(SCRIPT), str(self.directory), str(self.port), str(self.controller)]
        if keeper := shutil.which("setpriv"):  # a killed pytest takes its broker along
            command = [keeper, "--pdeathsig", "KILL", *command]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C ends the tests first, then they end the broker
        )
        ready = threading.Event()
        self._last.clear()
        self._reader = threading.Thread(target=self._read, args=(self._process, ready), daemon=True)
        self._reader.start()
        served = ready.wait(START_TIMEOUT)
        if not served or not self.running:
            self.kill()
            why = "ended at once" if served else f"did not serve within {START_TIMEOUT:.0f} s"
            raise BrokerError(f"Kafka {why}; last lines of {self.log}:\n" + "".join(self._last))
        return self

    def stop(self) -> None:
        """Shut down in order: the logs are flushed, the next start needs no recovery."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End without warning, as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze: connections stay open and nothing answers, as in a long pause of the machine."""
        os.kill(self.pid, signal.SIGSTOP)
        while any(state(thread) not in "TtZX" for thread in Path(f"/proc/{self.pid}/task").iterdir()):
            time.sleep(0.005)  # a thread that runs on another core answers until the signal is there

    def resume(self) -> None:
        """Undo `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout, self.log.open("a") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                self._last.append(line)
                if READY in line:
                    ready.set()
        process.wait()
        ready.set()  # whoever waits need not wait for the time limit

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGCONT)  # a paused process takes no SIGTERM
            os.killpg(process.pid, how)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT)
        self._process = None
