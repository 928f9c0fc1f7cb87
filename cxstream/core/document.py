"""Documents: bytes as one JSON object, with its numbers exactly as written."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from math import copysign, inf
from typing import Any, Final

from pydantic_core import from_json

from cxstream.core.refusal import Refused, show

LARGEST: Final = 1_000_000
"""Bytes of a message: what Kafka's default limit lets through, without its own overhead."""
_MAGIC: Final = 0  # first byte of a message that was written by a schema registry's serializer
_FRAME: Final = 5  # bytes: magic byte and schema id

Document = dict[str, Any]
"""A JSON object; its numbers are ``int`` and ``Decimal`` (``float`` for NaN and infinity)."""


def without_frame(value: bytes) -> bytes:
    """``value`` behind a schema registry's frame, if it has one."""
    return value[_FRAME:] if value[0] == _MAGIC else value


def read_document(value: bytes | None) -> Document:
    """The object that ``value`` holds; raises :class:`Refused`."""
    if not value or not value.strip():
        raise Refused("empty", "the message has no value")
    if len(value) > LARGEST:
        raise Refused("too_large", f"the message has {len(value)} bytes, at most {LARGEST} are allowed")
    value = without_frame(value)
    if not value.strip():
        raise Refused("empty", "the message has nothing behind the frame of the schema registry")
    return parse_object(value, "the message")


def parse_object(text: bytes, what: str) -> Document:
    """The object that ``text`` is; ``what`` names it in the message of the refusal."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise Refused("not_utf8", f"{what} is no UTF-8 at byte {error.start}") from None
    try:
        # The parser of the usual way decides what is JSON, so that both ways agree: it takes no lone
        # surrogates, no numbers of more than 4,300 digits and no nesting of more than 200 levels.
        from_json(text)
        document = json.loads(decoded, parse_float=_exact)
    except ValueError as error:
        raise Refused("not_json", f"{what} is no JSON: {error}") from None
    return as_object(document, what)


def as_object(value: object, what: str) -> Document:
    """``value``, which must be an object."""
    if not isinstance(value, dict):
        raise Refused("wrong_type", f"{what} is {show(value)}, not an object")
    return value


def _exact(text: str) -> Decimal | float:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more digits than Decimal can hold
        number = float(text)
        return Decimal(0) if not number else copysign(inf, number)
