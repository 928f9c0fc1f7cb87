"""Random histories and policies that walk into every rule of the service levels.

Times lie on a dense grid of quarters of an hour, so that replies meet deadlines, pauses meet
closings and changes meet steps at the very instant.  Every event is a dict that ``json.dumps``
can write; its ``occurred_at`` is in epoch milliseconds.  Plain use::

    events, policy, now = policed_history(random.Random(7))
    service_levels(events, policy, now=now)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from .histories import DAY, HOUR, MINUTE, iso, milliseconds

Event = dict[str, Any]
Policy = dict[str, Any]
History = list[tuple[int, Policy]]

#: Local midnights (about) of days worth living through: changes of the clocks, the edge of a
#: weekend, a half day and a holiday, a leap day.
BASES = (
    "2026-03-02T00:00:00Z",  # a Monday
    "2026-03-06T00:00:00Z",  # a Friday
    "2026-03-28T00:00:00Z",  # the day before Ljubljana goes to summer time
    "2026-10-24T00:00:00Z",  # the day before it comes back
    "2026-03-07T12:00:00Z",  # the day before New York goes to summer time
    "2026-12-23T00:00:00Z",  # the day before the half day of eu-office
    "2028-02-28T00:00:00Z",
)
#: How long before its ticket's opening an event may be dated: as skew, or of another life.
SKEWS = (1, MINUTE, HOUR, DAY, DAY + 1, DAY + HOUR)

CALENDARS: dict[str, Any] = {
    "eu-office": {
        "timezone": "Europe/Ljubljana",
        "hours": {
            "mon": ["08:00-12:00", "13:00-17:00"],
            "tue": ["08:00-17:00"],
            "wed": ["08:00-17:00"],
            "thu": ["08:00-17:00"],
            "fri": ["08:00-15:00"],
        },
        "holidays": ["2026-12-25", {"date": "2026-12-24", "hours": ["08:00-12:00"]}],
    },
    "us-desk": {
        "timezone": "America/New_York",
        "hours": {day: ["06:00-11:30", "12:00-22:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat")},
        "holidays": ["2026-03-07"],
    },
    "night": {  # the hours in which the clocks change, and a shift past midnight in two pieces
        "timezone": "Europe/Ljubljana",
        "hours": {
            day: ["00:00-02:30", "02:30-06:00", "22:00-24:00"]
            for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        },
    },
    "sundays": {
        "timezone": "Europe/Ljubljana",
        "hours": {"sun": ["00:00-02:30", "12:00-20:00"], "mon": ["08:00-16:00"]},
    },
    "always": {"timezone": "UTC", "always_open": True},
}

#: Every target that can pause says on what, and every policy has its targets for all priorities
#: it names, so that no answer depends on a default the specification leaves open.
POLICIES: dict[str, Policy] = {
    "plain": {
        "version": 1,
        "calendars": CALENDARS,
        "defaults": {"calendar": "eu-office", "warn_at": [0.75, "-15m"]},
        "policies": [
            {
                "name": "plain",
                "when": {},
                "targets": {
                    "first_reply": "2h",
                    "next_reply": "1h",
                    "periodic_update": {"target": "4h", "pause_on": ["on_hold"]},
                    "requester_wait": {"target": "8h", "pause_on": ["pending"]},
                    "agent_work": {"target": "5h", "pause_on": ["pending", "on_hold"]},
                    "resolution": "12h",
                    "first_resolution": {"target": "9h", "pause_on": []},
                },
            }
        ],
    },
    "priorities": {
        "version": 1,
        "calendars": CALENDARS,
        "defaults": {"calendar": "eu-office", "pause_on": ["pending"], "warn_at": [0.5, "-30m"]},
        "policies": [
            {
                "name": "vip-phone",
                "when": {"channel": ["phone"], "tags": ["vip"]},
                "targets": {
                    "first_reply": {"target": "15m", "calendar": "always", "warn_at": ["-5m"]},
                    "next_reply": {"target": "30m", "calendar": "always"},
                    "resolution": {"target": "4h", "calendar": "us-desk"},
                },
            },
            {
                "name": "standard",
                "when": {},
                "by_priority": {
                    "urgent": {
                        "first_reply": "30m",
                        "next_reply": "1h",
                        "requester_wait": {"target": "8h", "calendar": "always", "pause_on": ["pending"]},
                    },
                    "high": {
                        "first_reply": "2h",
                        "next_reply": {"target": "2h", "calendar": "us-desk"},
                        "requester_wait": {"target": "1bd", "pause_on": ["pending", "on_hold"]},
                    },
                    "normal": {
                        "first_reply": {"target": "8h", "calendar": "night"},
                        "next_reply": "1bd",
                        "requester_wait": {
                            "target": "2bd",
                            "pause_on": ["pending"],
                            "warn_at": [0.25, 0.5, 0.75],
                        },
                    },
                    "low": {"first_reply": "1bd", "next_reply": "2bd"},
                },
                "by_channel": {
                    "phone": {"first_reply": {"target": "45m", "calendar": "always"}},
                    "chat": {"first_reply": {"target": "30m"}},
                },
                "periodic_update": {"target": "1bd", "pause_on": ["pending", "on_hold"]},
                "agent_work": {"target": "6h", "pause_on": ["pending", "on_hold"]},
            },
        ],
    },
    "teams": {
        "version": 1,
        "calendars": CALENDARS,
        "defaults": {"calendar": "us-desk", "warn_at": ["-1h", 0.9]},
        "policies": [
            {
                "name": "no-promise",
                "when": {"all": [{"team": "back*"}, {"not": {"priority": ["urgent", "high"]}}]},
                "targets": {"resolution": {"target": "40h", "calendar": "always"}},
            },
            {
                "name": "nights",
                "when": {"any": [{"team": ["night"]}, {"channel": "chat", "priority": "urgent"}]},
                "targets": {
                    "periodic_update": {"target": "2h", "calendar": "night", "pause_on": ["pending"]},
                    "next_reply": {"target": "1h", "calendar": "night"},
                    "resolution": {"target": "6h", "calendar": "night"},
                    "agent_work": {"target": "3h", "calendar": "sundays", "pause_on": ["on_hold"]},
                },
            },
            {
                "name": "day",
                "when": {},
                "targets": {
                    "first_reply": "1h",
                    "next_reply": "90m",
                    "resolution": "10h",
                    "requester_wait": {"target": "7h", "pause_on": ["pending", "on_hold"]},
                    "first_resolution": {"target": "8h", "pause_on": ["pending"]},
                    "periodic_update": {"target": "3h", "pause_on": []},
                },
            },
        ],
    },
}

TEAMS = ("back-office", "night", "front")
CHANNELS = ("phone", "chat", "email")
PRIORITIES = ("low", "normal", "high", "urgent")
STATUSES = ("open", "pending", "on_hold", "new", "solved")
VOID = ("spam", "duplicate", "merged", "deleted")


def _some(rng: random.Random, chance: float) -> bool:
    return rng.random() < chance


class _Ticket:
    """The story of one random ticket: a clock that goes on, and what happens at its time."""

    def __init__(self, rng: random.Random, name: str, source: str | None, base: int) -> None:
        self.rng, self.name, self.source = rng, name, source
        self.at = base + rng.randrange(96) * 15 * MINUTE
        self.opening = self.at
        self.events: list[Event] = []
        self.number = 0
        self.resolved = False

    def add(self, topic: str, at: int | None = None, **fields: Any) -> None:
        self.number += 1
        event: Event = {
            "topic": topic,
            "ticket_id": self.name,
            "occurred_at": self.at if at is None else at,
            "event_id": f"e{self.number:03d}",
            **fields,
        }
        if self.source is not None:
            event["source"] = self.source
        self.events.append(event)

    def wait(self) -> None:
        """Time goes by: nothing, a few quarters, a night, or a millisecond beside the grid."""
        steps = (0, 0, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 5 * HOUR, 15 * HOUR, DAY, 2 * DAY, 1, -1)
        weights = (3, 2, 5, 5, 6, 5, 4, 3, 2, 1, 0.4, 0.4)
        self.at = max(self.opening, self.at + self.rng.choices(steps, weights=weights)[0])

    def labels(self, chance: float) -> Event:
        rng = self.rng
        fields: Event = {}
        if _some(rng, chance):
            fields["team"] = rng.choice(TEAMS)
        if _some(rng, chance):
            fields["priority"] = rng.choice(PRIORITIES)
        if _some(rng, chance / 2):
            fields["channel"] = rng.choice(CHANNELS)
        if _some(rng, chance / 3):
            fields["tags"] = rng.choice((["vip"], ["x", "vip"], ["x"]))
        return fields

    def tell(self) -> list[Event]:
        rng = self.rng
        opener = rng.choices(("customer", "agent", "system"), weights=(8, 1, 1))[0]
        bot = {"human_since": self.at + rng.choice((0, HOUR, 3 * HOUR))} if _some(rng, 0.1) else {}
        self.add("ticket-opened", opened_by=opener, **self.labels(0.8), **bot)
        scenes: list[tuple[float, Callable[[], None]]] = [
            (5, lambda: self.add("agent-replied", **self.labels(0.05), **self._since())),
            (1.5, lambda: self.add("agent-replied", author=rng.choice(("bot", "system")))),
            (1, lambda: self.add("agent-replied", public=False)),
            (4, lambda: self.add("customer-replied")),
            (2.5, lambda: self.add("ticket-updated", status=rng.choice(STATUSES))),
            (2.5, self._pause),
            (3, lambda: self.add("ticket-updated", **self.labels(0.6))),
            (0.6, lambda: self.add("ticket-updated", human_since=self.at - rng.choice((0, HOUR)))),
            (2, self._resolve),
            (1, lambda: self.add("ticket-resolved", automatic=True)),
            (1, lambda: self.add("ticket-resolved", outcome=rng.choice((*VOID, "solved")))),
            (2.5, self._reopen),
            (1.5, self._exchange),
        ]
        for _ in range(rng.randint(0, 14)):
            self.wait()
            rng.choices([scene for _, scene in scenes], weights=[weight for weight, _ in scenes])[0]()
        while _some(rng, 0.2):  # clocks that are off: skew, and lives that are over
            self._skewed()
        return self.events

    def _since(self) -> Event:
        return (
            {"waiting_since": self.at - self.rng.choice((0, HOUR, 3 * HOUR))} if _some(self.rng, 0.2) else {}
        )

    def _pause(self) -> None:
        self.add("ticket-updated", status=self.rng.choice(("pending", "on_hold")))
        self.wait()
        self.add("ticket-updated", status=self.rng.choice(("open", "open", "pending", "on_hold")))

    def _resolve(self) -> None:
        self.add("ticket-resolved", outcome=self.rng.choice(("solved", "solved", "no_response")))
        if _some(self.rng, 0.3):
            self.wait()
            self.add("ticket-resolved")  # resolved again: it was reopened in between

    def _reopen(self) -> None:
        if _some(self.rng, 0.7):
            self.add("ticket-resolved", outcome=self.rng.choice(("solved", "solved", "spam")))
            self.wait()
        if _some(self.rng, 0.4):
            self.add("customer-replied")
        self.add("ticket-opened", opened_by=self.rng.choice(("customer", "customer", "agent")))
        if _some(self.rng, 0.4):
            self.add("ticket-updated", status="open")

    def _exchange(self) -> None:
        for topic in ("agent-replied", "customer-replied", "customer-replied", "agent-replied"):
            self.add(topic)
            self.wait()

    def _skewed(self) -> None:
        rng = self.rng
        topic = rng.choice(("ticket-updated", "customer-replied", "agent-replied", "ticket-resolved"))
        fields = {"status": rng.choice(STATUSES)} if topic == "ticket-updated" else {}
        self.add(topic, self.opening - rng.choice(SKEWS), **fields, **self.labels(0.3))


def redelivered(rng: random.Random, events: list[Event]) -> list[Event]:
    """The same events in another order, some of them twice or in another spelling."""
    again = list(events)
    for event in events:
        if _some(rng, 0.25):
            copy = dict(event)
            copy["occurred_at"] = iso(event["occurred_at"], rng.choice((0, 60, -300)))
            again.append(copy)
    rng.shuffle(again)
    return again


def history(rng: random.Random, tickets: int | None = None) -> list[Event]:
    """The events of some tickets, as they might arrive: in any order, some more than once."""
    base = milliseconds(rng.choice(BASES))
    count = rng.randint(1, 4) if tickets is None else tickets
    events: list[Event] = []
    for index in range(count):
        source = rng.choice((None, None, "zendesk/acme"))
        told = _Ticket(rng, f"T-{index + 1}", source, base).tell()
        events += told[1:] if len(told) > 1 and _some(rng, 0.03) else told  # an opening that never came
    for event in [event for event in events if _some(rng, 0.05)]:  # copies that differ under one identity
        events.append({**event, "occurred_at": event["occurred_at"] + rng.choice((-HOUR, MINUTE, HOUR))})
    rng.shuffle(events)
    return events


def policed_history(
    rng: random.Random, *, changing: bool = True
) -> tuple[list[Event], Policy | History, int]:
    """Events, a policy (with ``changing`` sometimes a history of them), and an instant to ask at."""
    events = history(rng)
    moments = sorted(event["occurred_at"] for event in events)
    now = rng.choice((moments[-1], rng.choice(moments), rng.choice(moments))) + rng.choice(
        (0, 0, 1, 20 * MINUTE, 40 * MINUTE, 100 * MINUTE, 9 * HOUR, 3 * DAY)
    )
    names = sorted(POLICIES)
    policy: Policy | History = POLICIES[rng.choice(names)]
    if changing and _some(rng, 0.15):
        policy = [(0, POLICIES[rng.choice(names)]), (rng.choice(moments), POLICIES[rng.choice(names)])]
    return events, policy, now


@st.composite
def policed_histories(draw: st.DrawFn, *, changing: bool = True) -> tuple[list[Event], Policy | History, int]:
    """For hypothesis; failing ones shrink by dropping events."""
    rng = random.Random(draw(st.integers(0, 2**32 - 1), label="seed"))
    events, policy, now = policed_history(rng, changing=changing)
    kept = draw(st.lists(st.integers(0, 15), min_size=len(events), max_size=len(events)), label="kept")
    return [event for event, keep in zip(events, kept, strict=True) if keep] or events[:1], policy, now
