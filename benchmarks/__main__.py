"""`python -m benchmarks [NAME…] [--json FILE] [--small] [--profile]`: measure and print."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from benchmarks import core, delay, machine, scrape, throughput
from tests.kafka import RealBroker, obstacle

NAMES: Final = ("core", "scrape", "throughput", "delay")
WITH_KAFKA: Final = {"throughput", "delay"}
LINES: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "core": core.lines,
    "scrape": scrape.lines,
    "throughput": throughput.lines,
    "delay": delay.lines,
}


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    names = given.names or NAMES
    if WITH_KAFKA & set(names) and (reason := obstacle()):
        print(f"throughput and delay need a real Kafka: {reason}", file=sys.stderr)
        return 2
    found: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)]),
        "machine": machine.describe(),
    }
    with kafka(wanted=bool(WITH_KAFKA & set(names))) as address:
        for name in names:
            started = time.perf_counter()
            result = run(name, address, small=given.small, events=given.events, profiled=given.profile)
            took = round(time.perf_counter() - started, 1)
            print(f"\n{name} ({took} s)", *LINES[name](result), sep="\n  ", flush=True)
            found[name] = {**result, "took_seconds": took}
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def run(name: str, address: str, *, small: bool, events: int | None, profiled: bool) -> dict[str, Any]:
    """One benchmark."""
    if name == "throughput":
        count = events or (throughput.SMALL if small else throughput.EVENTS)
        return _throughput(address, count, small=small, profiled=profiled)
    if name == "delay":
        return delay.measure(address, (200,), probes=20, each=2, warm=1) if small else delay.measure(address)
    if name == "scrape":
        return scrape.measure(scrape.SMALL if small else scrape.SIZES)
    count = events or (core.SMALL if small else core.EVENTS)
    found = core.measure(count, small=small)
    if profiled:
        core.profile(count)
    return found


def _throughput(address: str, count: int, *, small: bool, profiled: bool) -> dict[str, Any]:
    rounds = 2 if small else throughput.ROUNDS
    if not profiled:
        return throughput.measure(address, count, rounds)
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place) / "worker.prof"
        found = throughput.measure(address, count, rounds, profile=raw)
        core.write_profile(str(raw), core.PROFILES / "worker.txt", count)
    return found


@contextmanager
def kafka(*, wanted: bool) -> Iterator[str]:
    """The address of a broker of our own, if one is wanted."""
    if not wanted:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="cxstream-bench-") as place, RealBroker(Path(place)) as broker:
        yield broker.address


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure cxstream; see benchmarks/README.md."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[*NAMES, []], help=f"of {', '.join(NAMES)}; default all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, machine and versions")
    parser.add_argument(
        "--small", action="store_true", help="a minute in all; shows that it works, not how fast"
    )
    parser.add_argument("--events", type=int, metavar="N", help="of throughput and core")
    parser.add_argument(
        "--profile", action="store_true", help="rewrite benchmarks/profiles/*.txt of core and throughput"
    )
    return parser


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sys.exit(main())
