"""The report: the batch answer over a set of events (CONTRACT section 6)."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from cxstream.core import attainment
from cxstream.core.answer import Json, exact, seconds
from cxstream.core.change import AWAITING, IN_PROGRESS, NOTHING, RESOLVED_NOW, UNKNOWN, VOID
from cxstream.core.counts import Counts
from cxstream.core.course import course
from cxstream.core.frame import order
from cxstream.core.instant import FIRST, format_instant
from cxstream.core.measure import qualifies
from cxstream.core.pane import (
    ANSWER,
    BUSINESS,
    FIRST_RESPONSE,
    FIRST_RESPONSE_BUSINESS,
    FLOWS,
    MEASURES,
    POINT,
    RESOLUTION_BUSINESS,
    SURVEYS,
)
from cxstream.core.rules import LABELS, Rules
from cxstream.core.ticket import Ticket, precedes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.core.event import AnyEvent
    from cxstream.core.measure import Measurement
    from cxstream.core.reading import Message

STATES: Final = {
    UNKNOWN: "unknown",
    AWAITING: "awaiting_first_reply",
    IN_PROGRESS: "in_progress",
    RESOLVED_NOW: "resolved",
    VOID: "void",
}


class Batch:
    """Events to be reported on; ``invalid`` is counted by the caller."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._events: dict[tuple[str, str], list[AnyEvent]] = defaultdict(list)
        self.invalid = 0

    def add(self, message: Message) -> None:
        """Take an event, in any order."""
        self._events[message.source, message.ticket_id].append(message.event)

    @property
    def newest(self) -> int | None:
        """The time of the last event, ms."""
        return max((event.at for events in self._events.values() for event in events), default=None)

    def _now(self, at: int | None) -> int:
        """The instant up to which time acts on SLA clocks."""
        newest = self.newest if at is None else at
        return FIRST if newest is None else newest

    def standing(self, at: int | None, *, now: int | None = None) -> Iterator[tuple[Ticket, int]]:
        """Every ticket as of ``at``, and how many copies of its events there were too many.

        Time acts on SLA clocks up to ``now`` (default: ``at``, or the last event).
        """
        now = self._now(at) if now is None else now
        for (source, ticket_id), events in self._events.items():
            copies: dict[tuple[int, str], AnyEvent] = {}
            total = 0
            for event in events:
                if at is not None and event.at > at:
                    continue
                total += 1
                key = (event.rank, event.event_id)
                other = copies.get(key)
                if other is None or (other != event and precedes(source, ticket_id, event, other)):
                    copies[key] = event
            if copies:
                pages = [(0, sorted(copies.values(), key=order))]
                rules = self._rules
                ticket = Ticket.of(
                    source, ticket_id, rules.max_skew, pages, policies=rules.policies, fired_until=now
                )
                yield ticket, total - len(copies)

    def answer(self, *, at: int | None = None, by: str | None = None, since: int | None = None) -> Json:
        """The report as of ``at`` (ms, default the last event), grouped by one label if ``by`` is given.

        With ``since`` (ms) there is a ``period`` too, a window that holds the measurements made from then on, and
        the groups hold only these.
        """
        now = self.newest if at is None else at
        policies, clocks = self._rules.policies, Counter[tuple[int, int, str]]()
        counts, measurements = Counts(), []
        total = duplicate = 0
        for ticket, copies in self.standing(at):
            counts.move(NOTHING, ticket.summary)
            measurements += ticket.measurements()
            clocks.update(ticket.running)
            duplicate += copies
            total += copies + sum(1 for _ in ticket.timeline)
        answer: Json = {
            "at": None if now is None else whole_second(now),
            "events": {
                "total": total,
                "duplicate": duplicate,
                "orphan": counts.orphans,
                "negative": counts.negative,
                "invalid": self.invalid,
            },
            "tickets": tickets(counts),
        }
        whole = exact(measurements)
        answer |= {name: whole[name] for name in (*MEASURES, "csat", "ces", "nps")}
        answer |= (worked := attainment.exact(policies, measurements))
        answer |= attainment.running(policies, worked.get("sla", {}), clocks)
        answer["windows"] = self._windows(measurements, now or 0)
        if since is not None:
            measurements = [measurement for measurement in measurements if measurement[1] >= since]
            answer["period"] = {"from": whole_second(since), "to": answer["at"], **exact(measurements)}
        if by is not None:
            groups: dict[str, list[Measurement]] = defaultdict(list)
            for measurement in measurements:
                groups[measurement[2][LABELS.index(by)]].append(measurement)
            answer["by"] = {by: {name: self._numbers(groups[name]) for name in sorted(groups)}}
        return answer

    def _windows(self, measurements: list[Measurement], now: int) -> Json:
        answer = {}
        for window in self._rules.windows:
            first, last = window.panes(now, self._rules.timezone)
            step = window.step
            answer[window.name] = self._numbers([m for m in measurements if first <= m[1] // step <= last])
        return answer

    def _numbers(self, measurements: list[Measurement]) -> Json:
        return exact(measurements) | attainment.exact(self._rules.policies, measurements)

    def tickets(self, *, at: int | None = None) -> Iterator[Json]:
        """One row per ticket with every measure: what settles an argument about a number."""
        for ticket, copies in self.standing(at):
            yield row(ticket, copies)

    def ticket(
        self, source: str, ticket_id: str, *, at: int | None = None, now: int | None = None
    ) -> Json | None:
        """Why a ticket counts as it does: its events, which of them stand, what each one completes, its SLA clocks.

        The clocks are those of ``now`` (ms; default: ``at``, or its last event).
        """
        events = self._events.get((source, ticket_id))
        if not events:
            return None
        batch = Batch(self._rules)
        batch._events[source, ticket_id] = events
        for ticket, copies in batch.standing(at, now=now):
            return {
                **row(ticket, copies),
                "as_of": format_instant(ticket.fired_until),
                "events": _story(ticket, [e for e in events if at is None or e.at <= at]),
                "sla": course(ticket, ticket.fired_until),
            }
        return None


def whole_second(at: int) -> str:
    """An instant, without needless milliseconds."""
    return format_instant(at).replace(".000Z", "Z")


def tickets(counts: Counts) -> Json:
    """The section ``tickets`` of report and snapshot."""
    return {
        "opened": counts.opened,
        "open": counts.open,
        "awaiting_first_reply": counts.awaiting,
        "in_progress": counts.in_progress,
        "resolved": counts.resolved,
        "reopened": counts.reopened,
        "one_touch": counts.one_touch,
        "replies": counts.replies,
        "void": counts.void,
    }


def row(ticket: Ticket, copies: int) -> Json:
    """One ticket in one line; of several measurements of a kind the number and the sum."""
    summary, measurements = ticket.summary, ticket.measurements()
    answer: Json = {
        "source": ticket.frame.source,
        "ticket_id": ticket.ticket_id,
        "state": STATES[summary.state],
        **{name: value for name, value in zip(LABELS, summary.labels, strict=True) if name != "source"},
        "opened_at": None if ticket.frame.opening is None else format_instant(ticket.frame.opening.at),
    }
    for code, name in enumerate(FLOWS):
        answer[name] = sum(1 for m in measurements if m[0] == code)
    for code, name in enumerate(MEASURES, FIRST_RESPONSE):
        values = [m[3] for m in measurements if m[0] == code]
        if name == "response":
            answer["responses"] = len(values)
        answer[f"{name}_seconds"] = seconds(sum(values)) if values else None
    for index, name in enumerate(SURVEYS):
        points = [m[3] for m in measurements if (m[0] - ANSWER) // 3 == index and m[0] >= ANSWER]
        answer[f"{name}_answers"] = len(points)
        answer[f"{name}_mean"] = sum(points) / (len(points) * POINT) if points else None
    answer |= {
        "replies": summary.replies,
        "one_touch": summary.state == RESOLVED_NOW and summary.replies == 1,
        "negative": summary.negative,
        "orphan": summary.orphans,
        "events": sum(1 for _ in ticket.timeline),
        "duplicate": copies,
    }
    return answer


def _story(ticket: Ticket, events: list[AnyEvent]) -> list[Json]:
    completed: dict[str, list[Json]] = defaultdict(list)
    names = [*FLOWS, *MEASURES, *(name for name in SURVEYS for _ in range(3)), *BUSINESS]
    for what, moment, labels, value, event_id in ticket.measurements():
        if what > RESOLUTION_BUSINESS:
            continue  # what became of SLA clocks is no event's alone
        found: Json = {
            "what": names[what],
            "moment": format_instant(moment),
            "labels": dict(zip(LABELS, labels, strict=True)),
        }
        if ANSWER <= what < FIRST_RESPONSE_BUSINESS:
            found["points"] = value / POINT
        elif what >= FIRST_RESPONSE:
            found["seconds"] = seconds(value)
        completed[event_id].append(found)
    story, told = [], set()
    opening, skew = ticket.frame.opening, ticket.frame.skew
    for event in sorted(events, key=order):
        standing = (
            ticket.timeline.find(event.rank, event.event_id) == event
            and (event.rank, event.event_id) not in told
        )
        told.add((event.rank, event.event_id)) if standing else None
        notes = []
        if not standing:
            notes.append("a copy of an event that stands: ignored")
        elif event is opening:
            notes.append("the opening")
        elif opening is None or event.at < opening.at - skew:
            notes.append(
                "older than the opening by more than the allowed skew" if opening else "no opening is known"
            )
        elif event.at < opening.at:
            notes.append("dated before the opening: placed right after it")
        if qualifies(event):
            notes.append("a qualifying reply")
        story.append(
            {
                "occurred_at": format_instant(event.at),
                "topic": event.topic,
                "event_id": event.event_id,
                "stands": standing,
                "notes": notes,
                "completes": [
                    m for m in completed[event.event_id] if standing and _completes(event, m["what"])
                ],
            }
        )
    return story


def _completes(event: AnyEvent, what: str) -> bool:
    """Whether an event of this topic can complete this; ids are unique within a topic only."""
    return what in _COMPLETED_BY[event.topic]


_COMPLETED_BY: Final = {
    "ticket-opened": ("opened", "reopened"),
    "ticket-updated": (),
    "customer-replied": (),
    "agent-replied": ("first_response", "response", "first_response_business"),
    "ticket-resolved": ("resolved", "reopened", "first_resolution", "resolution", "resolution_business"),
    "survey-answered": SURVEYS,
}
