"""Child processes that end when asked, or with their parent, and say why if they end by themselves."""

import shutil
import signal
import subprocess
from pathlib import Path

STOP_TIMEOUT = 20.0  # seconds; a worker takes up to five


class Child:
    """A program in the background; what it says goes to `<folder>/<name>.log`."""

    def __init__(self, name: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        if keeper := shutil.which("setpriv"):  # a killed parent takes it along
            command = [keeper, "--pdeathsig", "TERM", *command]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C ends the stack, which ends it in order
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of what it said."""
        return self.log.read_text(errors="replace")[-2_000:]

    def kill(self) -> None:
        """End without warning, as a crash does."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL
