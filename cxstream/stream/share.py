"""A worker's share: the partitions it owns and has recovered, and what others may see of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from aiokafka import TopicPartition

from cxstream.core.tally import Tally
from cxstream.stream import clock

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet

    from cxstream.core.ledger import Ledger
    from cxstream.core.policy import PolicyHistory
    from cxstream.settings import Settings
    from cxstream.stream.delivery import App
    from cxstream.stream.partition import Partition


log = structlog.get_logger(__name__)


class Share:
    """What is shown is complete: a partition is in it only while its numbers are."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rules = settings.promised
        self.topics = settings.topics
        self.fingerprint = settings.fingerprint
        self.partitions = settings.partitions
        self.tally = Tally(self.rules)
        self._clock = clock.clock(settings.clock)
        self._names = {topic: settings.topic_name(topic) for topic in settings.topics}
        self._canonical = {name: topic for topic, name in self._names.items()}
        self._owned: dict[int, Partition] = {}
        self._aside: dict[int, str] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._asked = 0
        self._app: App | None = None

    def _promise(self, policies: PolicyHistory) -> None:
        """Run under these SLA policies."""
        self.rules = replace(self.settings.rules, policies=policies)

    def _wanted_ends(self) -> Collection[TopicPartition]:
        """Whose ends to ask for; of a worker without partitions, one that tells whether the broker answers."""
        if self._app is None:
            return ()
        self._asked = self._clock.now()
        return self._ends or (TopicPartition(self._names[self.topics[0]], 0),)

    def _see_ends(self, found: Mapping[TopicPartition, int]) -> None:
        self._ends = {tp: end for tp, end in found.items() if tp.partition in self._owned}
        for number, partition in self._owned.items():
            ends = {tp.topic: end for tp, end in self._ends.items() if tp.partition == number}
            if ends:
                partition.watermark.ask(self._asked, ends, clock.wall())

    def ledgers(self) -> Mapping[int, Ledger]:
        """Ledgers by partition, of partitions that are owned and recovered."""
        return {number: partition.ledger for number, partition in self._owned.items()}

    def assigned(self) -> Collection[int]:
        """Partitions that are owned and recovered; none while a rebalance goes on."""
        return sorted(self._owned)

    def set_aside(self) -> Mapping[int, str]:
        """Return the partitions that are ours but cannot be used, and why."""
        return self._aside

    def _put_aside(self, number: int, error: Exception) -> Partition | None:
        log.error("a partition is set aside, the others go on", partition=number, error=repr(error))
        self._aside[number] = (
            f"partition {number} is set aside, the others go on: {type(error).__name__}: {error}"
            " (docs/operations.md, A partition is set aside)"
        )
        return self._owned.pop(number, None)

    def now(self) -> int:
        """Return the instant of the worker's clock, ms."""
        return self._clock.now()

    def wall(self) -> int:
        """Return the wall clock's time, ms."""
        return clock.wall()

    def offsets(self) -> Mapping[str, Mapping[int, int]]:
        """Last applied offset by topic and partition."""
        found: dict[str, dict[int, int]] = {topic: {} for topic in self.topics}
        for number, partition in self._owned.items():
            for name, offset in partition.marks.offsets.items():
                if name in self._canonical:
                    found[self._canonical[name]][number] = offset
        return found

    def _applied(self) -> int:
        """Moves while events are applied."""
        return sum(sum(partition.marks.offsets.values()) for partition in self._owned.values())

    def deadlines(self) -> Mapping[int, int | None]:
        """By partition the instant before which every SLA deadline has passed, ms; ``None`` while some have yet to."""
        return {number: partition.passed for number, partition in self._owned.items()}

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Return the events behind the end of each owned topic-partition."""
        return {
            (topic, number): self._behind(partition, topic)
            for number, partition in self._owned.items()
            for topic, name in self._names.items()
            if TopicPartition(name, number) in self._ends
        }

    def _behind(self, partition: Partition, topic: str) -> int:
        name = self._names[topic]
        end = self._ends.get(TopicPartition(name, partition.number), 0)
        return max(0, end - partition.marks.offsets.get(name, -1) - 1)

    def _sated(self) -> AbstractSet[TopicPartition]:
        """Of which enough is at hand."""
        return {
            TopicPartition(self._names[topic], number)
            for number, partition in self._owned.items()
            for topic in partition.inbox.sated()
        }

    def _hasten(self) -> None:
        for partition in self._owned.values():
            partition.inbox.hasten()

    def event_times(self) -> Mapping[tuple[str, int], int]:
        """Highest ``occurred_at`` seen by topic and partition, ms."""
        return {
            (topic, n): at for n, partition in self._owned.items() for topic, at in partition.times.items()
        }

    def topic_partitions(self) -> Mapping[str, int]:
        """Return the number of partitions of each topic."""
        return dict.fromkeys(self.topics, self.partitions)
