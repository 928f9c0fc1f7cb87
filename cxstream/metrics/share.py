"""A worker's own snapshot: its share of the fleet's numbers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from cxstream.core.history import history
from cxstream.core.instant import format_instant
from cxstream.core.snapshot import snapshot
from cxstream.metrics.frozen import freeze, freeze_bars

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cxstream.core.answer import Json
    from cxstream.core.ledger import Ledger
    from cxstream.metrics.frozen import Partition
    from cxstream.metrics.observed import Observed


async def share(observed: Observed, now: int | None, name: str, *, bars: bool = False) -> Json:
    """The snapshot of the partitions that ``observed`` owns, as of ``now`` (ms; ``None`` = its clock).

    By ``name`` whoever adds workers up sees that two addresses are one worker.

    Raises ``ValueError`` or ``OverflowError`` if ``now`` is too long ago.
    """
    shown, partitions = await freeze(observed, now)
    past = await freeze_bars(partitions, shown) if bars else None
    known = max(observed.topic_partitions().values(), default=observed.partitions)
    more: dict[str, Any] = {
        "complete": not observed.recovering() and 0 < known <= len(partitions),
        "reason": observed.ready(),
        "partitions": list(partitions),
        "topic_partitions": known,
        "offsets": _offsets(observed.topics, partitions),
        "deadlines": {
            str(number): None if found.deadlines is None else format_instant(found.deadlines)
            for number, found in partitions.items()
        },
        "behind": sum(observed.lag().values()),
        "clock": observed.now(),
        "worker": name,
        "fingerprint": observed.fingerprint,
    }

    def tell() -> Json:
        ledgers = cast("Collection[Ledger]", [partition.frozen for partition in partitions.values()])
        whole = snapshot(ledgers, observed.rules, shown)
        if past is not None:
            panes = [partition.ledger.rolling.step for partition in partitions.values()]
            whole["history"] = history(past, shown, panes[0]) if panes else None
        return {**whole, **more}

    return await asyncio.to_thread(tell)


def _offsets(topics: Sequence[str], partitions: dict[int, Partition]) -> dict[str, dict[str, int]]:
    """Last applied offset by topic and partition, as of the moment in which each partition was copied."""
    return {
        topic: {
            str(number): found.offsets[topic]
            for number, found in partitions.items()
            if topic in found.offsets
        }
        for topic in topics
    }
