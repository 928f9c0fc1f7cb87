"""Random histories that walk into every rule of the contract's §1 and §2.

Small dense grids of time make equal instants, skew and ties common.  Every event is a dict
that ``json.dumps`` can write, with its ``topic`` (or a CloudEvents envelope with its
``type``).  Plain use::

    rng = random.Random(7)
    events = history(rng)
    asked = question(rng, events)
    answer(lines(events), **asked)
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

Event = dict[str, Any]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Days around which histories happen: clock changes in Europe and America, ends of months, a
#: Monday, a leap day, and the first hours of a UTC day.
BASES = (
    "2024-03-31T00:30:00Z",  # Berlin: 02:00 → 03:00 at 01:00Z
    "2024-10-27T00:15:00Z",  # Berlin: 03:00 → 02:00 at 01:00Z
    "2024-03-10T06:00:00Z",  # New York: 02:00 → 03:00 at 07:00Z
    "2024-11-03T05:30:00Z",  # New York: 02:00 → 01:00 at 06:00Z
    "2024-07-01T00:00:00Z",  # a Monday and a first at once
    "2024-02-29T22:45:00Z",
    "2024-07-17T10:00:00Z",
)
TIMEZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Auckland")
WINDOWS = (
    "1h/1m,today/15m,24h/15m,7d/2h",
    "2h/30m,week/1h,month/2h",
    "today/1m,10m/1m,48h/24h",
    "1h/1h,today/1h,week/2h,month/1d,30d/1d",
)
#: Distances from a ticket's usual opening: beyond, exactly at and within the skew, ties, and after.
OFFSETS = (
    -DAY - HOUR,
    -DAY - 1,
    -DAY,
    -DAY + 1,
    -HOUR,
    -MINUTE,
    -1,
    0,
    0,
    0,
    1,
    MINUTE,
    10 * MINUTE,
    HOUR,
    2 * HOUR,
    5 * HOUR,
    DAY,
    DAY + HOUR,
)
TEAMS = ("billing", "support", "tech")
SOURCES = (None, "default", "zendesk/acme", "zendesk/globex")
AGENTS = ("a1", "a2", 3)
TOPICS = (
    "ticket-opened",
    "ticket-updated",
    "customer-replied",
    "agent-replied",
    "ticket-resolved",
    "survey-answered",
)
REASONS = ("missing_field", "wrong_type", "bad_time", "future", "unknown_survey", "bad_score", "too_large")
TIME_FIELDS = ("occurred_at", "human_since", "waiting_since", "escalated_at")
WORD_FIELDS = ("opened_by", "author", "outcome", "survey", "channel", "priority", "kind", "status")

#: (survey, scale_min, scale_max, scores at, next to and away from the exact thresholds)
SCALES: tuple[tuple[str, Any, Any, tuple[Any, ...]], ...] = (
    ("csat", None, None, (1, 2, 2.01, 3, 3.99, 4, 4.0, 5)),
    ("csat", 0, 1, (0, 0.25, 0.26, 0.5, 0.74, 0.75, 1)),
    ("csat", 0.1, 0.5, (0.1, 0.2, 0.21, 0.39, 0.4, 0.5)),  # thresholds binary floats miss
    ("csat", 0, 0.3, (0, 0.075, 0.0751, 0.2249, 0.225, 0.3)),
    ("csat", 2, None, (2, 2.75, 2.76, 4.25, 4.24, 5)),
    ("csat", None, 10, (1, 3.25, 3.26, 7.74, 7.75, 10)),
    ("nps", None, None, (0, 6, 6.01, 7, 8.99, 9, 10)),
    ("nps", 0, 1, (0, 0.6, 0.61, 0.89, 0.9, 1)),
    ("nps", 1, None, (1, 6.4, 6.41, 9.09, 9.1, 10)),
    ("nps", None, 100, (0, 60, 60.1, 89.9, 90, 100)),
    ("nps", -0.7, 0.7, (-0.7, 0.14, 0.141, 0.559, 0.56, 0.7)),
    ("ces", None, None, (1, 2.5, 2.51, 4, 5.49, 5.5, 7)),
    ("ces", None, 5, (1, 2, 3, 4, 4.0, 5)),
    ("ces", 1.1, 1.9, (1.1, 1.3, 1.31, 1.69, 1.7, 1.9)),
)


def milliseconds(text: str) -> int:
    """An RFC 3339 time as epoch milliseconds."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def iso(moment: int, offset_minutes: int = 0, digits: int = 3) -> str:
    """Epoch milliseconds as RFC 3339, perhaps in another offset."""
    local = (_EPOCH + timedelta(milliseconds=moment)).astimezone(timezone(timedelta(minutes=offset_minutes)))
    text = local.strftime("%Y-%m-%dT%H:%M:%S")
    if digits:
        text += "." + f"{moment % 1000:03d}".ljust(digits, "7")
    if not offset_minutes:
        return text + "Z"
    sign = "+" if offset_minutes > 0 else "-"
    return f"{text}{sign}{abs(offset_minutes) // 60:02d}:{abs(offset_minutes) % 60:02d}"


def lines(events: Iterable[Event]) -> list[str]:
    """The events as JSON lines."""
    return [json.dumps(event, ensure_ascii=False) for event in events]


# ---------------------------------------------------------------------------------------
# Valid events
# ---------------------------------------------------------------------------------------


def _some(rng: random.Random, chance: float) -> bool:
    return rng.random() < chance


class _Ticket:
    """What the events of one random ticket have in common."""

    def __init__(self, rng: random.Random, name: str, source: str | None, base: int) -> None:
        self.rng = rng
        self.name = name
        self.source = source
        self.opening = base + rng.choice((0, 0, 15 * MINUTE, HOUR, -MINUTE, DAY, 999))
        offsets = sorted({0, *rng.sample(OFFSETS, rng.randint(3, 9))})
        self.instants = [self.opening + offset for offset in offsets]
        self.forward = [moment for moment in self.instants if moment >= self.opening]

    def moment(self) -> int:
        """A time of the ticket's own grid: mostly from the opening on."""
        return self.rng.choice(self.forward if _some(self.rng, 0.7) else self.instants)

    def event(self, topic: str, moment: int | None = None, **fields: Any) -> Event:
        rng = self.rng
        at = self.moment() if moment is None else moment
        event: Event = {"topic": topic, "ticket_id": self.name, "occurred_at": iso(at)}
        if self.source is not None:
            event["source"] = self.source
        if _some(rng, 0.8):  # few ids, so that identities collide within and across topics
            event["event_id"] = rng.choice(("a", "b", "c", "B", "10", "9", "é", f"e{rng.randrange(10**6)}"))
            if _some(rng, 0.75):
                event["event_id"] = f"{rng.choice('abcXYZ')}{rng.randrange(10**6)}"
        if _some(rng, 0.35):
            event["team"] = rng.choice((*TEAMS, *TEAMS, 7))
        if _some(rng, 0.3):
            event["channel"] = rng.choice(("email", "web", "chat", "fax", 5))
        if _some(rng, 0.25):
            event["priority"] = rng.choice(("low", "high", "urgent", "P1", ["no"]))
        if _some(rng, 0.1):
            event[rng.choice(("agent_id", "customer_id"))] = rng.choice((*AGENTS, {"no": 1}, True))
        if _some(rng, 0.05):
            event["tags"] = rng.choice((["x", "y"], ["x", 2], "no list", []))
        if _some(rng, 0.05):
            event["kind"] = rng.choice(("question", "incident", "nonsense"))
        event.update(fields)
        getattr(self, "_" + topic.replace("-", "_"))(event, at)
        return event

    def _near(self, at: int) -> str:
        """Another instant of the ticket, or one right beside ``at``."""
        return iso(self.rng.choice((*self.instants, at, at - 1, at + 1)))

    def _ticket_opened(self, event: Event, at: int) -> None:
        if _some(self.rng, 0.4):
            event.setdefault("opened_by", self.rng.choice(("customer", "agent", "system")))
        if _some(self.rng, 0.15):
            event.setdefault("human_since", self._near(at))
        if _some(self.rng, 0.05):
            event["escalated_at"] = self._near(at)

    def _ticket_updated(self, event: Event, at: int) -> None:
        if _some(self.rng, 0.7):
            event["status"] = self.rng.choice(
                ("new", "open", "pending", "on_hold", "solved", "closed", "odd", 4)
            )
        if _some(self.rng, 0.5):
            event.setdefault("human_since", self._near(at))

    def _customer_replied(self, event: Event, _at: int) -> None:
        """It has no fields of its own; those of other topics are unknown here."""
        if _some(self.rng, 0.1):
            event["waiting_since"] = "not read here"

    def _agent_replied(self, event: Event, at: int) -> None:
        if _some(self.rng, 0.3):
            event.setdefault("author", self.rng.choice(("agent", "bot", "system")))
        if _some(self.rng, 0.25):
            event.setdefault("public", self.rng.choice((True, False)))
        if _some(self.rng, 0.3):
            event.setdefault("waiting_since", self._near(at))

    def _ticket_resolved(self, event: Event, _at: int) -> None:
        if _some(self.rng, 0.35):
            event.setdefault("automatic", self.rng.choice((True, True, False)))
        if _some(self.rng, 0.35):
            words = ("solved", "no_response", "abandoned", "spam", "duplicate", "merged", "deleted")
            event.setdefault("outcome", self.rng.choice(words))

    def _survey_answered(self, event: Event, _at: int) -> None:
        survey, low, high, scores = self.rng.choice(SCALES)
        event["survey"] = survey
        event["score"] = self.rng.choice(scores)
        if low is not None:
            event["scale_min"] = low
        if high is not None:
            event["scale_max"] = high
        if _some(self.rng, 0.35):
            event["survey_id"] = self.rng.choice(("s1", "2", 2))
        if _some(self.rng, 0.25):
            event["higher_is_better"] = self.rng.choice((False, False, True))

    # Scenes: short stories a purely random draw would tell too seldom. ---------------------

    def scene(self) -> list[Event]:
        rng = self.rng
        apart = len(self.forward) >= 4 and _some(rng, 0.6)
        a, b, c, d = sorted(rng.sample(self.forward, 4) if apart else rng.choices(self.forward, k=4))
        void = rng.choice(("spam", "duplicate", "merged", "deleted"))
        back = self.opening - rng.choice((1, HOUR, DAY, DAY + 1))
        stories: list[Callable[[], list[Event]]] = [
            lambda: [  # void, reopened, resolved for good
                self.event("ticket-resolved", a, outcome=void, automatic=_some(rng, 0.3)),
                self.event("ticket-opened", b),
                self.event("ticket-resolved", c, outcome="solved", automatic=False),
            ],
            lambda: [  # solved, then implied reopening by a later resolution, then a confirmation
                self.event("ticket-resolved", a, automatic=False),
                self.event("ticket-resolved", b, automatic=False),
                self.event("ticket-resolved", c, automatic=True, outcome=void),
            ],
            lambda: [  # the last word is void
                self.event("agent-replied", a, author="agent", public=True),
                self.event("ticket-resolved", b, outcome="solved"),
                self.event("ticket-resolved", d, outcome=void, automatic=False),
            ],
            lambda: [  # a hand-off between bot and reply, carried by whatever event
                self.event("agent-replied", a, author="bot"),
                self.event("agent-replied", c, author="agent", public=True),
                self.event(
                    "ticket-updated", rng.choice((b, d)), human_since=iso(rng.choice((a, b, c, c + 1)))
                ),
            ],
            lambda: [  # wait on a resolved ticket, confirmed in between, then answered
                self.event("ticket-resolved", a, automatic=False),
                self.event("customer-replied", b),
                self.event("ticket-resolved", rng.choice((b, c)), automatic=True),
                self.event("agent-replied", d, author="agent", public=True),
            ],
            lambda: [  # waiting_since against the previous reply
                self.event("agent-replied", a, author="agent", public=True),
                self.event(
                    "agent-replied",
                    c,
                    author="agent",
                    public=True,
                    waiting_since=iso(a + rng.choice((-1, 0, 1))),
                ),
            ],
            lambda: [  # a customer's wait on a resolved ticket, across a reopening or a hand-off
                self.event("ticket-resolved", a, automatic=False),
                self.event("customer-replied", b),
                self.event("ticket-opened", c, opened_by="customer")
                if _some(rng, 0.5)
                else self.event("ticket-updated", c, human_since=iso(c)),
                self.event("agent-replied", d, author="agent", public=True),
            ],
            lambda: [  # a customer's words and a hand-off dated before the opening, then a reply
                self.event("customer-replied", back),
                self.event("ticket-updated", back, human_since=iso(rng.choice((back, a, a + 1)))),
                self.event("agent-replied", d, author="agent", public=True),
            ],
            lambda: [  # replies and resolutions before the opening
                self.event("agent-replied", back, author="agent", public=True),
                self.event("ticket-resolved", back + rng.choice((0, 1)), automatic=_some(rng, 0.3)),
                self.event("agent-replied", b, author="agent", public=True, waiting_since=iso(back + 1)),
            ],
            lambda: [  # asked again: the last answer stands
                self.event("survey-answered", back if _some(rng, 0.3) else a, survey_id="s1"),
                self.event("survey-answered", b, survey_id="s1"),
            ],
            lambda: [  # explicit reopening, by whom matters
                self.event("ticket-resolved", a, outcome="solved"),
                self.event("ticket-opened", b, opened_by=rng.choice(("customer", "agent"))),
                self.event("agent-replied", c, author="agent", public=True),
            ],
            lambda: [  # labels of one instant, and late ones
                self.event("ticket-updated", b, team="tech", event_id="z1"),
                self.event("ticket-updated", b, team="billing", event_id="y1"),
                self.event("survey-answered", b, team=rng.choice(TEAMS)),
                self.event("ticket-updated", d, team="support", channel="phone", priority="urgent"),
            ],
        ]
        return rng.choice(stories)()


def story(rng: random.Random, name: str, source: str | None, base: int) -> list[Event]:
    """The events of one ticket: mostly opened, once or twice, or never."""
    ticket = _Ticket(rng, name, source, base)
    events: list[Event] = []
    openings = rng.choices((0, 1, 2), weights=(2, 12, 3))[0]
    if openings:
        by = {"opened_by": rng.choice(("agent", "system"))} if _some(rng, 0.2) else {}
        events.append(ticket.event("ticket-opened", ticket.opening, **by))
    if openings == 2:
        events.append(ticket.event("ticket-opened", rng.choice(ticket.instants)))
    for _ in range(rng.choices((0, 1, 2), weights=(2, 5, 3))[0]):
        events += ticket.scene()
    weights = (1, 3, 3, 6, 4, 3)
    for _ in range(rng.randint(1, 7)):
        events.append(ticket.event(rng.choices(TOPICS, weights=weights)[0]))
    return events


# ---------------------------------------------------------------------------------------
# The same event in another spelling, and copies that differ
# ---------------------------------------------------------------------------------------


def _respelled_time(rng: random.Random, text: str) -> Any:
    try:
        moment = milliseconds(text)
    except ValueError:
        return text  # a field of another topic, not read here
    ways: list[Any] = [
        iso(moment, rng.choice((60, 120, -300, 330, 345, -570, 14 * 60))),
        iso(moment, 0, rng.choice((3, 4, 6, 9))),  # cut to milliseconds
        iso(moment).replace("T", "t").replace("Z", "z"),
        iso(moment).replace("Z", "+00:00"),
        moment,  # epoch milliseconds
        moment / 1000,  # epoch seconds; exact, a double writes milliseconds back as they were
    ]
    if moment % 1000 == 0:
        ways += [iso(moment, 0, 0), moment // 1000]
    return rng.choice(ways)


def _respelled_number(rng: random.Random, number: Any) -> Any:
    if isinstance(number, int):
        return float(number)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def respelled(rng: random.Random, event: Event) -> Event:  # noqa: PLR0912
    """A redelivery that reads as the same event: the same identity, id given or not."""
    copy = dict(event)
    for name in TIME_FIELDS:
        if isinstance(copy.get(name), str) and _some(rng, 0.7):
            copy[name] = _respelled_time(rng, copy[name])
    for name in WORD_FIELDS:
        if isinstance(copy.get(name), str) and _some(rng, 0.5):
            copy[name] = rng.choice((str.upper, str.title))(copy[name])
    for name in ("score", "scale_min", "scale_max"):
        if name in copy and _some(rng, 0.5):
            copy[name] = _respelled_number(rng, copy[name])
    for name in ("ticket_id", "event_id", "survey_id", "team"):
        value = copy.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and str(int(value)) == value:
            copy[name] = rng.choice((value, int(value)))
        elif isinstance(value, int):
            copy[name] = rng.choice((value, str(value)))
    defaults: dict[str, dict[str, Any]] = {
        "ticket-opened": {"opened_by": "customer"},
        "agent-replied": {"author": "agent", "public": True},
        "ticket-resolved": {"automatic": False, "outcome": "solved"},
        "survey-answered": {"higher_is_better": True},
    }
    for name, value in {"source": "default", **defaults.get(event["topic"], {})}.items():
        if name not in copy and _some(rng, 0.4):
            copy[name] = rng.choice((value, None, ""))
        elif copy.get(name) == value and _some(rng, 0.4):
            del copy[name]
    for name in ("team", "priority", "kind", "customer_id", "human_since", "waiting_since", "survey_id"):
        if name not in copy and _some(rng, 0.1):
            copy[name] = rng.choice((None, ""))
    if _some(rng, 0.3):
        copy["unknown"] = rng.choice((None, 1, "x", {"deep": [1, 2]}))
    entries = list(copy.items())
    rng.shuffle(entries)
    return dict(entries)


def enveloped(rng: random.Random, event: Event) -> Event:
    """The same event as a structured CloudEvent.  Only for events with an ``event_id``."""
    data = {name: value for name, value in event.items() if name not in ("topic", "event_id", "source")}
    envelope: Event = {
        "specversion": "1.0",
        "type": f"cxstream.{event['topic'].replace('-', '.')}.v1",
        "id": str(event["event_id"]),
        "source": event.get("source") or "default",
    }
    if isinstance(data["occurred_at"], str) and _some(rng, 0.6):
        envelope["time"] = data.pop("occurred_at")
    if isinstance(data["ticket_id"], str) and _some(rng, 0.6):
        envelope["subject"] = data.pop("ticket_id")
    if _some(rng, 0.3):
        envelope["datacontenttype"] = "application/json"
    return envelope | {"data": data}


def _altered(rng: random.Random, event: Event) -> Event:
    """Another content under the same identity.  Only for events with an ``event_id``."""
    copy = dict(event)
    kind = rng.randrange(4)
    if kind == 0:
        moment = milliseconds(copy["occurred_at"])
        copy["occurred_at"] = iso(moment + rng.choice((-DAY - 1, -HOUR, -1, 1, MINUTE, HOUR)))
        if _some(rng, 0.5):  # before the time in the key-sorted JSON, which compares second
            copy["channel"] = rng.choice(("chat", "web", None))
    elif kind == 1:
        copy["team"] = rng.choice(TEAMS)
    elif kind == 2:
        copy["priority"] = rng.choice(("low", "urgent", None))
    if copy["topic"] == "agent-replied" and _some(rng, 0.4):
        copy["public"] = rng.choice((True, False))
    if copy["topic"] == "ticket-resolved" and _some(rng, 0.4):
        copy["outcome"] = rng.choice(("solved", "spam"))
    if copy["topic"] == "ticket-opened" and _some(rng, 0.4):
        copy["opened_by"] = rng.choice(("customer", "agent"))
    if copy["topic"] == "survey-answered" and _some(rng, 0.4):
        copy["higher_is_better"] = rng.choice((True, False))
    return copy


# ---------------------------------------------------------------------------------------
# Invalid events
# ---------------------------------------------------------------------------------------


def invalid(rng: random.Random, reason: str | None = None, ticket: str = "1") -> tuple[Event, str]:
    """An event that is refused, with exactly one fault, and the reason."""
    reason = reason or rng.choice(REASONS)
    common: Event = {"ticket_id": ticket, "occurred_at": "2024-07-17T10:00:00Z", "event_id": "bad"}

    def of(topic: str, **fields: Any) -> Event:
        return {"topic": topic, **common, **fields}

    def survey(**fields: Any) -> Event:
        return of("survey-answered", **{"survey": "csat", "score": 4, **fields})

    topic = rng.choice(TOPICS[:5])
    faults: dict[str, list[Event]] = {
        "missing_field": [
            of(topic, ticket_id=None),
            of(topic, ticket_id=""),
            of(topic, occurred_at=None),
            of(topic, occurred_at=""),
            {"topic": topic, "occurred_at": "2024-07-17T10:00:00Z"},
            {"topic": topic, "ticket_id": ticket},
            survey(survey=None),
            survey(survey=""),
            survey(score=None),
        ],
        "wrong_type": [
            of(topic, ticket_id=True),
            of(topic, ticket_id=1.5),
            of(topic, ticket_id=["1"]),
            of(topic, event_id=["x"]),
            of(topic, event_id=False),
            of(topic, team={"name": "x"}),
            of(topic, source=["x"]),
            of("ticket-opened", opened_by="robot"),
            of("ticket-opened", opened_by=1),
            of("agent-replied", author="customer"),
            of("agent-replied", public="true"),
            of("agent-replied", public=1),
            of("ticket-resolved", automatic="no"),
            of("ticket-resolved", automatic=0),
            of("ticket-resolved", outcome="won"),
            survey(score="4"),
            survey(score=True),
            survey(scale_max="5"),
            survey(higher_is_better="yes"),
            survey(survey_id=["x"]),
        ],
        "bad_time": [
            of(topic, occurred_at="yesterday"),
            of(topic, occurred_at="2024-07-17T10:00:00"),
            of(topic, occurred_at="2024-07-17"),
            of(topic, occurred_at="2024-02-30T10:00:00Z"),
            of(topic, occurred_at="2024-07-17T25:00:00Z"),
            of("ticket-opened", human_since="soon"),
            of("ticket-opened", escalated_at="2024-13-01T00:00:00Z"),
            of("ticket-updated", human_since="2024-07-17T10:00"),
            of("agent-replied", waiting_since="never"),
        ],
        "future": [
            of(topic, occurred_at="2999-01-01T00:00:00Z"),
            of(topic, occurred_at=32_472_144_000),
            of(topic, occurred_at=32_472_144_000_000),
        ],
        "unknown_survey": [survey(survey="stars"), survey(survey="csat ")],
        "bad_score": [
            survey(score=0.999),
            survey(score=5.001),
            survey(score=6),
            survey(survey="nps", score=-1),
            survey(survey="ces", score=7.5),
            survey(score=4, scale_min=5),
            survey(score=3, scale_min=4, scale_max=2),
            survey(score=0, scale_max=1),
            survey(score=1, scale_min=1, scale_max=1),
            survey(score=1.3, scale_max=1.2),
        ],
        "too_large": [
            of(topic, ticket_id="t" * 1025),
            of(topic, event_id="é" * 1025),
            of(topic, source="s" * 1025),
            of(topic, team="x" * 1025),
            survey(survey_id="s" * 1025),
        ],
    }
    return rng.choice(faults[reason]), reason


def dead_letters(rng: random.Random) -> tuple[str, bytes | None, bytes | None, str]:
    """A record that is refused: topic, value, key and the reason; every reason in turn."""
    good: Event = {"ticket_id": "7", "occurred_at": "2024-07-17T10:00:00Z", "source": "acme"}
    value = json.dumps(good).encode()
    topic = rng.choice(TOPICS[:5])
    survey = json.dumps(good | {"survey": "csat"})[:-1]
    records: list[tuple[str, bytes | None, bytes | None, str]] = [
        (topic, None, b"7", "empty"),
        (topic, b"", b"7", "empty"),
        (topic, b'{"ticket_id":"\xff"}', b"7", "not_utf8"),
        (topic, value[:-1], b"7", "not_json"),
        (topic, b"ticket 7", b"7", "not_json"),
        (topic, b"[1]", b"7", "wrong_type"),
        (topic, b'"x"', b"7", "wrong_type"),
        (topic, json.dumps(good | {"padding": "x" * 1_000_000}).encode(), b"7", "too_large"),
        (topic, value, None, "key_mismatch"),
        (topic, value, b"8", "key_mismatch"),
        (topic, value, b"other/7", "key_mismatch"),
        (topic, value, b"acme/8", "key_mismatch"),
        (topic, value, b"\xff", "key_mismatch"),
        ("survey-answered", f'{survey},"score":NaN}}'.encode(), b"7", "bad_score"),
        ("survey-answered", f'{survey},"score":4,"scale_max":Infinity}}'.encode(), b"acme/7", "bad_score"),
        (topic, b'{"ticket_id":"7","occurred_at":NaN}', b"7", "bad_time"),
    ]
    for _ in range(8):
        event, reason = invalid(rng, ticket="7")
        known = event.get("ticket_id")
        key = known.encode() if isinstance(known, str) else b"7"
        bare = {name: content for name, content in event.items() if name != "topic"}
        records.append((event["topic"], json.dumps(bare).encode(), key, reason))
    return rng.choice(records)


# ---------------------------------------------------------------------------------------
# Histories and questions
# ---------------------------------------------------------------------------------------


def history(rng: random.Random, tickets: int | None = None) -> list[Event]:
    """A random history of 5-60 events, in random order."""
    base = milliseconds(rng.choice(BASES))
    count = rng.randint(1, 5) if tickets is None else tickets
    names = [(name, source) for name in ("1", "2", "T-3") for source in SOURCES if source != "default"]
    rng.shuffle(names)
    events: list[Event] = []
    for index in range(count):  # few names, so that sources share ticket ids
        name, source = names[index] if index < len(names) else (f"n{index}", None)
        events += story(rng, name, source, base)
    if tickets is None:
        events = events[:46]
    named = [event for event in events if "event_id" in event]

    def times(*weights: int) -> range:
        """None, one or more, the more the rarer."""
        return range(rng.choices((0, 1, 2, 4)[: len(weights)], weights=weights)[0])

    extra = [respelled(rng, rng.choice(events)) for _ in times(4, 3, 2, 1)]
    if named:
        extra += [respelled(rng, _altered(rng, rng.choice(named))) for _ in times(5, 3, 2)]
        extra += [enveloped(rng, rng.choice(named)) for _ in times(5, 3, 2)]
    extra += [invalid(rng, ticket=rng.choice(events)["ticket_id"])[0] for _ in times(6, 3, 1)]
    events = [respelled(rng, event) if _some(rng, 0.15) else event for event in events] + extra
    while len(events) < 5:
        events.append(rng.choice(events))
    rng.shuffle(events)
    return events


def instants_of(events: Iterable[Event]) -> list[int]:
    """The times of the events that are written in the plain way, in order."""
    found: set[int] = set()
    for event in events:
        value = event.get("occurred_at")
        if isinstance(value, str) and value.endswith("Z"):
            try:
                found.add(milliseconds(value))
            except ValueError:
                continue
    return sorted(moment for moment in found if moment < milliseconds("2025-01-01T00:00:00Z"))


def question(rng: random.Random, events: Iterable[Event]) -> dict[str, Any]:
    """Arguments to ask of a history: an instant (or none), a label, windows, a timezone, a skew."""
    asked: dict[str, Any] = {
        "by": rng.choice((None, "team", "channel", "priority", "source")),
        "windows": rng.choice(WINDOWS),
        "timezone": rng.choice(TIMEZONES),
    }
    moments = instants_of(events)
    if moments and _some(rng, 0.6):
        at = rng.choice(moments) + rng.choice((0, 0, 0, -1, 1, 7 * MINUTE, HOUR, 3 * HOUR))
        asked["at"] = iso(at)
    if _some(rng, 0.2):
        asked["max_skew_ms"] = rng.choice((0, 1, HOUR))
    return asked


@st.composite
def histories(draw: st.DrawFn, tickets: int | None = None) -> list[Event]:
    """Histories for hypothesis; failing ones shrink by dropping events."""
    events = history(random.Random(draw(st.integers(0, 2**32 - 1), label="seed")), tickets)
    kept = draw(st.lists(st.integers(0, 15), min_size=len(events), max_size=len(events)), label="kept")
    return [event for event, keep in zip(events, kept, strict=True) if keep] or events[:1]


@st.composite
def questioned_histories(draw: st.DrawFn) -> tuple[list[Event], dict[str, Any]]:
    """A history and a question about it."""
    events = draw(histories())
    asked = question(random.Random(draw(st.integers(0, 2**32 - 1), label="question")), events)
    return events, asked
