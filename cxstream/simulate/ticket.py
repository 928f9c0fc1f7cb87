"""Tickets, and the journal in which everything that happens to them is written as an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.simulate.instant import rfc3339

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from cxstream.simulate.scenario import Channel
    from cxstream.simulate.staff import Agent, Desk

Said = tuple[int, str, str, dict[str, object]]
"""An event before its transport: when (ms), topic, key, value."""

VOID: Final = ("spam", "spam", "duplicate", "merged", "deleted")


class Ticket:
    """What the helpdesk keeps in mind of a ticket, as long as something can still happen to it."""

    __slots__ = (
        "agent",
        "asked",
        "channel",
        "desk",
        "key",
        "labels",
        "priority",
        "queued_at",
        "reopenings",
        "resolved",
        "turn",
        "turns_left",
        "void",
        "waited",
        "waiting_since",
    )

    def __init__(self, key: str, desk: Desk, channel: Channel, labels: dict[str, object]) -> None:
        self.key = key
        self.desk = desk
        self.channel = channel
        self.labels = labels
        """The fields that all its events share."""
        self.priority = "normal"
        self.agent: Agent | None = None
        self.turn = 0
        """Counts changes of state: what was planned in an earlier turn does not happen any more."""
        self.turns_left = 1
        self.void: str | None = None
        """The outcome with which the next agent throws it away."""
        self.resolved = False
        self.reopenings = 0
        self.queued_at = 0
        self.waited = 0
        """Milliseconds in queues, over its life."""
        self.waiting_since: int | None = None
        """Since when (ms) the customer is owed a reply."""
        self.asked = False
        """The wait began with a message, not with the opening or a hand-off."""


class Journal:
    """Writes events; those of topics that are not ``emitted`` get a number and are lost."""

    __slots__ = ("_nameless", "_number", "_random", "said", "tells_messages", "tells_updates")

    def __init__(self, emitted: Collection[str], no_event_id: float, random: Random) -> None:
        self.said: list[Said] = []
        """Events written since the list was last emptied, oldest first."""
        self.tells_messages = "customer-replied" in emitted
        self.tells_updates = "ticket-updated" in emitted
        self._nameless = no_event_id
        self._random = random.random
        self._number = 0

    def say(self, at: int, topic: str, ticket: Ticket) -> dict[str, object]:
        """Write an event at ``at`` (ms) with the ticket's labels; more fields may be added to the answer."""
        self._number = number = self._number + 1
        value = ticket.labels.copy()
        value["occurred_at"] = rfc3339(at)
        if self._random() < self._nameless:
            del value["event_id"]
        else:
            value["event_id"] = f"e{number}"
        self.said.append((at, topic, ticket.key, value))
        return value

    def update(self, at: int, ticket: Ticket, field: str = "status", word: str = "") -> None:
        """Write a ``ticket-updated``, if that topic is emitted; ``field`` is left out without a ``word``."""
        value = self.say(at, "ticket-updated", ticket)
        if word:
            value[field] = word
        if not self.tells_updates:
            self.said.pop()

    def message(self, at: int, ticket: Ticket) -> None:
        """Write a ``customer-replied``, if that topic is emitted, and start the wait for its answer."""
        if ticket.waiting_since is None:
            ticket.waiting_since = at
            ticket.asked = True
        self.say(at, "customer-replied", ticket)
        if not self.tells_messages:
            self.said.pop()
