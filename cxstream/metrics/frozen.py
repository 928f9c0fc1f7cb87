"""A worker's ledgers, standing still: what the snapshot reads in a thread while the stream goes on.

Each partition is copied together with its applied offsets and the deadlines that have passed, in one turn of the event
loop, so that they belong together, whatever is applied afterwards.
"""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from cxstream.core.history import Bars, bars
from cxstream.core.pane import Cell
from cxstream.metrics.copied import TURN

if TYPE_CHECKING:
    from cxstream.core.backlog import Row
    from cxstream.core.counts import Counts
    from cxstream.core.ledger import Ledger
    from cxstream.core.rolling import Group, Totals
    from cxstream.metrics.observed import Observed


@dataclass(frozen=True, slots=True)
class FrozenRolling:
    """The windows at one instant."""

    now: int
    _totals: Totals

    def totals(self) -> Totals:
        """The windows."""
        return self._totals


@dataclass(frozen=True, slots=True)
class FrozenBacklog:
    """The backlog at one instant."""

    _rows: dict[Group, Row]

    def rows(self, _: int) -> dict[Group, Row]:
        """The rows as of the instant of freezing."""
        return self._rows


@dataclass(frozen=True, slots=True)
class Frozen:
    """As much of a ledger as :func:`cxstream.core.snapshot.snapshot` reads."""

    rolling: FrozenRolling
    backlog: FrozenBacklog
    counts: Counts
    retained: Cell
    clocks: dict[tuple[int, int, str], int]


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition standing still."""

    ledger: Ledger
    frozen: Frozen
    offsets: dict[str, int]
    deadlines: int | None
    """The instant before which every SLA deadline has passed, ms; ``None`` while some have yet to."""


async def freeze(observed: Observed, now: int | None) -> tuple[int, dict[int, Partition]]:
    """The instant shown, and all partitions as of it; ``None`` = the worker's clock.

    Raises ``ValueError`` if ``now`` is too long ago.
    """
    move, shown = now is None, observed.now() if now is None else now
    taken: dict[int, Partition] = {}
    started = perf_counter()
    for partition, ledger in dict(observed.ledgers()).items():
        if perf_counter() - started > TURN:
            await asyncio.sleep(0)
            started = perf_counter()
        if move and shown > ledger.rolling.now:
            ledger.advance(shown)
        offsets = {
            topic: found[partition] for topic, found in observed.offsets().items() if partition in found
        }
        deadlines = observed.deadlines().get(partition)
        taken[partition] = Partition(ledger, _frozen(ledger, shown), offsets, deadlines)
    owned = observed.ledgers()
    return shown, {
        number: found for number, found in sorted(taken.items()) if owned.get(number) is found.ledger
    }


async def freeze_bars(partitions: dict[int, Partition], now: int) -> list[Bars]:
    """The bars of the charts by partition. Others get turns in between: a chart needs no common moment."""
    found: list[Bars] = []
    started = perf_counter()
    for partition in partitions.values():
        found.append(list(bars(partition.ledger.rolling, now)))
        if perf_counter() - started > TURN:
            await asyncio.sleep(0)
            started = perf_counter()
    return found


def _frozen(ledger: Ledger, now: int) -> Frozen:
    rolling = ledger.rolling
    if now == rolling.now:
        totals = {
            name: {group: Cell(cell) for group, cell in cells.items()}
            for name, cells in rolling.totals().items()
        }
    else:
        totals = rolling.at(now)
    return Frozen(
        FrozenRolling(now, totals),
        FrozenBacklog(ledger.backlog.rows(now)),
        copy(ledger.counts),
        Cell(ledger.retained),
        dict(ledger.clocks),
    )
