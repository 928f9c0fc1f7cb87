"""Runs the peers' jobs in an environment of their own, which is made when it is first needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.running import ROOT, Failed

PLACE: Final = ROOT / ".venv-peers"
JOBS: Final = ROOT / "benchmarks" / "peers"
NAMES: Final = {"bytewax": "Bytewax", "quix": "Quix Streams"}
PACKAGES: Final = {"bytewax": "bytewax", "quix": "quixstreams"}
MOST: Final = {"bytewax": 1_000_000, "quix": 200_000}
"""Events given to each at most: Quix Streams would take minutes for a million and is as fast at the end."""
PATIENCE: Final = 420.0
"""Seconds a job may take."""


def environment() -> Path:
    """The Python of the peers' environment; raises ``Failed`` if it cannot be made."""
    python, wanted = PLACE / "bin" / "python", JOBS / "requirements.txt"
    made = PLACE / "requirements.txt"
    if made.is_file() and made.read_text() == wanted.read_text():
        return python
    print("  making .venv-peers with Bytewax and Quix Streams", flush=True)
    for command in (
        [sys.executable, "-m", "venv", str(PLACE)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(
                f"the peers' environment cannot be made: {(done.stderr or done.stdout).strip()[-500:]}"
            )
    made.write_text(wanted.read_text())
    return python


def versions() -> dict[str, str]:
    """Of the peers that are installed."""
    code = (
        "import json; from importlib.metadata import version;"
        f" print(json.dumps({{name: version(name) for name in {list(PACKAGES.values())}}}))"
    )
    found: dict[str, str] = json.loads(
        subprocess.run([environment(), "-c", code], capture_output=True, text=True, check=True).stdout
    )
    return found


def run(name: str, address: str, prefix: str, count: int) -> dict[str, Any]:
    """One peer over topics that begin with ``prefix`` and hold ``count`` events; what it says of itself."""
    python = environment()
    with TemporaryDirectory(prefix="cxstream-peer-") as state:
        command = [str(python), "-W", "ignore", str(JOBS / f"{name}_job.py"), address, prefix]
        try:
            done = subprocess.run(
                [*command, str(min(count, MOST[name])), state],
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{NAMES[name]} was not done within {PATIENCE:.0f} s") from None
    if done.returncode:
        raise Failed(f"{NAMES[name]} ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
