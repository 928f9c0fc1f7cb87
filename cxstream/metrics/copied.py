"""A copy of a worker's numbers, taken in the event loop, so that a thread can work on it.

The loop is the only place where the numbers change, so copying needs no lock. What is copied is small: it
depends on the number of label sets, not of tickets or panes. Between two partitions the loop may do something
else, for a ticket lives in one partition only; what is no longer owned when the copy is complete is left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar

from cxstream.core.backlog import NO_ROW
from cxstream.core.pane import Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cxstream.core.backlog import Row
    from cxstream.core.ledger import Ledger
    from cxstream.core.tally import Histogram
    from cxstream.metrics.labels import LabelSet
    from cxstream.metrics.observed import Observed

K = TypeVar("K")

TURN: Final = 0.004  # seconds of copying after which others get a turn

_NO_CELL: Final = Cell()

Spread = tuple[tuple[int, ...], tuple[int, ...], int]
"""A histogram: upper bounds, counts per bucket (one more than bounds, not cumulative), sum."""


@dataclass(frozen=True, slots=True)
class Live:
    """The live values of one partition."""

    windows: dict[str, dict[LabelSet, Cell]]
    backlog: dict[LabelSet, Row]
    orphans: int
    entries: int
    clocks: dict[tuple[int, int, str], int]
    """SLA clocks that run, by series, state and team."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Everything one scrape shows; instants and durations in ms."""

    live: tuple[Live, ...]
    measures: dict[tuple[str, LabelSet], Spread]
    flows: dict[tuple[str, LabelSet], int]
    answers: dict[tuple[str, str, LabelSet], int]
    evaluations: dict[tuple[int, str, LabelSet], int]
    results: dict[tuple[str, str], int]
    letters: dict[tuple[str, str], int]
    misplaced: dict[str, int]
    newest: dict[str, int]
    delays: dict[str, Spread]
    topics: tuple[str, ...]
    topic_partitions: dict[str, int]
    assigned: frozenset[int]
    recovering: bool
    set_aside: int
    lag: dict[tuple[str, int], int]
    event_times: dict[tuple[str, int], int]
    fingerprint: str


async def copy(observed: Observed, *, windows: bool = True, backlog: bool = True) -> Copied:
    """Copy the numbers as of now; without ``windows`` or ``backlog`` only which label sets these have."""
    now, started = observed.now(), perf_counter()
    taken: dict[int, tuple[Ledger, Live]] = {}
    for partition, ledger in dict(observed.ledgers()).items():
        if perf_counter() - started > TURN:
            await asyncio.sleep(0)
            started = perf_counter()
        taken[partition] = (ledger, _live(ledger, now, windows=windows, backlog=backlog))
    if perf_counter() - started > TURN:
        await asyncio.sleep(0)
    owned = observed.ledgers()
    tally = observed.tally
    known = observed.topic_partitions()
    return Copied(
        live=tuple(live for partition, (ledger, live) in taken.items() if owned.get(partition) is ledger),
        measures=dict(_spreads(tally.measures)),
        flows=dict(tally.flows),
        answers=dict(tally.answers),
        evaluations=dict(tally.evaluations),
        results={(topic, result): count for (topic, result), count in tally.results.items()},
        letters=dict(tally.letters),
        misplaced=dict(tally.misplaced),
        newest=dict(tally.newest),
        delays=dict(_spreads(tally.delays)),
        topics=tuple(observed.topics),
        topic_partitions={topic: known.get(topic, observed.partitions) for topic in observed.topics},
        assigned=frozenset(observed.assigned()),
        recovering=observed.recovering(),
        set_aside=len(observed.set_aside()),
        lag=dict(observed.lag()),
        event_times=dict(observed.event_times()),
        fingerprint=observed.fingerprint,
    )


def _live(ledger: Ledger, now: int, *, windows: bool, backlog: bool) -> Live:
    if now > ledger.rolling.now:  # the worker's own timer may have been here since
        ledger.advance(now)
    return Live(
        windows={
            window: {labels: Cell(cell) for labels, cell in cells.items()}
            if windows
            else dict.fromkeys(cells, _NO_CELL)
            for window, cells in ledger.rolling.totals().items()
        },
        backlog=ledger.backlog.rows(now) if backlog else dict.fromkeys(ledger.backlog.groups(), NO_ROW),
        orphans=ledger.counts.orphans,
        entries=ledger.counts.entries,
        clocks=dict(ledger.clocks),
    )


def _spreads(histograms: Mapping[K, Histogram]) -> Iterator[tuple[K, Spread]]:
    for key, histogram in histograms.items():
        yield key, (histogram.bounds, tuple(histogram.counts), histogram.total)


def backlog_sets(live: Iterable[Live]) -> Iterator[LabelSet]:
    """The label sets of open tickets."""
    for partition in live:
        yield from partition.backlog
