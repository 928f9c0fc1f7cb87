"""A worker without Kafka: real ledgers, fed by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

from cxstream.core.event import (
    CHANNELS,
    PRIORITIES,
    REQUIRED_TOPICS,
    AgentReplied,
    Opened,
    Resolved,
    SurveyAnswered,
)
from cxstream.core.ledger import Ledger
from cxstream.core.rules import Rules
from cxstream.core.tally import Tally
from tests.core.sla import STANDARD

NOON = 1_772_452_800_000  # 2026-03-02T12:00:00Z
MINUTE = 60_000
PARTITIONS = 4


@dataclass
class Options:
    teams: tuple[str, ...] = ()
    max_label_values: int = 50
    peers: tuple[str, ...] = ()
    http_address: tuple[str, int] = ("127.0.0.1", 6066)
    ticket_api: bool = False
    ticket_url: str | None = None


@dataclass
class Worker:
    """Satisfies ``Observed``; holds all partitions unless told otherwise."""

    rules: Rules = field(default_factory=lambda: Rules(policies=STANDARD))
    topics: tuple[str, ...] = REQUIRED_TOPICS
    partitions: int = PARTITIONS
    fingerprint: str = "f" * 64
    clock: int = NOON
    beating: bool = True
    reading: bool = False
    reason: str | None = None

    def __post_init__(self) -> None:
        self.tally = Tally(self.rules)
        self.owned = {
            number: Ledger(self.rules, self.tally, {}, self.clock, lists=True)
            for number in range(self.partitions)
        }
        self.applied: dict[str, dict[int, int]] = {}
        self.serial = 0

    def ledgers(self):
        return self.owned

    def assigned(self):
        return [] if self.reading else sorted(self.owned)

    def recovering(self):
        return self.reading

    def set_aside(self):
        return {}

    def ready(self):
        return self.reason

    def alive(self):
        return self.beating

    def now(self):
        return self.clock

    def wall(self):
        return self.clock

    def offsets(self):
        return self.applied

    def deadlines(self):
        return {
            number: None if ledger.due is not None and ledger.due < self.clock else self.clock
            for number, ledger in self.owned.items()
        }

    def lag(self):
        return {(topic, number): 3 for topic in self.topics for number in self.owned}

    def event_times(self):
        return {(topic, number): self.clock - 1_500 for topic in self.topics for number in self.owned}

    def topic_partitions(self):
        return dict.fromkeys(self.topics, self.partitions)

    def apply(self, ticket, event, source="default"):
        """Apply an event as the stream does."""
        partition = crc32(str(ticket).encode()) % self.partitions
        result = self.owned[partition].apply(source, str(ticket), event, now=self.clock, arrived=self.clock)
        self.tally.results[event.topic, result] += 1
        self.tally.newest[source] = max(event.at, self.tally.newest.get(source, event.at))
        self.tally.delayed(event.topic, [self.clock - event.at])
        offsets = self.applied.setdefault(event.topic, {})
        offsets[partition] = offsets.get(partition, -1) + 1
        return result

    def opens(self, ticket, at, **labels):
        self.serial += 1
        self.apply(ticket, Opened(at=at, event_id=str(self.serial), **labels))

    def lives(self, ticket, *, team="billing", channel="email", priority="normal", at=None, source="default"):
        """A ticket opened, answered after five minutes, resolved after twenty, with three surveys."""
        at = NOON - 40 * MINUTE if at is None else at
        known = {"team": team, "channel": channel, "priority": priority}
        for event in (
            Opened(at=at, event_id="o", **known),
            AgentReplied(at=at + 5 * MINUTE, event_id="r"),
            Resolved(at=at + 20 * MINUTE, event_id="s"),
            SurveyAnswered(at=at + 25 * MINUTE, event_id="c", survey="csat", score="5"),
            SurveyAnswered(at=at + 25 * MINUTE, event_id="n", survey="nps", score="3"),
            SurveyAnswered(at=at + 25 * MINUTE, event_id="e", survey="ces", score="4"),
        ):
            self.apply(ticket, event, source)

    def fire(self, now=None):
        """Let time act on the SLA clocks up to and with an instant, as the stream does."""
        self.clock = self.clock if now is None else now
        for ledger in self.owned.values():
            while ledger.fire(self.clock + 1):
                pass

    def settle(self):
        for ledger in self.owned.values():
            ledger.drain()


def busy(
    worker, *, teams=("billing", "tech", "vip"), channels=CHANNELS[:3], priorities=PRIORITIES[:2], tickets=200
):
    """Fill a worker with resolved and open tickets."""
    for number in range(tickets):
        worker.lives(
            number,
            team=teams[number % len(teams)],
            channel=channels[number // 2 % len(channels)],
            priority=priorities[number // 3 % len(priorities)],
            at=NOON - 30 * MINUTE - number * 1_000,
        )
        worker.opens(
            f"open{number}", NOON - number * MINUTE, team=teams[number % len(teams)], channel=channels[0]
        )
    worker.settle()
    return worker


def late(worker, tickets=40):
    """Tickets opened from 9 o'clock in the office on, one each five minutes: due four hours later, from NOON on."""
    for number in range(tickets):
        at = NOON - (240 - number * 5) * MINUTE
        worker.opens(f"T-{number:03}", at, team="billing", channel="email")
    worker.fire()
    return worker
