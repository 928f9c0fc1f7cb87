"""Models of the events as publishers write them: from them events are read and the schemas generated.

Each field has a native type, which pydantic checks, and a spelling, which says what else may be written (see
:mod:`cxstream.core.spelling`). Fields that are not listed are ignored. Of every model there is a form, which takes
the usual JSON at full speed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema
from pydantic_core import SchemaValidator, core_schema

from cxstream.core import event, spelling
from cxstream.core.pane import SURVEYS
from cxstream.core.spelling import LONGEST, NUMBER_PATTERN

# Native types. The first member of a union that fits is taken, so the most usual one stands first.
_first_match: Final = Field(union_mode="left_to_right")
_Bounded = Annotated[str, Field(max_length=LONGEST)]
_BoundedNumber = Annotated[
    str, Field(strict=False, coerce_numbers_to_str=True, pattern=NUMBER_PATTERN, max_length=LONGEST)
]
_AnyNumber = Annotated[str, Field(strict=False, coerce_numbers_to_str=True, pattern=NUMBER_PATTERN)]

_TicketName = Annotated[_Bounded | int, _first_match, spelling.TicketName()]
_SourceName = Annotated[_Bounded | None, spelling.SourceName(default=event.DEFAULT_SOURCE)]
_Text = Annotated[_Bounded | _BoundedNumber | None, _first_match, spelling.Text()]
_Label = Annotated[str | _AnyNumber | None, _first_match, spelling.Label()]
_Tags = Annotated[list[str] | None, spelling.Tags()]
_Time = Annotated[str | int | float, _first_match, spelling.Time()]
_PastTime = Annotated[str | int | float | None, _first_match, spelling.PastTime()]
# Documents that are read with care hold decimals, which pydantic would make floats of; JSON itself has none.
_Decimal = Annotated[Decimal, GetPydanticSchema(lambda _, __: core_schema.is_instance_schema(Decimal))]
_Number = int | _Decimal | float


class Payload(BaseModel):
    """What the events of all topics have in common."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    topic: ClassVar[str]
    example: ClassVar[dict[str, Any]]

    ticket_id: _TicketName = Field(
        description="The ticket, unique within its source; the record's Kafka key."
    )
    occurred_at: _Time = Field(
        description="When it happened in the helpdesk: RFC 3339 with an offset, or epoch seconds, or "
        "milliseconds from 10^11 on. Cut to milliseconds."
    )
    event_id: _Text = Field(
        None,
        description="The event, unique within source, topic and ticket. If absent, its content is.",
    )
    source: _SourceName = Field(None, description="Which helpdesk or account, for example zendesk/acme.")
    channel: Annotated[str | None, spelling.Hint(event.CHANNELS, other="other")] = Field(
        None, description="How the customer got in touch; anything else is read as `other`."
    )
    priority: Annotated[str | None, spelling.Hint(event.PRIORITIES)] = Field(
        None, description="The ticket's priority; anything else is dropped."
    )
    team: _Text = Field(None, description="The queue or group the ticket is in.")
    agent_id: _Label = Field(None, description="The agent; what is neither text nor a number is dropped.")
    customer_id: _Label = Field(
        None, description="The customer; what is neither text nor a number is dropped."
    )
    tags: _Tags = Field(None, description="Tags; what is no list of text is dropped.")
    kind: Annotated[str | None, spelling.Hint(event.KINDS)] = Field(
        None, description="What the ticket is about; anything else is dropped."
    )


class TicketOpened(Payload):
    """A ticket was opened, or after a resolution opened again; of an open ticket it changes labels only."""

    topic = event.Opened.topic
    example: ClassVar = {
        "ticket_id": "T-1",
        "occurred_at": "2026-03-02T09:00:00Z",
        "event_id": "e-1",
        "source": "zendesk/acme",
        "channel": "email",
        "priority": "normal",
        "team": "billing",
        "opened_by": "customer",
    }

    opened_by: Annotated[str | None, spelling.Word(event.OPENERS, default="customer")] = Field(
        None, description="Who opened it; only what a customer opens waits for a response."
    )
    human_since: _PastTime = Field(None, description="When a bot handed the ticket to a human.")
    escalated_at: _PastTime = Field(None, description="When the ticket was escalated.")


class TicketUpdated(Payload):
    """The ticket got a new status or new labels, or a bot handed it over; never resolves or reopens."""

    topic = event.Updated.topic
    example: ClassVar = {
        "ticket_id": "T-1",
        "occurred_at": "2026-03-02T09:05:00Z",
        "status": "pending",
        "team": "billing",
    }

    status: Annotated[str | None, spelling.Hint(event.STATUSES)] = Field(
        None, description="The ticket's new status; anything else is dropped."
    )
    human_since: _PastTime = Field(None, description="When a bot handed the ticket to a human.")


class CustomerReplied(Payload):
    """The customer wrote again; starts a wait, if none runs."""

    topic = event.CustomerReplied.topic
    example: ClassVar = {"ticket_id": "T-1", "occurred_at": "2026-03-02T09:30:00Z", "event_id": "e-4"}


class AgentReplied(Payload):
    """A reply to the customer, or a note; qualifies when it is public and by a human agent."""

    topic = event.AgentReplied.topic
    example: ClassVar = {
        "ticket_id": "T-1",
        "occurred_at": "2026-03-02T09:12:30.500Z",
        "event_id": "e-2",
        "agent_id": "a-17",
        "author": "agent",
        "public": True,
    }

    author: Annotated[str | None, spelling.Word(event.AUTHORS, default="agent")] = Field(
        None, description="Who wrote it."
    )
    public: Annotated[bool | None, spelling.Flag(default=True)] = Field(
        None, description="Whether the customer can read it; internal notes are not public."
    )
    waiting_since: _PastTime = Field(
        None, description="Time of the oldest customer message still unanswered."
    )


class TicketResolved(Payload):
    """The ticket was resolved, or with `automatic` a resolution only confirmed."""

    topic = event.Resolved.topic
    example: ClassVar = {
        "ticket_id": "T-1",
        "occurred_at": "2026-03-02T11:00:00Z",
        "event_id": "e-5",
        "outcome": "solved",
    }

    automatic: Annotated[bool | None, spelling.Flag(default=False)] = Field(
        None,
        description="Done by a rule, not by a person; of a resolved ticket a confirmation without effect.",
    )
    outcome: Annotated[str | None, spelling.Word(event.OUTCOMES, default="solved")] = Field(
        None,
        description="How it ended; spam, duplicate, merged and deleted take the ticket out of all numbers.",
    )


class SurveyAnswered(Payload):
    """The customer answered a survey; the last answer per ticket, survey and survey_id stands."""

    topic = event.SurveyAnswered.topic
    example: ClassVar = {
        "ticket_id": "T-1",
        "occurred_at": "2026-03-02T15:00:00+01:00",
        "event_id": "e-6",
        "survey": "csat",
        "score": 5,
    }

    survey: Annotated[str, spelling.Word(SURVEYS, reason="unknown_survey")] = Field(
        description="The kind of survey."
    )
    score: Annotated[_Number, _first_match, spelling.Number()] = Field(
        description="The answer, within its scale; compared as the decimals written."
    )
    survey_id: _Text = Field(None, description="Tells surveys of one kind apart.")
    scale_min: Annotated[_Number | None, _first_match, spelling.Number()] = Field(
        None,
        description="Lowest score possible; absent: that of the usual scale, csat 1, nps 0, ces 1.",
    )
    scale_max: Annotated[_Number | None, _first_match, spelling.Number()] = Field(
        None,
        description="Highest score possible; absent: that of the usual scale, csat 5, nps 10, ces 7.",
    )
    higher_is_better: Annotated[bool | None, spelling.Flag(default=True)] = Field(
        None, description="False where low scores are the good ones."
    )


PAYLOADS: Final[tuple[type[Payload], ...]] = (
    TicketOpened,
    AgentReplied,
    TicketResolved,
    SurveyAnswered,
    CustomerReplied,
    TicketUpdated,
)
PAYLOAD_OF_TOPIC: Final = {payload.topic: payload for payload in PAYLOADS}
SPELLINGS: Final[dict[str, dict[str, spelling.Spelling]]] = {
    payload.topic: {
        name: next(mark for mark in field.metadata if isinstance(mark, spelling.Spelling))
        for name, field in payload.model_fields.items()
    }
    for payload in PAYLOADS
}
"""The spelling of every field, by topic."""


def _checker(payload: type[Payload]) -> SchemaValidator:
    """The model's own rules with a plain dict of what is there as result: building the model costs a quarter."""
    schema: Any = payload.__pydantic_core_schema__
    checked = {}
    for name, field in schema["schema"]["fields"].items():
        inner = field["schema"]
        optional = inner["type"] == "default"
        checked[name] = core_schema.typed_dict_field(
            inner["schema"] if optional else inner, required=not optional
        )
    return SchemaValidator(core_schema.typed_dict_schema(checked, config=schema["config"]))


CHECKERS: Final = {payload.topic: _checker(payload) for payload in PAYLOADS}
"""What validates an event, by topic: absent fields are absent from the dict it returns."""

_Short = Annotated[str, msgspec.Meta(max_length=LONGEST)]
_USUAL: Final[dict[type[spelling.Spelling], Any]] = {
    spelling.TicketName: _Short | int,
    spelling.SourceName: _Short,
    spelling.Text: _Short | int | float,
    spelling.Label: str | int | float,
    spelling.Time: str | int | float,
    spelling.PastTime: str | int | float,
    spelling.Tags: list[str],
    spelling.Hint: str,
    spelling.Word: str,
    spelling.Flag: bool,
    spelling.Number: int,  # others are kept as the decimals written, which takes care
}


def _form(payload: type[Payload]) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for name, field in payload.model_fields.items():
        usual = _USUAL[type(SPELLINGS[payload.topic][name])]
        fields.append((name, usual) if field.is_required() else (name, usual | None, None))
    return msgspec.defstruct(payload.__name__, fields, kw_only=True, gc=False)


FORMS: Final = {payload.topic: _form(payload) for payload in PAYLOADS}
"""The fields of an event, by topic, with the types they usually have in JSON: ``None`` where they are absent."""
