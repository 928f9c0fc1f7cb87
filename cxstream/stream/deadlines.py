"""Deadlines: time acts on the SLA clocks of the partitions owned, with no event arriving."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from cxstream.stream.clock import wall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cxstream.stream.partition import Partition

_LOOK: Final = 0.1
"""Seconds between two looks: with the age of the watermark, a breach is noticed within a second."""
_STEP: Final = 100
"""Tickets looked at without a pause, a few ms of the loop."""


async def watch(
    owned: Mapping[int, Partition], resting: Callable[[], bool], failed: Callable[[int, Exception], None]
) -> None:
    """Let deadlines pass; ``resting`` says when not to, during a rebalance, ``failed`` is told which partition does."""
    while True:
        await asyncio.sleep(_LOOK)
        for number in list(owned):
            try:
                while not resting() and (partition := owned.get(number)) is not None:
                    if not await _pass(partition):
                        break
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                failed(number, error)


async def _pass(partition: Partition) -> bool:
    """Let the next few pass; whether there may be more."""
    until = partition.watermark.look(partition.marks.offsets, wall())
    due = partition.ledger.due
    if due is None or due >= until:
        return False
    async with partition.turn:
        looked = partition.ledger.fire(until, _STEP)
        await asyncio.sleep(0)
    partition.touch(urgent=True)  # somebody waits to be told
    return looked == _STEP
