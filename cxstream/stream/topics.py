"""Topics: what must be there, and what is wrong with what is.

The sources must have equal numbers of partitions, because a ticket's events meet by partition number. Dead letters
carry a whole record and their headers, so they may be larger than the records of the sources. The changelog is
compacted; its records are not (a ticket's row is a few hundred bytes).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from cxstream.stream.security import client_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cxstream.settings import Settings

log = structlog.get_logger(__name__)

MEBIBYTE: Final = 1_048_576
SOURCE_BYTES: Final = MEBIBYTE
"""``max.message.bytes`` of the sources: Kafka's default."""
LARGE_BYTES: Final = 4 * MEBIBYTE
"""``max.message.bytes`` of dead letters and changelog."""
DEAD_LETTER_RETENTION: Final = 30 * 86_400_000  # ms


_ANY_COUNT: Final = ("dead letters", "sla events")


class Wanted(NamedTuple):
    """A topic as it should be."""

    name: str
    kind: Literal["source", "dead letters", "sla events", "changelog", "policies"]
    partitions: int
    replication: int
    config: dict[str, str]


class Finding(NamedTuple):
    """What is the case with a topic."""

    topic: str
    state: Literal["ok", "created", "missing", "mismatch"]
    detail: str = ""
    remedy: str = ""


class MissingTopicsError(Exception):
    """Topics that a worker needs are not there."""


class MismatchError(Exception):
    """Topics cannot be used as they are."""


def wanted(settings: Settings) -> list[Wanted]:
    """Return every topic of these settings as ``topics create`` makes it."""
    count, copies = settings.partitions, settings.replication
    quorum = {"min.insync.replicas": "2"} if copies > 2 else {}
    source = {
        "retention.ms": str(settings.ticket_retention),
        "max.message.bytes": str(SOURCE_BYTES),
        **quorum,
    }
    letters = {"retention.ms": str(DEAD_LETTER_RETENTION), "max.message.bytes": str(LARGE_BYTES), **quorum}
    changelog = {"cleanup.policy": "compact", "max.message.bytes": str(LARGE_BYTES), **quorum}
    found = [Wanted(settings.topic_name(topic), "source", count, copies, source) for topic in settings.topics]
    found.append(Wanted(settings.dead_letters_topic, "dead letters", count, copies, letters))
    found.append(Wanted(settings.sla_events_topic, "sla events", count, copies, source))
    found.append(Wanted(settings.changelog_topic, "changelog", count, copies, changelog))
    found.append(Wanted(settings.policies_topic, "policies", 1, copies, {"retention.ms": "-1", **quorum}))
    return found


@contextlib.asynccontextmanager
async def administrator(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client; raises ``KafkaError`` if no broker answers."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=list(settings.brokers),
        client_id=f"{settings.app}-topics",
        **client_options(settings.security),
    )
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def create(settings: Settings) -> list[Finding]:
    """Create the topics that are missing and look at the others; one finding per topic."""
    async with administrator(settings) as client:
        there = await _partitions(client)
        new = [topic for topic in wanted(settings) if topic.name not in there]
        await _create(client, new)
        made = {topic.name for topic in new}
        return [
            Finding(f.topic, "created", f.detail) if f.topic in made and f.state in {"ok", "missing"} else f
            for f in await _check(client, settings, await _partitions(client))
        ]


async def check(settings: Settings) -> list[Finding]:
    """Look at the topics without changing anything; one finding per topic."""
    async with administrator(settings) as client:
        return await _check(client, settings, await _partitions(client))


async def for_worker(settings: Settings, *, embedded: bool = False) -> int:
    """Return the number of partitions once all topics can be used; create the worker's own.

    Raises ``MissingTopicsError`` for sources that are not there (to be tried again) and
    ``MismatchError`` for what cannot work.
    """
    async with administrator(settings) as client:
        if embedded:  # topics appear on first use, and cannot be created otherwise
            names = [topic.name for topic in wanted(settings)]
            there = {row["topic"]: len(row["partitions"]) for row in await client.describe_topics(names)}
        else:
            there = await _partitions(client)
            with contextlib.suppress(GroupCoordinatorNotAvailableError):  # the first moments of a new cluster
                await client.find_coordinator(
                    settings.app
                )  # a consumer without the right would wait in silence
        sources = {name: there.get(name) for name in map(settings.topic_name, settings.topics)}
        lacking = sorted(name for name, count in sources.items() if not count)
        if lacking:
            message = f"topics are missing: {', '.join(lacking)}: create them with: cxstream topics create"
            if settings.security.protocol != "PLAINTEXT":  # a broker does not show what the user may not see
                message += " (or the user lacks the right READ on them: docs/operations.md, Security)"
            raise MissingTopicsError(message)
        counts = {count for count in sources.values() if count}
        if len(counts) > 1:
            listed = ", ".join(f"{name} has {count}" for name, count in sources.items())
            message = (
                f"all topics of events need the same number of partitions: {listed}; create the odd ones anew"
            )
            raise MismatchError(message)
        (count,) = counts
        own = [
            topic if topic.kind == "policies" else topic._replace(partitions=count)
            for topic in wanted(settings)
            if topic.kind != "source"
        ]
        if not embedded:
            await _create(client, [topic for topic in own if topic.name not in there])
        changelog = there.get(settings.changelog_topic, count)
        if changelog != count:
            message = (
                f"{settings.changelog_topic} has {changelog} partitions, the topics of events have {count}:"
                " delete it, and the worker builds its state from the topics"
            )
            raise MismatchError(message)
        return count


async def _partitions(client: AIOKafkaAdminClient) -> dict[str, int]:
    names = await client.list_topics()
    rows = await client.describe_topics(list(names)) if names else []
    return {row["topic"]: len(row["partitions"]) for row in rows}


async def _create(client: AIOKafkaAdminClient, topics: list[Wanted]) -> None:
    if not topics:
        return
    response = await client.create_topics(
        [
            NewTopic(
                t.name, num_partitions=t.partitions, replication_factor=t.replication, topic_configs=t.config
            )
            for t in topics
        ]
    )
    for name, code, *reason in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            message = (
                f"cannot create the topic {name}: {reason[0] if reason and reason[0] else error.__name__}"
            )
            raise error(message)
        log.info("topic created", topic=name)


async def _check(client: AIOKafkaAdminClient, settings: Settings, there: dict[str, int]) -> list[Finding]:
    topics = wanted(settings)
    present = [topic.name for topic in topics if topic.name in there]
    configs = await _configs(client, present)
    copies = await _copies(client, present)
    return [
        _judge(topic, there.get(topic.name), configs.get(topic.name, {}), copies.get(topic.name, 0))
        for topic in topics
    ]


def _judge(topic: Wanted, count: int | None, config: dict[str, str], copies: int) -> Finding:
    name = topic.name
    if count is None:
        return Finding(name, "missing", f"{topic.kind}", "cxstream topics create")
    change = f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config"
    if count != topic.partitions and topic.kind not in _ANY_COUNT:
        detail = f"{count} partitions, CXSTREAM_PARTITIONS is {topic.partitions}"
        remedy = f"set CXSTREAM_PARTITIONS={count}, or create the topic anew"
        return Finding(name, "mismatch", detail, remedy)
    if copies < topic.replication:
        detail = f"{copies} replicas, CXSTREAM_REPLICATION is {topic.replication}"
        return Finding(name, "mismatch", detail, "kafka-reassign-partitions.sh with more replicas")
    policy, target = config.get("cleanup.policy", ""), topic.config.get("cleanup.policy", "delete")
    if policy and target not in policy:
        return Finding(name, "mismatch", f"cleanup.policy={policy}", f"{change} cleanup.policy={target}")
    if topic.kind == "changelog" and "delete" in policy:
        return Finding(
            name, "mismatch", f"cleanup.policy={policy} forgets tickets", f"{change} cleanup.policy=compact"
        )
    retention, least = int(config.get("retention.ms", "-1")), int(topic.config.get("retention.ms", "-1"))
    if topic.kind == "source" and 0 <= retention < least:
        detail = f"retention.ms={retention} is shorter than CXSTREAM_TICKET_RETENTION ({least} ms)"
        return Finding(name, "mismatch", detail, f"{change} retention.ms={least}")
    size, room = (
        int(config.get("max.message.bytes", LARGE_BYTES)),
        int(topic.config.get("max.message.bytes", "0")),
    )
    if topic.kind != "source" and size < room:
        detail = f"max.message.bytes={size}: larger {'rows' if topic.kind == 'changelog' else 'records'} do not fit"
        return Finding(name, "mismatch", detail, f"{change} max.message.bytes={room}")
    return Finding(name, "ok", f"{count} partitions, {copies} replicas")


async def _configs(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    if not names:
        return found
    for response in await client.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    ):
        for code, reason, _, name, entries in response.resources:
            if code:
                raise for_code(code)(f"cannot read the settings of the topic {name}: {reason}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _copies(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    rows = await client.describe_topics(names)
    return {
        row["topic"]: min((len(part["replicas"]) for part in row["partitions"]), default=0) for row in rows
    }


__all__ = [
    "Finding",
    "KafkaError",
    "MismatchError",
    "MissingTopicsError",
    "Wanted",
    "check",
    "create",
    "for_worker",
    "wanted",
]
