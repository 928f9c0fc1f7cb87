"""Scenarios: everything about a simulated helpdesk that is not chance.

All durations are milliseconds, all shares lie between 0 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from cxstream.simulate.instant import DAY, HOUR, MINUTE, SECOND
from cxstream.simulate.shape import AROUND_THE_CLOCK, LEISURE, OFFICE, Shape

OPTIONAL_TOPICS: Final = ("customer-replied", "ticket-updated")
PRIORITIES: Final = ("low", "normal", "high", "urgent")
PATIENCE_OF_PRIORITY: Final = {"low": 3.0, "normal": 1.0, "high": 0.4, "urgent": 0.1}
"""How an agent's allowance for a first look shrinks with the priority."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How people behave on one channel; durations are medians in ms."""

    name: str
    handling: int
    """Work of an agent on one turn."""
    answering: int
    """How long a customer takes to answer."""
    allowance: int
    """How long work may wait before other work; the queue is ordered by arrival + allowance."""
    tolerance: int
    """Waiting that halves what a customer's satisfaction can lose by waiting."""
    patience: int | None = None
    """After this (median) a waiting customer leaves; ``None``: they wait."""
    live: bool = False
    """The agent answers at once and stays until the end, instead of answering at the end."""
    bots: float = 0.0
    """Share of tickets that a bot talks to first."""


CHANNELS: Final = {
    channel.name: channel
    for channel in (
        Channel("email", 6 * MINUTE, 7 * HOUR, 8 * HOUR, 10 * HOUR),
        Channel("web", 6 * MINUTE, 5 * HOUR, 6 * HOUR, 8 * HOUR, bots=0.12),
        Channel("chat", 5 * MINUTE, 70 * SECOND, 2 * MINUTE, 4 * MINUTE, 14 * MINUTE, live=True, bots=0.4),
        Channel("phone", 6 * MINUTE, 3 * HOUR, 0, 3 * MINUTE, 9 * MINUTE, live=True),
        Channel("social", 3 * MINUTE, 40 * MINUTE, 90 * MINUTE, 2 * HOUR, bots=0.2),
        Channel("sms", 2 * MINUTE, 15 * MINUTE, 40 * MINUTE, HOUR, 6 * HOUR),
        Channel("other", 7 * MINUTE, 9 * HOUR, 10 * HOUR, 12 * HOUR),
    )
}


@dataclass(frozen=True, slots=True)
class Survey:
    """A question sent after a resolution; the scale is named in the event only if given here."""

    survey: str
    share: float
    """Of resolved tickets whose customer answers it."""
    scale: tuple[int, int] | None = None
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Team:
    """A queue and its people."""

    name: str
    share: float
    """Of all tickets, relative to the other teams."""
    shape: Shape
    channels: tuple[tuple[str, float], ...]
    priorities: tuple[float, float, float, float] = (0.15, 0.62, 0.18, 0.05)
    """Weights of low, normal, high and urgent."""
    kinds: tuple[tuple[str, float], ...] = (
        ("question", 0.5),
        ("problem", 0.2),
        ("task", 0.2),
        ("complaint", 0.1),
    )
    difficulty: float = 1.0
    """Factor on handling times."""
    turns: tuple[float, ...] = (0.56, 0.25, 0.11, 0.05, 0.03)
    """Share of tickets that need 1, 2, … turns of an agent."""
    surveys: tuple[Survey, ...] = (Survey("csat", 0.22),)
    staff: int | None = None
    """Number of agents; ``None``: as many as the expected load needs (see ``Scenario.utilisation``)."""


TEAMS: Final = (
    Team(
        *("billing", 0.24, OFFICE, (("email", 0.45), ("web", 0.25), ("chat", 0.15), ("phone", 0.15))),
        surveys=(Survey("csat", 0.22), Survey("nps", 0.05)),
    ),
    Team(
        *("technical", 0.3, AROUND_THE_CLOCK),
        (("email", 0.36), ("web", 0.27), ("chat", 0.22), ("phone", 0.1), ("other", 0.05)),
        priorities=(0.12, 0.5, 0.28, 0.1),
        kinds=(("incident", 0.3), ("problem", 0.35), ("question", 0.3), ("complaint", 0.05)),
        difficulty=1.6,
        turns=(0.42, 0.27, 0.16, 0.09, 0.06),
        surveys=(Survey("csat", 0.16, (0, 10)), Survey("ces", 0.06)),
    ),
    Team(
        *("onboarding", 0.1, OFFICE, (("email", 0.5), ("chat", 0.3), ("phone", 0.2))),
        difficulty=1.3,
        surveys=(Survey("ces", 0.2, (1, 7), higher_is_better=False), Survey("nps", 0.08)),
    ),
    Team(
        *("retail", 0.28, LEISURE),
        (("chat", 0.32), ("web", 0.24), ("email", 0.18), ("social", 0.15), ("sms", 0.11)),
        kinds=(("question", 0.6), ("complaint", 0.25), ("task", 0.15)),
        difficulty=0.7,
        surveys=(Survey("csat", 0.25, (1, 5)),),
    ),
    Team(
        *("vip", 0.08, OFFICE, (("phone", 0.35), ("email", 0.35), ("chat", 0.3))),
        priorities=(0.0, 0.3, 0.5, 0.2),
        surveys=(Survey("csat", 0.3), Survey("nps", 0.15), Survey("ces", 0.08)),
    ),
)


@dataclass(frozen=True, slots=True)
class Habits:
    """How often things happen in a helpdesk: shares of the tickets (or turns) that they can happen to."""

    by_agent: float = 0.05
    """Tickets opened by an agent."""
    by_system: float = 0.03
    """Tickets opened by monitoring and the like."""
    receipt: float = 0.12
    """Tickets whose receipt the system confirms in public."""
    bot_solves: float = 0.3
    """Of the tickets that a bot talks to first; the others are handed off."""
    hand_off_on_opened: float = 0.25
    """Hand-offs told by a second ``ticket-opened`` instead of ``ticket-updated``."""
    void: float = 0.06
    """Tickets that turn out to be spam, duplicates, merged or deleted."""
    void_reopened: float = 0.1
    reassigned: float = 0.06
    """Turns that end with another team."""
    reprioritised: float = 0.04
    note: float = 0.14
    """Turns in which an agent leaves an internal note."""
    silent_solution: float = 0.04
    """Last turns that end without a reply."""
    on_hold: float = 0.15
    """Turns after which the team waits for someone else than the customer."""
    no_answer: float = 0.12
    """Turns whose answer never comes, until the system closes the ticket."""
    nudge: float = 0.12
    """Customers who write again while they wait."""
    reopened: float = 0.05
    """Resolutions after which the customer opens the ticket again."""
    implied: float = 0.04
    """Resolutions after which the ticket is worked on and resolved again without being opened."""
    thanks: float = 0.05
    """Resolutions that the customer answers with a word that needs no reply."""
    confirmed: float = 0.6
    """Resolutions that the system confirms days later."""
    answered_again: float = 0.06
    """Surveys that are answered a second time."""
    waiting_since: float = 0.15
    """Replies that name the wait they end although the topics would tell it."""
    no_event_id: float = 0.02


@dataclass(frozen=True, slots=True)
class Faults:
    """What the transport does to events; shares of all events, unless told otherwise."""

    delay: int = 400
    """Median of the time in ms that every event is on its way."""
    duplicates: float = 0.01
    """Redelivered some seconds to minutes later."""
    respelled: float = 0.5
    """Of the redeliveries: with other spellings of the same content."""
    late: float = 0.005
    late_by: int = 25 * MINUTE
    """Median in ms; from about a minute to many hours."""
    disordered: float = 0.02
    """Overtaken by others: up to some minutes behind."""
    skewed: float = 0.004
    """Replies dated by a clock that is slow: quick ones come to lie before their ticket's opening."""
    fast: float = 0.001
    """Events dated by a clock that is fast by seconds: they arrive before they happen."""

    def __post_init__(self) -> None:
        shares = (self.duplicates, self.late, self.disordered, self.skewed, self.fast)
        if min(shares) < 0 or math.fsum(shares) > 1 + 1e-9:
            raise ValueError(
                "the shares of faults must not be negative and add up to 1 at most: one per event"
            )
        if self.delay < 0 or self.late_by < 0:
            raise ValueError("delay and late_by must not be negative")


NO_FAULTS: Final = Faults(delay=0, duplicates=0, late=0, disordered=0, skewed=0, fast=0)
"""Every event once, at the moment it happens, in order."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated. With no bound the deliveries never end."""

    tickets: int | None = None
    """Stop opening tickets after so many, and go on until the last of them is done."""
    days: float | None = None
    """Stop so many days after the start, with tickets left open."""
    until: int | None = None
    """Stop at this instant (ms UTC), with tickets left open."""
    tickets_per_day: float = 2_000.0
    """Mean over a week."""
    rush: float = 1.0
    """Factor on the arrivals that the staff is not prepared for."""
    utilisation: float = 0.8
    """Share of their time that agents are expected to work, where a team's staff follows from its load."""
    source: str = "demo"
    optional_topics: tuple[str, ...] = OPTIONAL_TOPICS
    """Those emitted; where ``customer-replied`` is not, replies name the waits they end."""
    customers: int = 20_000
    first_ticket: int | None = None
    """Number of the first ticket; ``None``: from the start's minute, so that runs do not reuse numbers."""
    utc_offset: int = 0
    """Local time of the helpdesk minus UTC in ms."""
    teams: tuple[Team, ...] = TEAMS
    habits: Habits = Habits()
    faults: Faults = Faults()

    def __post_init__(self) -> None:
        if self.tickets_per_day <= 0 or self.rush <= 0:
            raise ValueError("tickets_per_day and rush must be above 0")
        if not 0 < self.utilisation <= 1:
            raise ValueError(f"utilisation must be above 0 and at most 1: {self.utilisation}")
        if not self.source or not self.teams:
            raise ValueError("a scenario needs a source and at least one team")
        if any(team.staff is not None and team.staff < 1 for team in self.teams):
            raise ValueError("a team needs at least one agent")
        unknown = [topic for topic in self.optional_topics if topic not in OPTIONAL_TOPICS]
        if unknown:
            raise ValueError(f"optional topics are {', '.join(OPTIONAL_TOPICS)}, not {', '.join(unknown)}")

    def end(self, start: int) -> int | None:
        """The instant (ms) after which nothing happens any more, if there is one."""
        ends = [] if self.until is None else [self.until]
        if self.days is not None:
            ends.append(start + round(self.days * DAY))
        return min(ends, default=None)
