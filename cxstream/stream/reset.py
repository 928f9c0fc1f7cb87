"""Reset: take away what a group of workers has stored, so that the next start builds it from the topics.

That is the changelog of the ticket table, the SLA policies that were in force, and the group's committed offsets; all
belong to one ``CXSTREAM_APP``. The policy of the next start then holds for everything that the topics hold. Events,
``sla-events``, dead letters and whatever other apps keep are not touched.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka.errors import GroupIdNotFound, NonEmptyGroup, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from cxstream.stream.tail import Tail
from cxstream.stream.topics import administrator

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

    from cxstream.settings import Settings

_GONE: Final = 30.0
"""Seconds that brokers may take to delete a topic."""
_LOOK: Final = 0.2
"""Seconds between two looks whether it is gone."""


class InUseError(Exception):
    """Workers of the group are running."""


class Stored(NamedTuple):
    """What there is to take away."""

    changelog: str
    records: int | None
    """In the changelog; ``None`` if there is no such topic."""
    policies: str
    remembered: int | None
    """SLA policies so far; ``None`` if there is no such topic."""
    group: str
    offsets: int
    """Topics and partitions with a committed offset."""
    members: list[str]
    """Client id and host of each worker that is running."""
    cut: list[str]
    """Topics of which retention has deleted something: what only the changelog knows of is lost."""


async def look(settings: Settings) -> Stored:
    """Look at what there is, and change nothing."""
    async with administrator(settings) as client, Tail(settings) as tail:
        sources = [
            tp for topic in settings.topics for tp in await tail.partitions(settings.topic_name(topic))
        ]
        cut = sorted({tp.topic for tp, start in (await tail.starts(sources)).items() if start})
        committed = await client.list_consumer_group_offsets(settings.app)
        return Stored(
            settings.changelog_topic,
            await _records(tail, settings.changelog_topic),
            settings.policies_topic,
            await _records(tail, settings.policies_topic),
            settings.app,
            len(committed),
            await _members(client, settings),
            cut,
        )


async def reset(settings: Settings) -> None:
    """Take it away; raises ``InUseError`` before anything is changed if a worker is running."""
    async with administrator(settings) as client, Tail(settings) as tail:
        await _delete_group(client, settings)  # first: the broker refuses it while there are members
        own = (settings.changelog_topic, settings.policies_topic)
        there = [name for name in own if await tail.partitions(name)]
        if not there:
            return
        answer = await client.delete_topics(there)
        for name, code in answer.topic_error_codes:
            if code:
                raise for_code(code)(f"cannot delete the topic {name}")
        async with asyncio.timeout(_GONE):
            for name in there:
                while await tail.partitions(name):  # noqa: ASYNC110 - no broker tells when it is done
                    await asyncio.sleep(_LOOK)


async def _records(tail: Tail, topic: str) -> int | None:
    """Offsets of a topic between its start and its end."""
    tps = await tail.partitions(topic)
    if not tps:
        return None
    starts, ends = await tail.starts(tps), await tail.ends(tps)
    return sum(ends[tp] - starts[tp] for tp in tps)


async def _members(client: AIOKafkaAdminClient, settings: Settings) -> list[str]:
    (answer,) = await client.describe_consumer_groups([settings.app])
    return sorted(f"{member[1]} at {member[2].lstrip('/')}" for group in answer.groups for member in group[5])


async def _delete_group(client: AIOKafkaAdminClient, settings: Settings) -> None:
    node = await client.find_coordinator(settings.app)
    # aiokafka knows the request and has no method for it.
    answer = await client._send_request(DeleteGroupsRequest([settings.app]), node)  # noqa: SLF001
    for _, code in answer.results:
        error = for_code(code)
        if error is NonEmptyGroup:
            members = ", ".join(await _members(client, settings)) or "some that just came"
            raise InUseError(f"the group {settings.app} has members ({members}): stop all its workers first")
        if code and error is not GroupIdNotFound:
            raise error(f"cannot delete the offsets of the group {settings.app}")
