"""The benchmarks by name: each runs alone, with a Kafka of its own where it needs one."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from benchmarks import clocks, core, delay, footprint, growth, hot, scrape, soak, state, throughput, workers
from benchmarks.running import Failed
from tests.kafka import RealBroker


class Part(NamedTuple):
    """One benchmark."""

    full: Callable[[str], dict[str, Any]]
    """Measures; takes the address of a Kafka, or nothing (an empty text)."""
    small: Callable[[str], dict[str, Any]]
    """The same in seconds: shows that it works, not how fast."""
    lines: Callable[[dict[str, Any]], list[str]]
    kafka: bool = True
    limit: int = 600
    """Seconds after which it is given up."""


PARTS: Final[dict[str, Part]] = {
    "footprint": Part(footprint.measure, lambda at: footprint.measure(at, 50, 1), footprint.lines),
    "throughput": Part(
        throughput.measure,
        lambda at: throughput.measure(at, throughput.SMALL, 1, peers=(), compiling=False),
        throughput.lines,
        limit=900,
    ),
    "delay": Part(
        delay.measure,
        lambda at: delay.measure(at, (200,), seconds=2, pressed=0.5, warm=0.5, compiling=False),
        delay.lines,
    ),
    "workers": Part(workers.measure, lambda at: workers.measure(at, workers.SMALL), workers.lines),
    "hot": Part(hot.measure, lambda at: hot.measure(at, *hot.SMALL), hot.lines),
    "state": Part(
        state.measure,
        lambda at: state.measure(at, *state.SMALL, compiling=False),
        state.lines,
        limit=1_200,
    ),
    "clocks": Part(
        clocks.measure, lambda at: clocks.measure(at, *clocks.SMALL, 1_000), clocks.lines, limit=1_200
    ),
    "scrape": Part(
        lambda _: scrape.measure(), lambda _: scrape.measure(scrape.SMALL), scrape.lines, kafka=False
    ),
    "core": Part(
        lambda _: core.measure(), lambda _: core.measure(core.SMALL, small=True), core.lines, kafka=False
    ),
    "growth": Part(
        lambda _: growth.measure(), lambda _: growth.measure(growth.SMALL, 1), growth.lines, kafka=False
    ),
    "soak": Part(soak.measure, lambda at: soak.measure(at, 6, 500), soak.lines, limit=4_000),
}
USUAL: Final = tuple(name for name in PARTS if name != "soak")
"""What runs when nothing is named: all but the long run."""


def run(name: str, *, small: bool) -> dict[str, Any]:
    """Measure; raises ``Failed`` with the reason."""
    part = PARTS[name]
    measure = part.small if small else part.full
    with limited(part.limit), kafka(wanted=part.kafka) as address:
        return measure(address)


@contextmanager
def kafka(*, wanted: bool) -> Iterator[str]:
    """The address of a broker of our own, if one is wanted."""
    if not wanted:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="cxstream-bench-") as place, RealBroker(Path(place)) as broker:
        yield broker.address


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise ``Failed`` in the block when it takes too long."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise Failed(f"it was not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
