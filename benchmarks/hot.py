"""One ticket with very many events, through Kafka and a worker, against the same events on tickets of ten.

The events are lives of ten: an opening (of the hot ticket: a reopening), seven replies, a resolution and a survey.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.events import START, Record, encode
from benchmarks.running import progress, settings_for
from benchmarks.throughput import follow, publish_records, rates

EVENTS: Final = 100_000
SMALL: Final = 1_000
GOAL: Final = 1.25
"""Times the cost per event of tickets of ten, by processor time: what of two runs on one machine differs anyway."""
_LIFE: Final = 10


def lives(count: int, *, hot: bool) -> Iterator[Record]:
    """So many events; a minute between two of a life, lives one after the other."""
    for number in range(count):
        life, place = divmod(number, _LIFE)
        ticket = "1" if hot else str(life + 1)
        topic, more = _PLACES[place]
        value = {
            "ticket_id": ticket,
            "occurred_at": START + number * 6_000,
            "event_id": f"e{number}",
            "team": "billing",
            "channel": "email",
            **more,
        }
        yield Record(topic, ticket.encode(), encode(value))


_PLACES: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("ticket-opened", {"priority": "normal", "customer_id": "c1"}),
    *[("agent-replied", {"agent_id": "billing-1"})] * 7,
    ("ticket-resolved", {"agent_id": "billing-1"}),
    ("survey-answered", {"survey": "csat", "score": 4}),
)


def measure(address: str, count: int = EVENTS, prefix: str = "bench-") -> dict[str, Any]:
    """Both, on topics of their own."""
    found: dict[str, Any] = {"events": count}
    for name, hot in (("tickets_of_ten", False), ("hot_ticket", True)):
        progress(f"{count:,} events on {'one ticket' if hot else 'tickets of ten'}")
        settings = settings_for(address, f"{prefix}{name}", f"{prefix}{name}.")
        asyncio.run(publish_records(settings, lives(count, hot=hot)))
        found[name] = rates(follow(settings, count))
    cost, usual = found["hot_ticket"]["cpu_us_per_event"], found["tickets_of_ten"]["cpu_us_per_event"]
    found["ratio"] = round(cost / usual, 2)
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    out = [
        f"{name.replace('_', ' '):16}{found[name]['cpu_us_per_event']:8.2f} µs of processor time per event,"
        f" {found[name]['events_per_second']:,} events/s"
        for name in ("tickets_of_ten", "hot_ticket")
    ]
    verdict = "reached" if found["ratio"] <= GOAL else "missed"
    out.append(f"{found['ratio']} times; goal {GOAL}: {verdict}")
    return out
