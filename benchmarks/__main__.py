"""`python -m benchmarks [NAME…] [--write] [--small] [--json FILE] [--profile]`: measure and print."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import structlog

from benchmarks import core, machine, page, parts, throughput
from benchmarks.running import Failed, progress
from tests.kafka import obstacle


def main(arguments: list[str] | None = None) -> int:
    """Run what is named; 1 if a part failed, 2 if it cannot run here."""
    given = _parser().parse_args(arguments)
    names = given.names or parts.USUAL
    if any(parts.PARTS[name].kafka for name in names) and (reason := obstacle()):
        print(f"{', '.join(names)} need a real Kafka: {reason}", file=sys.stderr)
        return 2
    if given.small and given.write:
        print("--small shows that it works, not how fast: leave --write out", file=sys.stderr)
        return 2
    command = " ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)])
    found: dict[str, Any] = {}
    for number, name in enumerate(names, 1):
        print(f"\n{name} ({number} of {len(names)})", flush=True)
        found[name] = _measured(name, command, given)
        if given.write:  # after each, so that what was measured is kept whatever comes
            page.write(found)
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    if given.write:
        print(f"\nwritten: {page.RESULTS.name}, {page.PAGE.name} and its pictures")
    failed = [name for name, result in found.items() if "failed" in result]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _measured(name: str, command: str, given: argparse.Namespace) -> dict[str, Any]:
    """A part's result with when and how it came about; a part that fails says why, and the others go on."""
    about = {"command": command, "machine": machine.describe()}
    started = time.perf_counter()
    try:
        result = parts.run(name, small=given.small)
        lines = parts.PARTS[name].lines(result)
        if given.profile:
            _profile(name)
    except Failed as failed:
        result, lines = {"failed": str(failed)}, [f"failed: {failed}"]
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are measured
        traceback.print_exc()
        result, lines = {"failed": repr(error)}, [f"failed: {error!r}"]
    took = round(time.perf_counter() - started, 1)
    print(*(f"  {line}" for line in lines), sep="\n")
    progress(f"{name} took {took} s")
    return {**about, "took_seconds": took, **result}


def _profile(name: str) -> None:
    """Write anew where the time goes."""
    if name == "core":
        core.profile(core.EVENTS)
    elif name == "throughput":
        with TemporaryDirectory() as place, parts.kafka(wanted=True) as address:
            raw = Path(place) / "worker.prof"
            throughput.profile(address, raw)
            core.write_profile(str(raw), core.PROFILES / "worker.txt", throughput.PROFILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure cxstream; see benchmarks/README.md."
    )
    known: Final = (*parts.PARTS, [])
    listed = f"of {', '.join(parts.PARTS)}; default all but soak"
    parser.add_argument("names", nargs="*", metavar="NAME", choices=known, help=listed)
    parser.add_argument(
        "--write", action="store_true", help="put the figures into results.json and docs/performance.md"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--small", action="store_true", help="shows that it works, not how fast")
    parser.add_argument(
        "--profile", action="store_true", help="rewrite benchmarks/profiles/*.txt of core and throughput"
    )
    return parser


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it says what it tries again
    sys.exit(main())
