"""Policies over time: which SLA policy was in force when, as all workers remember it.

A new policy acts on the clocks that run at its instant; what happened before stands. For that the policies must be
known after a restart, so each is kept, with the instant from which it holds, in a topic of one partition. A worker
whose policy is not the last one there adds it, at the moment it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from cxstream.core.instant import format_instant
from cxstream.core.policy import PolicyHistory
from cxstream.settings import parse_policies
from cxstream.stream.clock import wall
from cxstream.stream.tail import Tail
from cxstream.stream.writer import dispose, producer

if TYPE_CHECKING:
    from cxstream.settings import Settings

log = structlog.get_logger(__name__)


class Entry(msgspec.Struct, array_like=True, frozen=True, order=True):
    """One record: from an instant on (ms), what is written in a policy file with everything it refers to.

    What a newer version adds at its end is not read.
    """

    since: int
    document: str


async def remembered(settings: Settings) -> PolicyHistory:
    """Return the policies so far, the one of these settings last; remembers it if it is new."""
    entries = await _read(settings)
    document = settings.policy_document
    if not entries or entries[-1].document != document:
        entry = Entry(wall(), document)
        await _append(settings, entry)
        if entries:
            log.info("the SLA policy has changed", since=format_instant(entry.since))
        entries.append(entry)
    return _history(entries)


async def recalled(settings: Settings) -> PolicyHistory:
    """Return the policies that workers were and are under, and add none; those of these settings if there are none."""
    entries = await _read(settings)
    return _history(entries) if entries else PolicyHistory(settings.policies)


def _history(entries: list[Entry]) -> PolicyHistory:
    first, *later = entries
    return PolicyHistory(
        parse_policies(first.document), *((entry.since, parse_policies(entry.document)) for entry in later)
    )


async def _read(settings: Settings) -> list[Entry]:
    """All entries, in the order of their instants; of equal ones that follow each other the first."""
    found: list[Entry] = []
    async with Tail(settings) as tail:
        ends = await tail.ends(await tail.partitions(settings.policies_topic))
        async for _, records in tail.read({tp: (0, end) for tp, end in ends.items()}):
            found += [msgspec.json.decode(record.value, type=Entry) for record in records if record.value]
    kept: list[Entry] = []
    for entry in sorted(found):
        if not kept or kept[-1].document != entry.document:
            kept.append(entry)
    return kept


async def _append(settings: Settings, entry: Entry) -> None:
    client = producer(settings, client_id=f"{settings.app}-policies")
    try:
        await client.start()
        await client.send_and_wait(settings.policies_topic, msgspec.json.encode(entry), partition=0)
    finally:
        await dispose(client)
