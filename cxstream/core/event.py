"""Events as facts: what is kept of a helpdesk's message once it has been read.

One class per topic. An event is immutable by convention, carries every known field of the contract
(so that copies can be compared later) and nothing that can be computed from others. Instants are whole
milliseconds since 1970 UTC. The ticket's ``source`` and ``ticket_id`` are not repeated in its events:
they are the key under which the events are kept.

Events are stored as MessagePack arrays whose first element is the class's ``rank``; new optional fields may
only be added at the end of a class.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

DEFAULT_SOURCE: Final = "default"
CHANNELS: Final = ("email", "web", "chat", "phone", "social", "sms", "other")
PRIORITIES: Final = ("low", "normal", "high", "urgent")
KINDS: Final = ("question", "incident", "problem", "task", "complaint")
STATUSES: Final = ("new", "open", "pending", "on_hold", "solved", "closed")
OPENERS: Final = ("customer", "agent", "system")
AUTHORS: Final = ("agent", "bot", "system")
OUTCOMES: Final = ("solved", "no_response", "abandoned", "spam", "duplicate", "merged", "deleted")
VOID_OUTCOMES: Final = frozenset({"spam", "duplicate", "merged", "deleted"})


class Event(msgspec.Struct, array_like=True, gc=False):
    """The fields that every topic has; labels that are not known are ``None``."""

    rank: ClassVar[int] = -1
    """Order of the topics at one instant; also the tag under which the event is stored."""
    topic: ClassVar[str] = ""

    at: int
    event_id: str
    team: str | None = None
    channel: str | None = None
    priority: str | None = None
    kind: str | None = None
    agent_id: str | None = None
    customer_id: str | None = None
    tags: tuple[str, ...] | None = None


class Opened(Event, tag=0, kw_only=True):
    """``ticket-opened``: the opening, a reopening, or only labels, as the ticket's state decides."""

    rank: ClassVar[int] = 0
    topic: ClassVar[str] = "ticket-opened"

    opened_by: str = "customer"
    human_since: int | None = None
    escalated_at: int | None = None


class Updated(Event, tag=1, kw_only=True):
    """``ticket-updated``: new labels, status or a hand-off; never resolves or reopens."""

    rank: ClassVar[int] = 1
    topic: ClassVar[str] = "ticket-updated"

    status: str | None = None
    human_since: int | None = None


class CustomerReplied(Event, tag=2, kw_only=True):
    """``customer-replied``: a message of the customer after the opening."""

    rank: ClassVar[int] = 2
    topic: ClassVar[str] = "customer-replied"


class AgentReplied(Event, tag=3, kw_only=True):
    """``agent-replied``: qualifies when it is public and by a human agent."""

    rank: ClassVar[int] = 3
    topic: ClassVar[str] = "agent-replied"

    author: str = "agent"
    public: bool = True
    waiting_since: int | None = None


class Resolved(Event, tag=4, kw_only=True):
    """``ticket-resolved``: a resolution, or with ``automatic`` perhaps only the confirmation of one."""

    rank: ClassVar[int] = 4
    topic: ClassVar[str] = "ticket-resolved"

    automatic: bool = False
    outcome: str = "solved"


class SurveyAnswered(Event, tag=5, kw_only=True):
    """``survey-answered``: numbers are kept as the decimals written, in their shortest form."""

    rank: ClassVar[int] = 5
    topic: ClassVar[str] = "survey-answered"

    survey: str
    score: str
    survey_id: str | None = None
    scale_min: str | None = None
    scale_max: str | None = None
    higher_is_better: bool = True


AnyEvent = Opened | Updated | CustomerReplied | AgentReplied | Resolved | SurveyAnswered
EVENT_TYPES: Final = (Opened, Updated, CustomerReplied, AgentReplied, Resolved, SurveyAnswered)
EVENT_OF_TOPIC: Final[dict[str, type[AnyEvent]]] = {cls.topic: cls for cls in EVENT_TYPES}
REQUIRED_TOPICS: Final = ("ticket-opened", "agent-replied", "ticket-resolved", "survey-answered")
OPTIONAL_TOPICS: Final = ("customer-replied", "ticket-updated")
TOPICS: Final = REQUIRED_TOPICS + OPTIONAL_TOPICS
