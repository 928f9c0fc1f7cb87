"""Single tickets by deadline: which ones wait, are about to miss a target or have missed it.

    {"tickets": [{"source", "ticket_id", "url", "policy", "target", "state", "due_at", "waiting_since", "team",
      "channel", "priority"}, …], "count": how many there are, "now": …, "complete": bool, "reason": why not, …}

One row per running clock, so a list is as long as the metric counts; ``due_at`` is null while a status pauses it.
Opened by ``CXSTREAM_TICKET_API=1`` only, since nothing else here tells of single tickets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from cxstream.core import fleet
from cxstream.core.cycle import STATES
from cxstream.core.deadline import LISTS, PAUSED
from cxstream.core.frame import NONE
from cxstream.core.instant import format_instant
from cxstream.core.record import names_of
from cxstream.metrics.query import shown, switch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxstream.core.answer import Json
    from cxstream.core.deadline import Deadline
    from cxstream.metrics.observed import Observed, Options
    from cxstream.metrics.peers import Peers

CLOSED: Final = "single tickets are not shown here: CXSTREAM_TICKET_API=1 at the worker opens this path"
MOST: Final = 200
"""Rows of an answer: what a person can go through."""
_USUAL: Final = 50
_FRESH: Final = 1.0  # seconds in which all who ask the same of the fleet get one answer
_LABELS: Final = ("team", "channel", "priority")  # the first of those a ticket has, in their order
_OWN: Final = ("now", "fingerprint", "partitions", "topic_partitions")
"""What tells whether several workers are the whole fleet."""


@dataclass(frozen=True, slots=True)
class Question:
    """``?state=breached&limit=50&fleet=1``; all but the state are optional."""

    state: str
    limit: int = _USUAL
    fleet: bool = False
    """Of all workers instead of this one's partitions."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Raises ``ValueError`` with cause and remedy."""
        for name in given:
            if name not in {"state", "limit", "fleet"}:
                message = f"unknown parameter {shown(name)}: known are state, limit=1 to {MOST} and fleet=1"
                raise ValueError(message)
        state, limit = given.get("state", ""), given.get("limit", str(_USUAL))
        if state not in LISTS:
            cause = f"state={shown(state)} is none" if state else "which tickets?"
            message = f"{cause}: write one of {', '.join(f'state={name}' for name in LISTS)}"
            raise ValueError(message)
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 10 and 1 <= int(limit) <= MOST):
            message = (
                f"limit={shown(limit)} is no number from 1 to {MOST}: write limit={_USUAL}, or leave it out"
            )
            raise ValueError(message)
        return cls(state, int(limit), switch("fleet", given.get("fleet", "0")))


class Tickets:
    """The lists of this worker and of the fleet."""

    def __init__(self, observed: Observed, peers: Peers, options: Options, name: str) -> None:
        self._observed = observed
        self._peers = peers
        self._url = options.ticket_url
        self._name = name
        self._rounds: dict[Question, tuple[float, asyncio.Task[Json]]] = {}

    async def answer(self, question: Question) -> Json:
        """The tickets of a list that are due first."""
        if not question.fleet:
            return self._own(question)
        now = monotonic()
        self._rounds = {
            asked: (began, task)
            for asked, (began, task) in self._rounds.items()
            if not task.done() or now - began < _FRESH
        }
        if question not in self._rounds:
            self._rounds[question] = (now, asyncio.create_task(self._ask(question)))
        return await asyncio.shield(self._rounds[question][1])

    async def _ask(self, question: Question) -> Json:
        own = self._own(question)
        query = {"state": question.state, "limit": str(question.limit)}
        answers = await self._peers.tickets(query, known=[own])
        try:
            return self._together(question, own, [own, *answers.given], answers.failures)
        except (KeyError, TypeError, AttributeError):
            # Workers of another version, in the middle of an upgrade.
            foreign = [*answers.failures, "the others' lists are those of another version"]
            return self._together(question, own, [own], foreign)

    def _together(self, question: Question, own: Json, given: list[Json], failures: list[str]) -> Json:
        reason = fleet.gap([{**{key: one.get(key) for key in _OWN}, "now": own["now"]} for one in given])
        if reason is not None:
            reason = "; ".join([reason, *failures] if self._peers else [own["reason"]])
        rows = sorted((row for one in given for row in one["tickets"]), key=_place)
        return {
            "tickets": rows[: question.limit],
            "count": sum(one["count"] for one in given),
            "now": own["now"],
            "complete": reason is None,
            "reason": reason,
            "workers": len(given),
            "unreachable": failures,
        }

    def _own(self, question: Question) -> Json:
        observed, count = self._observed, 0
        ledgers = observed.ledgers()
        found: list[list[Deadline]] = []
        for ledger in ledgers.values():
            if ledger.deadlines is not None:
                found.append(ledger.deadlines.first(question.state, question.limit))
                count += ledger.deadlines.count(question.state)
        known = max(observed.topic_partitions().values(), default=observed.partitions)
        partitions = sorted(ledgers)
        complete = not observed.recovering() and 0 < known <= len(partitions)
        remedy = "fleet=1 asks" if self._peers else "CXSTREAM_PEERS tells it of"
        missing = f"this worker holds {len(partitions)} of {known} partitions: {remedy} the others"
        return {
            "tickets": [self._row(one) for one in islice(merge(*found), question.limit)],
            "count": count,
            "now": format_instant(observed.now()),
            "complete": complete,
            "reason": None if complete else observed.ready() or missing,
            "worker": self._name,
            "partitions": partitions,
            "topic_partitions": known,
            "fingerprint": observed.fingerprint,
        }

    def _row(self, one: Deadline) -> Json:
        source, ticket_id = names_of(one.key)
        row: dict[str, Any] = {"source": source, "ticket_id": ticket_id}
        if self._url is not None:
            row["url"] = address(self._url, source, ticket_id)
        row |= {
            "policy": one.policy,
            "target": one.target,
            "state": STATES[one.state],
            "due_at": None if one.due == PAUSED else format_instant(one.due),
        }
        if one.waits:
            row["waiting_since"] = format_instant(one.started)
        return row | {
            name: None if value == NONE else value for name, value in zip(_LABELS, one.labels, strict=False)
        }


def address(template: str, source: str, ticket_id: str) -> str:
    """A ticket's address in the helpdesk: names are percent-encoded, but for the slashes of a source."""
    # Both at once: a source that is called {id} is a name like any other.
    before, *others = template.split("{id}")
    parts = [part.replace("{source}", quote(source, safe="/")) for part in (before, *others)]
    return quote(ticket_id, safe="").join(parts)


def _place(row: Json) -> tuple[Any, ...]:
    """Its place in a list: by deadline, those without one last."""
    return row["due_at"] is None, row["due_at"], row["source"], row["ticket_id"], row["target"]
