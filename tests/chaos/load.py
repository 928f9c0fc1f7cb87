"""The load: a simulated helpdesk's events, out of order and repeated; and a changelog that is compacted at once."""

import random
import time
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from cxstream.core.event import REQUIRED_TOPICS
from cxstream.simulate import Faults, Helpdesk, Scenario, write_lines

DAY: Final = 86_400_000
_PER_TICKET: Final = 5.8
"""Events of a simulated ticket, about."""
_AT_ONCE: Final = {
    "segment.bytes": "1048576",  # the least Kafka takes
    "segment.ms": "5000",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "5000",
    "delete.retention.ms": "1000",
}


def made(folder: Path, *, events: int, seconds: float, seed: int) -> tuple[Path, int, float]:
    """A file of about ``events`` events, how many, and the speed that spreads them over ``seconds``."""
    days = 4
    start = int(time.time() * 1000) - 40 * DAY
    per_day = max(1, round(events / _PER_TICKET / days))
    scenario = Scenario(days=days, tickets_per_day=per_day, faults=Faults(duplicates=0.05))
    path = folder / "events.jsonl"
    with path.open("wb") as file:
        write_lines(Helpdesk(scenario, seed, start).deliveries(), file)
    lines = path.read_bytes().splitlines(keepends=True)
    rng = random.Random(seed)
    step = max(1, len(lines) // 200)
    for begin in range(0, len(lines), step):
        part = lines[begin : begin + step]
        rng.shuffle(part)
        lines[begin : begin + step] = part
    path.write_bytes(b"".join(lines))
    return path, len(lines), days * 86_400 / seconds


def compacting(address: str, topic: str) -> None:
    """Have a topic compacted all the time."""
    admin = AdminClient({"bootstrap.servers": address})
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in _AT_ONCE.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(30)


def ends(address: str, prefix: str = "") -> int:
    """How many records the topics of events hold."""
    return sum(
        end
        for topic in (*REQUIRED_TOPICS, "customer-replied", "ticket-updated")
        for end in _ends(address, prefix + topic)
    )


def rows_left(address: str, topic: str) -> tuple[int, int]:
    """Records that compaction has left of a topic, and those that were ever written (with transactions' markers)."""
    written = _ends(address, topic)
    consumer = _consumer(address)
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(len(written))])
        left = 0
        while found := consumer.consume(10_000, timeout=5.0):  # at the end only markers may follow
            left += sum(message.error() is None for message in found)
        return left, sum(written)
    finally:
        consumer.close()


def _ends(address: str, topic: str) -> list[int]:
    """The end offsets by partition; a broker that has just started is asked until it leads them all."""
    for wait in (0.2, 0.5, 1, 2, 4, 8, 15):
        try:
            return _asked(address, topic)
        except KafkaException:
            time.sleep(wait)
    return _asked(address, topic)


def _asked(address: str, topic: str) -> list[int]:
    consumer = _consumer(address)
    try:
        numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        return [
            consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=30)[1] for n in sorted(numbers)
        ]
    finally:
        consumer.close()


def _consumer(address: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "chaos-load",
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",
        }
    )
