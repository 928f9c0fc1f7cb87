"""A sample of each topic's last records, to see by which partitioner they were placed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.placement import Placement, Record, placement
from cxstream.stream.tail import Tail

if TYPE_CHECKING:
    from cxstream.settings import Settings

_LAST: Final = 100
"""Records looked at per topic and partition: one publisher of ten that goes astray shows."""


async def placements(settings: Settings) -> list[Placement]:
    """Look at the last records of the topics in use; those that are missing are left out."""
    async with Tail(settings) as tail:
        names = [settings.topic_name(topic) for topic in settings.topics]
        tps = {name: await tail.partitions(name) for name in names}
        every = [tp for row in tps.values() for tp in row]
        starts, ends = await tail.starts(every), await tail.ends(every)
        spans = {tp: (max(starts[tp], ends[tp] - _LAST), ends[tp]) for tp in every}
        seen: dict[str, list[Record]] = {name: [] for name in names}
        async for tp, records in tail.read(spans):
            seen[tp.topic] += [(record.key, tp.partition) for record in records if record.key]
        return [placement(name, len(tps[name]), seen[name]) for name in names if tps[name]]
