"""CloudEvents 1.0: events in an envelope (structured mode), or with the envelope in headers (binary mode).

The attributes ``id``, ``source``, ``time`` and ``subject`` stand in for ``event_id``, ``source``,
``occurred_at`` and ``ticket_id`` where the data lacks them; the type must be that of the topic.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cxstream.core.document import as_object, parse_object
from cxstream.core.event import TOPICS
from cxstream.core.refusal import Refused, show

if TYPE_CHECKING:
    from cxstream.core.document import Document

Headers = Iterable[tuple[str, bytes | None]] | Mapping[str, bytes | None]
"""Headers of a Kafka record."""

SPECVERSION: Final = "1.0"
TYPE_OF_TOPIC: Final = {topic: f"cxstream.{topic.replace('-', '.')}.v1" for topic in TOPICS}

_FIELDS: Final = {"event_id": "id", "source": "source", "occurred_at": "time", "ticket_id": "subject"}
_TYPE: Final = re.compile(r"cxstream\.([a-z]+(?:\.[a-z]+)+)\.v1")
_ABSENT: Final = (None, "")
_PREFIX: Final = "ce_"
_CONTENT_TYPE: Final = "content-type"
_STRUCTURED: Final = b"application/cloudevents"


def topic_of(type_: str) -> str:
    """The topic of ``cxstream.agent.replied.v1`` and the like, read here or not; else ``type_`` itself."""
    match = _TYPE.fullmatch(type_)
    return match[1].replace(".", "-") if match else type_


def announced(headers: Headers) -> bool:
    """Whether the headers say that the record is a CloudEvent."""
    return any(
        name.startswith(_PREFIX) or (name == _CONTENT_TYPE and _is_structured(value))
        for name, value in _lower(headers)
    )


def unwrap(document: Document, headers: Headers = ()) -> tuple[Any, Document]:
    """The CloudEvents type (``None`` for a plain event) and the flat event; raises :class:`Refused`."""
    named = dict(_lower(headers))
    if _is_structured(named.get(_CONTENT_TYPE)):
        return _open(document)
    if f"{_PREFIX}specversion" in named:
        attributes = {
            name.removeprefix(_PREFIX): _decode(name, value)
            for name, value in named.items()
            if name.startswith(_PREFIX)
        }
        return _fill(attributes, document)
    if _is_there(document, "specversion", "type") and not _is_there(document, "ticket_id", "occurred_at"):
        return _open(document)  # names of attributes have no underscore: what has those two is a flat event
    return None, document


def _is_there(document: Document, *names: str) -> bool:
    return all(document.get(name) not in _ABSENT for name in names)


def _open(envelope: Document) -> tuple[Any, Document]:
    data = envelope.get("data")
    if data is not None:
        return _fill(envelope, as_object(data, "data"))
    encoded = envelope.get("data_base64")
    if encoded is None:
        return _fill(envelope, {})
    try:
        text = b64decode(encoded, validate=True)
    except (TypeError, ValueError):
        raise Refused("wrong_type", f"data_base64: {show(encoded)} is no base64") from None
    return _fill(envelope, parse_object(text, "data_base64"))


def _fill(attributes: Mapping[str, Any], data: Document) -> tuple[Any, Document]:
    version = attributes.get("specversion")
    if version not in (None, SPECVERSION):
        raise Refused("wrong_type", f"specversion: {show(version)} is not {SPECVERSION}")
    filled = {
        field: attributes.get(attribute) for field, attribute in _FIELDS.items() if data.get(field) in _ABSENT
    }
    return attributes.get("type"), data | filled


def _lower(headers: Headers) -> Iterable[tuple[str, bytes | None]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return ((name.lower(), value) for name, value in pairs)


def _is_structured(content_type: bytes | None) -> bool:
    return content_type is not None and content_type.lower().startswith(_STRUCTURED)


def _decode(name: str, value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        raise Refused("not_utf8", f"header {name} is no UTF-8") from None
