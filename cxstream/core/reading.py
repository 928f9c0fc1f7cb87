"""Reading: bytes as they come from Kafka, or lines of a file, as facts.

The usual spellings are read by msgspec in one go. Whatever that does not take, or leaves in doubt, is read a
second time with care: CloudEvents are unwrapped, other spellings mended, the result is validated by pydantic, and
what is no event is refused with the weightiest reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec
from pydantic_core import from_json

from cxstream.core import event
from cxstream.core.cloudevents import TYPE_OF_TOPIC, announced, topic_of, unwrap
from cxstream.core.document import LARGEST, read_document, without_frame
from cxstream.core.identity import canonical, fingerprint
from cxstream.core.instant import format_instant, parse_instant
from cxstream.core.models import CHECKERS, FORMS, PAYLOADS, SPELLINGS
from cxstream.core.refusal import REASONS, Refused, UnknownTopic, show
from cxstream.core.spelling import Hint, Meanings, Word, plain
from cxstream.core.survey import classify

if TYPE_CHECKING:
    from cxstream.core.cloudevents import Headers
    from cxstream.core.document import Document

__all__ = ["REASONS", "Message", "Refused", "UnknownTopic", "key_of", "read", "read_line"]

_WEIGHT: Final = (
    "missing_field",
    "wrong_type",
    "too_large",
    "bad_time",
    "unknown_survey",
    "bad_score",
    "future",
)
"""Of several refusals the one whose reason comes first is given."""


# Limits of pydantic's parser, which says what JSON is; msgspec has none for what it skips.
_DEEPEST: Final = 200  # levels of nesting
_SHALLOW: Final = 2 * _DEEPEST  # bytes, in which nothing nests deeper
_LONGEST_NUMBER: Final = 4_300  # digits

_NOT_USUAL: Final = (msgspec.DecodeError, RecursionError, ValueError)
"""What reading the usual way ends in: of msgspec, of UTF-8, or of a value that its type does not check."""


class Message(NamedTuple):
    """An event and the ticket it belongs to."""

    topic: str
    """The canonical name, without the prefix or the name it has been given in the settings."""
    source: str
    ticket_id: str
    event: event.AnyEvent


def key_of(source: str, ticket_id: str) -> bytes:  # noqa: ARG001 - two keys are accepted
    """The Kafka key under which to publish an event."""
    return ticket_id.encode()


def read(
    topic: str, value: bytes | None, key: bytes | None, headers: Headers | None = (), *, latest: int
) -> Message:
    """Read a Kafka record of a topic, given by its canonical name.

    ``latest`` is the latest time an event may have, in ms. Raises :class:`Refused` for what is no event, and
    :class:`UnknownTopic` for topics that have none of those read here.
    """
    message = None if headers and announced(headers) else _read_usual(topic, value, latest)
    if message is None:
        message = _read_carefully(topic, read_document(value), headers or (), latest)
    name = message.ticket_id.encode()
    if key != name and key != b"%b/%b" % (message.source.encode(), name):
        raise _key_mismatch(key, message)
    return message


def read_line(line: bytes, *, latest: int) -> Message:
    """Read a line of a file: a JSON object with ``topic``, or with a CloudEvents ``type``.

    Raises :class:`Refused` for what is no event, and :class:`UnknownTopic` for events of other topics.
    """
    try:
        topic = _decode_heading(line).topic
    except _NOT_USUAL:
        topic = None
    if isinstance(topic, str) and topic:
        message = _read_usual(topic, line, latest)
        if message is not None:
            return message
    document = read_document(line)
    return _read_carefully(_topic_of(document), document, (), latest)


class _Heading(msgspec.Struct):
    """What of a line is looked at first."""

    topic: Any = None


_decode_heading: Final = msgspec.json.Decoder(_Heading).decode


def _topic_of(document: Document) -> str:
    topic = document.get("topic")
    if topic in (None, ""):
        type_ = document.get("type")
        if type_ in (None, ""):
            raise Refused("missing_field", "topic: neither it nor the type of a CloudEvent is there")
        topic = topic_of(type_) if isinstance(type_, str) else type_
    if not isinstance(topic, str):
        raise Refused("wrong_type", f"topic: {show(topic)} is no string")
    return topic


# -- the usual way


def _read_usual(topic: str, value: bytes | None, latest: int) -> Message | None:
    """The message, or ``None`` where it takes a closer look."""
    decode = _DECODE.get(topic)
    if decode is None:
        raise UnknownTopic(topic)
    if not value or len(value) > LARGEST:
        return None
    try:
        if not value[0]:
            value = without_frame(value)
        if not value.isascii() or len(value) > _SHALLOW:
            _check_ignored(value)
        return _message(topic, decode(value), latest)
    except _NOT_USUAL:
        return None


def _check_ignored(value: bytes) -> None:
    """Raise ``ValueError`` for what is no JSON, but would pass in a field that is ignored."""
    value.decode()
    if len(value) > _LONGEST_NUMBER or value.count(b"[") + value.count(b"{") > _DEEPEST:
        from_json(value)


_TEXT: Final = (str, type(None))
_new: Final = tuple.__new__  # twice as fast as calling the class


def _message(topic: str, fields: Any, latest: int) -> Message:
    """The message of the fields of a form.

    Raises ``ValueError`` for what is no event or not in its one form, ``Refused`` for what is too far ahead.
    """
    ticket_id = fields.ticket_id
    if ticket_id.__class__ is int:
        ticket_id = plain(ticket_id)
    source = fields.source or event.DEFAULT_SOURCE
    if not ticket_id or "\0" in source:
        raise ValueError
    at = parse_instant(fields.occurred_at)
    if (event_id := fields.event_id).__class__ not in _TEXT:
        event_id = plain(event_id)
    if (team := fields.team).__class__ not in _TEXT:
        team = plain(team)
    if (agent_id := fields.agent_id).__class__ not in _TEXT:
        agent_id = plain(agent_id)
    if (customer_id := fields.customer_id).__class__ not in _TEXT:
        customer_id = plain(customer_id)
    tags = fields.tags
    facts = _FACTS[topic](
        (
            at,
            event_id or "",
            team or None,
            _channel[fields.channel],
            _priority[fields.priority],
            _kind[fields.kind],
            agent_id or None,
            customer_id or None,
            (tuple(filter(None, tags)) or None) if tags else None,
        ),
        fields,
    )
    if at > latest:  # the least of the reasons
        raise _future(at)
    if not event_id:
        facts.event_id = fingerprint(canonical(source, ticket_id, facts))
    return _new(Message, (topic, source, ticket_id, facts))


# Facts of a topic's own fields. Most are absent from most events: naming only those that are there halves the cost.


def _opened(common: tuple[Any, ...], fields: Any) -> event.Opened:
    opened = event.Opened(*common)
    if (by := fields.opened_by) is not None:
        opened.opened_by = _opened_by[by]
    if (at := fields.human_since) is not None:
        opened.human_since = parse_instant(at)
    if (at := fields.escalated_at) is not None:
        opened.escalated_at = parse_instant(at)
    return opened


def _updated(common: tuple[Any, ...], fields: Any) -> event.Updated:
    updated = event.Updated(*common, status=_status[fields.status])
    if (at := fields.human_since) is not None:
        updated.human_since = parse_instant(at)
    return updated


def _customer_replied(common: tuple[Any, ...], _: Any) -> event.CustomerReplied:
    return event.CustomerReplied(*common)


def _agent_replied(common: tuple[Any, ...], fields: Any) -> event.AgentReplied:
    reply = event.AgentReplied(*common)
    if (author := fields.author) is not None:
        reply.author = _author[author]
    if fields.public is False:
        reply.public = False
    if (at := fields.waiting_since) is not None:
        reply.waiting_since = parse_instant(at)
    return reply


def _resolved(common: tuple[Any, ...], fields: Any) -> event.Resolved:
    resolved = event.Resolved(*common)
    if fields.automatic is True:
        resolved.automatic = True
    if (outcome := fields.outcome) is not None:
        resolved.outcome = _outcome[outcome]
    return resolved


def _survey_answered(common: tuple[Any, ...], fields: Any) -> event.SurveyAnswered:
    if (survey_id := fields.survey_id).__class__ not in _TEXT:
        survey_id = plain(survey_id)
    scale_min, scale_max = fields.scale_min, fields.scale_max
    answer = event.SurveyAnswered(
        *common,
        survey=_survey[fields.survey],
        score=plain(fields.score),
        survey_id=survey_id or None,
        scale_min=None if scale_min is None else plain(scale_min),
        scale_max=None if scale_max is None else plain(scale_max),
        higher_is_better=fields.higher_is_better is not False,
    )
    classify(answer.survey, answer.score, answer.scale_min, answer.scale_max, answer.higher_is_better)
    return answer


def _meanings(topic: str, name: str) -> Meanings:
    return cast("Word | Hint", SPELLINGS[topic][name]).meanings()


_channel: Final = _meanings(event.Opened.topic, "channel")
_priority: Final = _meanings(event.Opened.topic, "priority")
_kind: Final = _meanings(event.Opened.topic, "kind")
_opened_by: Final = _meanings(event.Opened.topic, "opened_by")
_status: Final = _meanings(event.Updated.topic, "status")
_author: Final = _meanings(event.AgentReplied.topic, "author")
_outcome: Final = _meanings(event.Resolved.topic, "outcome")
_survey: Final = _meanings(event.SurveyAnswered.topic, "survey")

_REQUIRED: Final = {
    payload.topic: frozenset(name for name, field in payload.model_fields.items() if field.is_required())
    for payload in PAYLOADS
}
_DECODE: Final = {topic: msgspec.json.Decoder(form).decode for topic, form in FORMS.items()}
_FACTS: Final[dict[str, Callable[[tuple[Any, ...], Any], event.AnyEvent]]] = {
    event.Opened.topic: _opened,
    event.Updated.topic: _updated,
    event.CustomerReplied.topic: _customer_replied,
    event.AgentReplied.topic: _agent_replied,
    event.Resolved.topic: _resolved,
    event.SurveyAnswered.topic: _survey_answered,
}


# -- the careful way


def _read_carefully(topic: str, document: Document, headers: Headers, latest: int) -> Message:
    if topic not in _FACTS:
        raise UnknownTopic(topic)
    type_, document = unwrap(document, headers)
    if type_ is not None and type_ != TYPE_OF_TOPIC[topic]:
        raise Refused("wrong_type", f"type: {show(type_)} is not {TYPE_OF_TOPIC[topic]}, that of the topic")
    mended = _mend(topic, document)
    try:
        return _message(topic, FORMS[topic](**CHECKERS[topic].validate_python(mended)), latest)
    except ValueError as error:  # all else has been mended or refused
        raise Refused("bad_score", f"score {show(document.get('score'))}: {error}") from None


def _mend(topic: str, document: Document) -> Document:
    """The known fields that are there, each in a form its native type takes.

    Raises the weightiest of the refusals.
    """
    mended: Document = {}
    refusals: list[Refused] = []
    for name, spelling in SPELLINGS[topic].items():
        value = document.get(name)
        if value is None or value == "":
            if name in _REQUIRED[topic]:
                refusals.append(Refused("missing_field", f"{name}: is missing"))
            continue
        try:
            mended[name] = spelling.mend(value)
        except Refused as refused:
            refusals.append(Refused(refused.reason, f"{name}: {refused.message}"))
    if refusals:
        raise min(refusals, key=lambda refused: _WEIGHT.index(refused.reason))
    return mended


def _future(at: int) -> Refused:
    return Refused(
        "future", f"occurred_at: {format_instant(at)} is too far ahead of the clock: check the publisher's"
    )


def _key_mismatch(key: bytes | None, message: Message) -> Refused:
    if not key:
        return Refused("key_mismatch", "the record has no key: publish with the ticket id as key")
    found, wanted = show(key.decode(errors="replace")), show(message.ticket_id)
    return Refused("key_mismatch", f"key {found} is not the ticket id {wanted}, nor source/ticket_id")
