"""Identities: the canonical JSON of an event, and the id it gives an event that came without one.

The canonical JSON is what is left of a message once spellings, defaults and unknown fields are taken away, so
that a redelivery in any spelling is a duplicate. It also decides between copies that differ under one
identity.
"""

from __future__ import annotations

from hashlib import sha256
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxstream.core.event import DEFAULT_SOURCE, EVENT_TYPES, AnyEvent
from cxstream.core.instant import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable

FINGERPRINT_DIGITS: Final = 32  # half of SHA-256: 128 bits


class _Member(NamedTuple):
    """A member of the JSON object: its name as written, the fact it shows, and how."""

    name: str
    attribute: str
    default: object
    write: Callable[[Any], str]


def _write_time(instant: int) -> str:
    return f'"{format_instant(instant)}"'


def _write_flag(flag: bool) -> str:
    return "true" if flag else "false"


def _write_tags(tags: tuple[str, ...]) -> str:
    return f"[{','.join(map(encode_basestring, tags))}]"


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "at": _write_time,
    "waiting_since": _write_time,
    "human_since": _write_time,
    "escalated_at": _write_time,
    "public": _write_flag,
    "automatic": _write_flag,
    "higher_is_better": _write_flag,
    "score": str,  # numbers are kept as the decimals they are written as
    "scale_min": str,
    "scale_max": str,
    "tags": _write_tags,
}


def _members(cls: type[AnyEvent]) -> tuple[_Member, ...]:
    names = cls.__struct_fields__
    defaults = (None,) * (len(names) - len(cls.__struct_defaults__)) + cls.__struct_defaults__
    return tuple(
        _Member("occurred_at" if name == "at" else name, name, default, _WRITERS.get(name, encode_basestring))
        for name, default in zip(names, defaults, strict=True)
        if name != "event_id"
    )


_MEMBERS: Final = {cls: _members(cls) for cls in EVENT_TYPES}


def canonical(source: str, ticket_id: str, event: AnyEvent) -> str:
    """The compact, key-sorted JSON of all that is known of an event.

    An ``event_id`` that was made from the rest by :func:`fingerprint` is not part of it, and neither is an
    empty one.
    """
    members = [("ticket_id", encode_basestring(ticket_id)), ("topic", encode_basestring(event.topic))]
    if source != DEFAULT_SOURCE:
        members.append(("source", encode_basestring(source)))
    for name, attribute, default, write in _MEMBERS[type(event)]:
        value = getattr(event, attribute)
        if value is not None and value != default:
            members.append((name, write(value)))
    text = _object(members)
    if event.event_id and event.event_id != fingerprint(text):
        members.append(("event_id", encode_basestring(event.event_id)))
        return _object(members)
    return text


def _object(members: list[tuple[str, str]]) -> str:
    members.sort()
    return "{" + ",".join([f'"{name}":{value}' for name, value in members]) + "}"


def fingerprint(text: str) -> str:
    """The id of an event that came without one: half the SHA-256 of its canonical JSON, in hex."""
    return sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]
