"""The events that are measured with: those of the simulated helpdesk, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from cxstream.simulate import Delivery, Helpdesk, Scenario

SEED: Final = 7
START: Final = 1_772_409_600_000
"""2026-03-02T00:00:00Z, a Monday."""
TICKETS_PER_DAY: Final = 10_000
"""A desk of some 250 agents: 100,000 events are two working days."""

encode: Final = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """One event as it lies in Kafka; ``topic`` by its canonical name."""

    topic: str
    key: bytes
    value: bytes


def deliveries(count: int, tickets_per_day: float = TICKETS_PER_DAY) -> Iterator[Delivery]:
    """The first so many deliveries of the four topics, faults of the transport included."""
    scenario = Scenario(tickets_per_day=tickets_per_day, optional_topics=())
    return islice(Helpdesk(scenario, SEED, START).deliveries(), count)


def records(count: int, tickets_per_day: float = TICKETS_PER_DAY) -> Iterator[Record]:
    """The same as bytes."""
    for delivery in deliveries(count, tickets_per_day):
        yield Record(delivery.topic, delivery.key.encode(), encode(delivery.value))
