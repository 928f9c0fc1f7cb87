"""The oracle of the service levels: every cycle of every target, by definition, without cleverness.

It shares no code with the product: events are read by the oracle of the report, business time
is added up opening by opening, and a ticket is walked from instant to instant.  At an instant
everything happens in this order: timers of the time before it (a deadline *at* the instant has
not passed), the change of policy or labels, the events in the ticket's order, the status.

Times are UTC milliseconds, durations milliseconds.  Docstrings quote the clause they stand for.
What the clauses leave open is decided where it says "Reading:".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from .answer import (
    DAY_MS,
    VOID_OUTCOMES,
    Placed,
    Refused,
    accepted,
    from_hand_off,
    instant,
    placed_order,
    read_line,
    written,
)

TARGETS = (
    "first_reply",
    "next_reply",
    "periodic_update",
    "requester_wait",
    "agent_work",
    "resolution",
    "first_resolution",
)
#: "reopening, elapsed kept"
KEEPING = ("requester_wait", "agent_work", "resolution")
#: What the column "pauses" names, unless the file says otherwise.
PAUSES = {"requester_wait": ("pending",), "agent_work": ("pending", "on_hold")}
#: "defaults: pause_on … where §3 pauses".  Reading: wherever that column speaks of statuses at all.
PAUSABLE = ("periodic_update", "requester_wait", "agent_work", "first_resolution")
#: Reading: a label is in force as §2 of the contract says, "else the earliest known".  Switch it
#: off for labels that are unknown until the first event that has them.
EARLIEST_KNOWN_LABEL_APPLIES_BEFORE = True

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: How far a deadline is sought before a calendar is said never to open, in days.
_FARTHEST = 6_000


# ---------------------------------------------------------------------------------------
# Business time (§3 rule 1, §8)
# ---------------------------------------------------------------------------------------

Hours = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Calendar:
    """Weekly hours of a time zone, and the dates that have other ones."""

    zone: str
    always_open: bool = False
    #: By weekday, Monday first.
    week: tuple[Hours, ...] = ((),) * 7
    dates: tuple[tuple[date, Hours], ...] = ()


def calendar_of(spec: Mapping[str, Any]) -> Calendar:
    """A calendar as the policy file writes it (``ical`` is not read here)."""

    def hours(texts: Iterable[str]) -> Hours:
        pairs = [text.partition("-") for text in texts]
        return tuple((opens.strip(), closes.strip()) for opens, _, closes in pairs)

    dates: dict[date, Hours] = {}
    for holiday in spec.get("holidays") or ():
        if isinstance(holiday, Mapping):
            dates[_day(holiday["date"])] = hours(holiday.get("hours") or ())
        else:
            dates[_day(holiday)] = ()
    week = spec.get("hours") or {}
    return Calendar(
        zone=spec.get("timezone", "UTC"),
        always_open=bool(spec.get("always_open")),
        week=tuple(hours(week.get(name) or ()) for name in WEEKDAYS),
        dates=tuple(sorted(dates.items())),
    )


def _day(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _edge(day: date, minutes: int, zone: str) -> int:
    """The instant of a local time: "an edge that does not exist or occurs twice is read as in
    RFC 5545 (fold=0: offset before the change; first occurrence)"."""
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - wall time
    aware = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


@cache
def openings(calendar: Calendar, day: date) -> tuple[tuple[int, int], ...]:
    """The instants between which a local day's hours run; a closing not after its opening is
    the next day's.  Reading: hours belong to the date they open on, holidays too."""
    found = []
    for opens, closes in dict(calendar.dates).get(day, calendar.week[day.weekday()]):
        start, end = _minutes(opens), _minutes(closes)
        found.append(
            (_edge(day, start, calendar.zone), _edge(day, end + (end <= start) * 1440, calendar.zone))
        )
    return tuple(found)


def open_stretches(calendar: Calendar, start: int, end: int) -> list[tuple[int, int]]:
    """When the calendar is open between two instants: a moment that two hours claim (a change
    of the clocks can make neighbours overlap) is open once."""
    if calendar.always_open:
        return [(start, end)] if start < end else []
    zone = ZoneInfo(calendar.zone)
    day = (_EPOCH + timedelta(milliseconds=start)).astimezone(zone).date() - timedelta(days=2)
    last = (_EPOCH + timedelta(milliseconds=end)).astimezone(zone).date() + timedelta(days=2)
    found: list[tuple[int, int]] = []
    while day <= last:
        found += openings(calendar, day)
        day += timedelta(days=1)
    stretches: list[tuple[int, int]] = []
    reached = start
    for opens, closes in sorted(found):
        opens, closes = max(opens, reached), min(closes, end)  # noqa: PLW2901 - cut to what is asked
        if opens < closes:
            stretches.append((opens, closes))
            reached = closes
    return stretches


def business(calendar: Calendar, start: int, end: int) -> int:
    """Open milliseconds between two instants."""
    return sum(closes - opens for opens, closes in open_stretches(calendar, start, end))


def earliest(calendar: Calendar, start: int, need: int) -> int:
    """The "**earliest** instant where elapsed" since ``start`` is ``need``."""
    if need <= 0:
        return start
    days = 8
    while days <= _FARTHEST:
        left = need
        for opens, closes in open_stretches(calendar, start, start + days * DAY_MS):
            if closes - opens >= left:
                return opens + left
            left -= closes - opens
        days *= 2
    raise ValueError(f"{calendar} opens too seldom for {need} ms")


def business_day(calendar: Calendar) -> Fraction:
    """Clause: "``bd`` = weekly open time ÷ weekdays with hours, holidays ignored"."""
    if calendar.always_open:
        return Fraction(DAY_MS)
    days = [hours for hours in calendar.week if hours]
    minutes = 0
    for opens, closes in (pair for hours in days for pair in hours):
        minutes += (_minutes(closes) - _minutes(opens) - 1) % 1440 + 1
    return Fraction(minutes * 60_000, len(days))


_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}


def duration(text: str, calendar: Calendar) -> int:
    match = re.fullmatch(r"(\d+)(bd|ms|s|m|h|d)", text)
    if match is None:
        raise ValueError(f"no duration: {text!r}")
    unit = business_day(calendar) if match[2] == "bd" else _UNITS[match[2]]
    return (int(match[1]) * unit).__floor__()


# ---------------------------------------------------------------------------------------
# Policies (§5)
# ---------------------------------------------------------------------------------------

Policy = Mapping[str, Any]
Labels = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """What a policy promises a ticket for one target."""

    policy: str
    target_ms: int
    calendar: Calendar
    pause_on: tuple[str, ...]
    #: The step as written, and the business time at which it is reached.
    steps: tuple[tuple[str, int], ...]


def _fits(pattern: object, value: object) -> bool:
    """Equality, list or glob; of a label with many values (tags) one is enough."""
    if isinstance(pattern, (list, tuple)):
        return any(_fits(each, value) for each in pattern)
    if isinstance(value, (list, tuple)):
        return any(_fits(pattern, each) for each in value)
    return fnmatchcase(str(value), str(pattern))


def matches(when: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a ticket's labels fulfil a ``when``; "``all:``/``any:``/``not:`` nest"."""
    for name, wanted in (when or {}).items():
        if name == "all":
            good = all(matches(each, labels) for each in wanted)
        elif name == "any":
            good = any(matches(each, labels) for each in wanted)
        elif name == "not":
            good = not matches(wanted, labels)
        else:
            good = _fits(wanted, labels.get(name, "none"))
        if not good:
            return False
    return True


def goals(policy: Policy, labels: Labels) -> dict[str, Goal]:
    """The goals of a ticket: "first match wins", ``by_channel`` "overrides by_priority".

    Reading: both override what stands outside of them, a whole target at a time; a ticket
    without priority has no goal of ``by_priority``.
    """
    for each in policy["policies"]:
        if not matches(each.get("when"), labels):
            continue
        specs: dict[str, Any] = {name: each[name] for name in TARGETS if name in each}
        specs |= each.get("targets") or {}
        specs |= (each.get("by_priority") or {}).get(labels["priority"]) or {}
        specs |= (each.get("by_channel") or {}).get(labels["channel"]) or {}
        return {target: _goal(policy, each["name"], target, spec) for target, spec in specs.items()}
    return {}


def _goal(policy: Policy, name: str, target: str, spec: str | Mapping[str, Any]) -> Goal:
    given: Mapping[str, Any] = {"target": spec} if isinstance(spec, str) else spec
    defaults: Mapping[str, Any] = policy.get("defaults") or {}
    calendar = calendar_of(policy["calendars"][given.get("calendar", defaults.get("calendar"))])
    target_ms = duration(given["target"], calendar)
    pause_on = PAUSES.get(target, ())
    if target in PAUSABLE:
        pause_on = defaults.get("pause_on", pause_on)
    steps = []
    for step in given.get("warn_at", defaults.get("warn_at")) or ():
        if isinstance(step, str):  # "time left"
            steps.append((step, target_ms - duration(step.removeprefix("-"), calendar)))
        else:  # "fraction used"
            steps.append((str(step), (Fraction(str(step)) * target_ms).__ceil__()))
    return Goal(name, target_ms, calendar, tuple(given.get("pause_on", pause_on)), tuple(steps))


def counts_as_reply(policy: Policy, placed: Placed) -> bool:
    """Clause: "public, by a human agent, to the customer", or as ``counts_as_reply`` says."""
    if placed.topic != "agent-replied":
        return False
    rule = (policy.get("defaults") or {}).get("counts_as_reply") or {}
    public, author = rule.get("public", True), rule.get("author", "agent")
    return placed.event["public"] is public and _fits(author, placed.event["author"])


# ---------------------------------------------------------------------------------------
# Cycles (§3)
# ---------------------------------------------------------------------------------------


@dataclass
class Told:
    """An event of the topic ``sla-events`` (§6)."""

    type: str
    source: str
    ticket_id: str
    target: str
    cycle: int
    policy: str
    occurred_at: int
    started_at: int
    due_at: int | None
    business_ms: int
    calendar_ms: int
    by: str | None = None

    @property
    def event_id(self) -> str:
        """Clause: "first 32 hex digits of SHA-256 over the compact UTF-8 JSON array
        ``[source, ticket_id, target, cycle, type, occurred_at]``"."""
        named = [self.source, self.ticket_id, self.target, self.cycle, self.type, written(self.occurred_at)]
        text = json.dumps(named, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass
class Cycle:
    """One run of a target's clock on one ticket."""

    source: str
    ticket_id: str
    target: str
    number: int
    started_at: int
    #: The policy the outcome belongs to; None as long as no policy had this target.
    policy: str | None = None
    goal: Goal | None = None
    #: Elapsed, and what of it earlier cycles had used.
    business_ms: int = 0
    calendar_ms: int = 0
    kept_ms: int = 0
    #: Absent while paused.
    due_at: int | None = None
    paused: bool = False
    breached_at: int | None = None
    ended_at: int | None = None
    #: How it ended: ``stopped`` or ``cancelled``.
    end: str | None = None
    by: str | None = None
    #: "Counted no second time": reopened with no time left.
    no_time_left: bool = False
    #: ``first_reply`` and ``first_resolution`` of a void ticket, which a reopening brings back.
    suspended: bool = False
    warnings: list[int] = field(default_factory=list)
    fired: set[str] = field(default_factory=set)
    #: The steps of the present goal that the business clock has passed.
    passed: set[str] = field(default_factory=set)
    #: Stretches (from, to, status) before the first goal, which its calendar counts once it is known.
    unclaimed: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.ended_at is None

    @property
    def outcome(self) -> str:
        """One of open, at_risk, met, met_late, breached, cancelled."""
        if self.breached_at is not None:
            return "met_late" if self.end == "stopped" else "breached"
        if self.end is not None:
            return "met" if self.end == "stopped" else "cancelled"
        # Reading: a cycle reopened with a step behind it is at risk, though that step is told no second time.
        behind = self.goal is not None and any(0 < amount <= self.kept_ms for _, amount in self.goal.steps)
        return "at_risk" if self.passed or behind else "open"

    @property
    def outcome_at(self) -> int | None:
        return self.breached_at if self.outcome == "breached" else self.ended_at

    @property
    def evaluation(self) -> str | None:
        """What is counted, "exactly one of met/breached"; None of nothing.

        "by: resolve … left out", and so is a cycle "reopened with no time left".
        """
        if self.no_time_left:
            return None
        if self.breached_at is not None:
            return "breached"
        return "met" if self.outcome == "met" and self.by is None else None


class _Walk:
    """One ticket from its opening to ``now``."""

    def __init__(self, events: list[dict[str, Any]], history: History, now: int, max_skew_ms: int) -> None:
        self.history, self.now = history, now
        self.told: list[Told] = []
        self.cycles: list[Cycle] = []
        opening, self.order = placed_order(events, max_skew_ms)
        self.void = False
        if opening is None:
            return
        self.opening = opening
        self.by_customer = opening.event["opened_by"] == "customer"
        self.is_open = True
        self.status = "open"
        #: "After the first reply, or after a resolution that stopped first_reply".
        self.replied = self.stopped_by_resolution = False
        #: A customer message on the resolved ticket, not yet answered.
        self.unanswered = False
        #: The last opening or reopening, and the last reply.
        self.opened_at = opening.at
        self.replied_at: int | None = None
        self.goals: dict[str, Goal] = {}
        self.fresh: list[Told] = []
        self._run()

    # What there is to walk over --------------------------------------------------------

    def _policy(self, at: int) -> Policy:
        return [policy for since, policy in self.history if since <= at][-1]

    def _labels(self, at: int) -> dict[str, Any]:
        """Labels in force at an instant, all its events included; ``tags`` is a list."""
        labels: dict[str, Any] = {}
        for name in ("team", "channel", "priority", "kind", "tags", "agent_id", "customer_id", "source"):
            known = [placed for placed in self.order if name in placed.event]
            until = [placed for placed in known if placed.at <= at]
            labels[name] = [] if name == "tags" else "none"
            if until:
                labels[name] = until[-1].event[name]
            elif known and EARLIEST_KNOWN_LABEL_APPLIES_BEFORE:
                labels[name] = known[0].event[name]
        return labels

    def _is_reply(self, placed: Placed) -> bool:
        return counts_as_reply(self._policy(placed.at), placed)

    def _life(self) -> list[Placed]:
        """The events after the opening."""
        return [placed for placed in self.order if not placed.old and placed is not self.opening]

    def _first_start(self, life: list[Placed]) -> int:
        """Clause: "with ``human_since`` (hand-off from a bot) the clock starts there, else at
        opened"; as with FRT the last hand-off not after what stops it.

        Reading: as long as nothing stops it, the last one known, be it yet to come: nobody owes an
        answer to a customer who is still with the bot, and the passing of time alone changes no start.
        """
        until, is_open = 10**18, True
        for placed in life:
            if placed.topic == "ticket-opened":
                is_open = True
            effective = placed.resolution and (is_open or not placed.event["automatic"])
            if effective:
                is_open = False
            if self._is_reply(placed) or (effective and placed.event["outcome"] not in VOID_OUTCOMES):
                until = placed.own
                break
        hand_offs = [int(p.event["human_since"]) for p in self.order if "human_since" in p.event]
        return from_hand_off(self.opening.at, until, hand_offs)

    # The walk --------------------------------------------------------------------------

    def _run(self) -> None:
        life = self._life()
        first_start = self._first_start(life)
        # Reading: like a timer, a change at ``now`` itself acts only after it, unless an event of then brings it along.
        changes = [since for since, _ in self.history if self.opening.at < since < self.now]
        instants = sorted({self.opening.at, *changes, *(placed.at for placed in life)})
        before = self.opening.at
        for at in instants:
            for cycle in self._running():
                self._advance(cycle, before, at)
            self.goals = goals(self._policy(at), self._labels(at))
            self.fresh = []
            for cycle in self._running():
                self._change(cycle, at)
            if at == self.opening.at:
                self._opened(at, first_start)
            for placed in life:
                if placed.at == at:
                    self._event(placed, at)
            self._settle(at)
            before = at
        for cycle in self._running():
            self._advance(cycle, before, self.now)
        self.cycles = [cycle for cycle in self.cycles if cycle.policy is not None]

    def _running(self, *targets: str) -> list[Cycle]:
        return [c for c in self.cycles if c.running and (not targets or c.target in targets)]

    def _advance(self, cycle: Cycle, start: int, end: int) -> None:
        """Lets the clock run from ``start`` to before ``end``: "at one instant events precede timers"."""
        start = max(start, cycle.started_at)
        if start >= end:
            return
        goal = cycle.goal
        if goal is None:
            cycle.unclaimed.append((start, end, self.status))
            cycle.calendar_ms += end - start
            return

        def reached(amount: int) -> int | None:
            """When elapsed is this much; a goal changed to less is reached at the change."""
            if amount <= cycle.business_ms:
                return start
            if cycle.paused:
                return None
            at = earliest(goal.calendar, start, amount - cycle.business_ms)
            return at if at < end else None

        if cycle.breached_at is None:
            due = reached(goal.target_ms)
            hits = []
            for step, amount in goal.steps:
                at = reached(amount)
                if amount > cycle.kept_ms and at is not None and (due is None or at < due):
                    hits.append((at, amount, step))
            for at, amount, step in sorted(hits):
                cycle.passed.add(step)
                if step in cycle.fired:
                    continue
                cycle.fired.add(step)
                if at not in cycle.warnings:  # two steps at once are one event: they have one id
                    cycle.warnings.append(at)
                    self._tell(cycle, "warning", at, max(amount, cycle.business_ms), at - start)
            if due is not None:
                cycle.breached_at = cycle.due_at = due
                self._tell(cycle, "breached", due, max(goal.target_ms, cycle.business_ms), due - start)
        if not cycle.paused:
            cycle.business_ms += business(goal.calendar, start, end)
        cycle.calendar_ms += end - start

    def _tell(
        self, cycle: Cycle, kind: str, at: int, business_ms: int | None = None, further_ms: int = 0
    ) -> None:
        told = Told(
            type=f"sla.{kind}",
            source=cycle.source,
            ticket_id=cycle.ticket_id,
            target=cycle.target,
            cycle=cycle.number,
            policy=str(cycle.policy),
            occurred_at=at,
            started_at=cycle.started_at,
            due_at=cycle.due_at,
            business_ms=cycle.business_ms if business_ms is None else business_ms,
            calendar_ms=cycle.calendar_ms + further_ms,
            by=cycle.by,
        )
        if told.event_id in {other.event_id for other in self.fresh}:
            return  # void, and not, and void within one instant: "each event once"
        if kind != "applied" or told.event_id not in {other.event_id for other in self.told}:
            self.told.append(told)  # but a clock that was void before the hand-off it waited for begins once
        self.fresh.append(told)

    def _change(self, cycle: Cycle, at: int) -> None:
        """Clause: "a change of priority, team or policy recomputes the *open* due dates and keeps
        elapsed and paused time".

        Reading: a goal gained counts from the cycle's start; a goal lost cancels the cycle.  A
        due date already past becomes the instant of the change, where a stop is still in time.
        """
        goal = self.goals.get(cycle.target)
        if goal == cycle.goal:
            return
        if goal is None:
            self._cancel(cycle, at)
            return
        gained = cycle.goal is None
        self._take(cycle, goal)
        if cycle.breached_at is None:
            cycle.passed = {step for step, amount in goal.steps if 0 < amount <= cycle.business_ms}
            cycle.policy = goal.policy
            cycle.due_at = self._due(cycle, at)
            self._tell(cycle, "applied" if gained else "changed", at)

    @staticmethod
    def _take(cycle: Cycle, goal: Goal) -> None:
        cycle.goal = goal
        for start, end, status in cycle.unclaimed:
            if status not in goal.pause_on:
                cycle.business_ms += business(goal.calendar, start, end)
        cycle.unclaimed = []

    @staticmethod
    def _due(cycle: Cycle, at: int) -> int | None:
        if cycle.breached_at is not None:
            return cycle.breached_at
        if cycle.goal is None:
            return None
        at, left = max(at, cycle.started_at), cycle.goal.target_ms - cycle.business_ms
        if cycle.paused and left > 0:
            return None
        return earliest(cycle.goal.calendar, at, left)

    def _start(self, target: str, at: int) -> None:
        earlier = [cycle for cycle in self.cycles if cycle.target == target]
        event = self.opening.event
        cycle = Cycle(event["source"], event["ticket_id"], target, len(earlier) + 1, at)
        if earlier and target in KEEPING:
            cycle.business_ms, cycle.calendar_ms = earlier[-1].business_ms, earlier[-1].calendar_ms
            cycle.unclaimed = list(earlier[-1].unclaimed)
        self.cycles.append(cycle)
        goal = self.goals.get(target)
        if goal is None:
            return
        self._take(cycle, goal)
        cycle.policy = goal.policy
        cycle.kept_ms = cycle.business_ms
        cycle.paused = self.status in goal.pause_on
        cycle.due_at = self._due(cycle, at)
        self._tell(cycle, "applied", at)
        if cycle.business_ms >= goal.target_ms:
            cycle.no_time_left = True  # "breached from its start and counted no second time"
            cycle.breached_at = cycle.due_at = at
            self._tell(cycle, "breached", at)

    def _stop(self, cycle: Cycle, at: int, by: str | None = None) -> None:
        """Clause: "met ⇔ stop ≤ ``due_at``": the timers before ``at`` have had their turn."""
        cycle.ended_at, cycle.end, cycle.by = at, "stopped", by
        if cycle.goal is not None:
            self._tell(cycle, "met" if cycle.breached_at is None else "met_late", at)

    def _cancel(self, cycle: Cycle, at: int) -> None:
        """Ends a cycle; "breached stays breached"."""
        cycle.ended_at, cycle.end = at, "cancelled"
        if cycle.goal is not None:
            self._tell(cycle, "cancelled", at)

    def _settle(self, at: int) -> None:
        """The end of an instant: the status it leaves, and the due dates that follow."""
        for cycle in self._running():
            if cycle.goal is None:
                continue
            paused = self.status in cycle.goal.pause_on
            begun = any(
                told.type == "sla.applied" and (told.target, told.cycle) == (cycle.target, cycle.number)
                for told in self.fresh
            )
            turned = paused != cycle.paused
            cycle.paused = paused
            cycle.due_at = self._due(cycle, at)
            if turned and not begun and cycle.breached_at is None:
                self._tell(cycle, "paused" if paused else "resumed", at)
            for told in self.fresh:
                if (told.target, told.cycle) == (cycle.target, cycle.number):
                    told.due_at = cycle.due_at

    # What events do --------------------------------------------------------------------

    def _opened(self, at: int, first_start: int) -> None:
        for target in (*KEEPING, "first_resolution"):
            self._start(target, at)
        if self.by_customer:
            self._start("first_reply", first_start)
        if "first_reply" not in self.goals:  # "also opened, if the policy has no first_reply"
            self._start("periodic_update", at)

    def _event(self, placed: Placed, at: int) -> None:
        if placed.topic == "ticket-updated":
            self.status = placed.event.get("status", self.status)
        elif placed.topic == "ticket-opened" and not self.is_open:
            self._reopened(placed, at)
        elif placed.topic == "customer-replied":
            self._message(at)
        elif placed.resolution and (self.is_open or not placed.event["automatic"]):
            self._resolved(placed, at)
        elif self._is_reply(placed):
            self._learn_wait(placed.event.get("waiting_since"), at)
            self._reply(at)

    def _message(self, at: int) -> None:
        """Clause: "a second customer message does not restart ``next_reply``".

        Reading: on a resolved ticket no clock runs; the message is remembered for a reopening.
        """
        if not self.is_open:
            self.unanswered = True
        elif (self.replied or self.stopped_by_resolution) and not self._running("next_reply"):
            self._start("next_reply", at)

    def _learn_wait(self, since: int | None, at: int) -> None:
        """Clause: "without ``customer-replied``, ``next_reply`` learns its start from ``waiting_since``,
        at the reply: a breach appears late".

        Reading: where a message of the customer is known, its clock has been running for all to see
        and stands; where none is, the wait is learned only now, so what is promised now holds for
        it, and a resolution before the reply has ended it unseen.
        """
        awaited = self.is_open and (self.replied or self.stopped_by_resolution)
        if since is None or not awaited or self._running("first_reply", "next_reply"):
            return
        if since > at or (self.replied_at is not None and since <= self.replied_at):
            return
        start = max(since, self.opened_at)
        self._start("next_reply", start)
        self._advance(self.cycles[-1], start, at)

    def _reply(self, at: int) -> None:
        self.replied_at = at
        for cycle in self._running("first_reply", "next_reply", "periodic_update"):
            self._stop(cycle, at)
        self.replied = True
        self.unanswered = False
        for cycle in self.cycles:
            if cycle.target == "first_reply":
                cycle.suspended = False  # a reply to a void ticket: nothing is left to bring back
        if self.is_open:
            self._start("periodic_update", at)

    def _resume(self, at: int) -> None:
        """Void no more: "a resolution that was void and then reopened is no first resolution"."""
        for cycle in self.cycles:
            if not cycle.suspended:
                continue
            cycle.suspended = False
            goal = self.goals.get(cycle.target)
            if goal is None and cycle.goal is not None:
                continue
            cycle.ended_at = cycle.end = None
            if goal is not None:
                changed = goal != cycle.goal
                self._take(cycle, goal)
                if cycle.breached_at is None:
                    cycle.policy = goal.policy
                    if changed:
                        cycle.passed = {name for name, step in goal.steps if 0 < step <= cycle.business_ms}
                cycle.paused = self.status in goal.pause_on
                cycle.due_at = self._due(cycle, at)
                self._tell(cycle, "applied", at)

    def _reopened(self, placed: Placed, at: int) -> None:
        self.is_open, self.void, self.opened_at = True, False, at
        self.status = "open"  # Reading: unless an update of that instant says otherwise
        self._resume(at)
        for target in KEEPING:
            self._start(target, at)
        asked = placed.event["opened_by"] == "customer" or self.unanswered
        if asked and (self.replied or self.stopped_by_resolution):
            self._start("next_reply", at)
        self.unanswered = False

    def _resolved(self, placed: Placed, at: int) -> None:
        self.void = placed.event["outcome"] in VOID_OUTCOMES
        if not self.is_open and not self.void:  # "an implied reopening adds nothing" but an end to void
            self._resume(at)
        self.is_open = self.unanswered = False
        for cycle in self._running():
            if self.void:  # "a void ticket leaves all targets"
                cycle.suspended = cycle.target in {"first_reply", "first_resolution"}
                self._cancel(cycle, at)
            elif cycle.target == "first_reply":
                self._stop(cycle, at, by="resolve")
            elif cycle.target in {"next_reply", "periodic_update"}:
                self._cancel(cycle, at)
            else:
                self._stop(cycle, at)
        if self.by_customer and not self.replied and not self.void:
            self.stopped_by_resolution = True


#: Policies and the instants they are in force from.
History = list[tuple[int, Policy]]


# ---------------------------------------------------------------------------------------
# The answer
# ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Levels:
    """The answer to a list of events: cycles and events in order, and the ``sla`` section of the report."""

    cycles: list[Cycle]
    events: list[Told]
    report: dict[str, dict[str, dict[str, Any]]]

    def of(self, target: str, ticket_id: str | None = None) -> list[Cycle]:
        return [c for c in self.cycles if c.target == target and ticket_id in {None, c.ticket_id}]


def _valid(events: Iterable[Mapping[str, Any] | str | bytes]) -> Iterator[dict[str, Any]]:
    for event in events:
        line = event if isinstance(event, (str, bytes)) else json.dumps(event, ensure_ascii=False)
        try:
            read = read_line(line, wall_now_ms=10**14)
        except Refused:
            continue
        if read is not None:
            yield read


def _report(cycles: Iterable[Cycle]) -> dict[str, dict[str, dict[str, Any]]]:
    """Counts by policy and target; ``met_late`` are those of ``breached`` that were stopped later,
    "attainment = met / (met + breached)", null of nothing.  Only what holds a number.

    Reading: a cycle at risk is open too: it may still be met.
    """
    report: dict[str, dict[str, dict[str, Any]]] = {}
    for cycle in cycles:
        names = {"open": ["open"], "at_risk": ["open", "at_risk"]}.get(cycle.outcome, [])[:]
        if cycle.evaluation is not None:
            names.append(cycle.evaluation)
            names += ["met_late"] * (cycle.outcome == "met_late")
        for name in names:
            empty = dict.fromkeys(("met", "met_late", "breached", "open", "at_risk"), 0)
            report.setdefault(str(cycle.policy), {}).setdefault(cycle.target, empty)[name] += 1
    for targets in report.values():
        for counts in targets.values():
            evaluated = counts["met"] + counts["breached"]
            counts["attainment"] = counts["met"] / evaluated if evaluated else None
    return report


def service_levels(
    events: Iterable[Mapping[str, Any] | str | bytes],
    policy: Policy | Sequence[tuple[str | int, Policy]],
    *,
    now: str | int,
    max_skew_ms: int = DAY_MS,
) -> Levels:
    """The cycles of all tickets at ``now``, from the events that happened until then.

    ``policy`` is a policy file as a dict, or a history of them: (in force from, file), of which
    the first holds from the beginning.  A void ticket's cycles are listed, not reported.
    """
    at = now if isinstance(now, int) else instant(now)
    history: History
    if isinstance(policy, Mapping):
        history = [(-(10**18), policy)]
    else:
        history = sorted(
            ((since if isinstance(since, int) else instant(since), each) for since, each in policy),
            key=lambda entry: entry[0],
        )
        history[0] = (-(10**18), history[0][1])
    by_ticket: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in accepted(event for event in _valid(events) if event["occurred_at"] <= at):
        by_ticket.setdefault((event["source"], event["ticket_id"]), []).append(event)
    walks = [_Walk(by_ticket[name], history, at, max_skew_ms) for name in sorted(by_ticket)]
    told = [event for walk in walks for event in walk.told]
    return Levels(
        cycles=[cycle for walk in walks for cycle in walk.cycles],
        events=sorted(told, key=lambda event: event.occurred_at),
        report=_report(cycle for walk in walks if not walk.void for cycle in walk.cycles),
    )
