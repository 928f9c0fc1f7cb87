"""Spellings: for each kind of field, what may be written for it and how that is brought into one form.

The models name a spelling for every field, next to the native type that takes the usual forms at full speed.
What the native type does not take is mended by the spelling, or refused. The same object describes the field
in the JSON Schema, which accepts what is accepted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import isinf
from typing import TYPE_CHECKING, Any, Final

from cxstream.core.instant import BeyondCalendarError, parse_instant
from cxstream.core.refusal import Refused, show

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

LONGEST: Final = 1_024
"""Characters of the names that identify and group tickets."""
NUMBER_PATTERN: Final = r"^-?(?:[1-9][0-9]*(?:\.[0-9]+)?|0\.[0-9]+)$|^0$"
"""A number as text in its one form: no exponent, no sign of zero."""
TIME_PATTERN: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339; whether the month has that day is for the reader to see."""
_MOST_PLACES: Final = 400  # before or after the point: more than a double has, little enough to compute with
_QUICK: Final = 10**15


def plain(number: Decimal | float) -> str:
    """``number`` as the shortest decimal without an exponent: ``4`` for 4.0, ``0.5`` for 5e-1.

    Raises ``ValueError`` for what is no finite number of sensible length.
    """
    if isinstance(number, int) and -_QUICK < number < _QUICK:
        return str(number)
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if not exact.is_finite():
        raise ValueError("no finite number")
    if not exact:
        return "0"
    if abs(exact.adjusted()) > _MOST_PLACES:
        raise ValueError(f"a number of more than {_MOST_PLACES} places")
    text = format(exact, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text) > LONGEST:
        raise ValueError(f"a number of more than {LONGEST} characters")
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _bounded(text: str) -> str:
    if len(text) > LONGEST:
        raise Refused("too_large", f"has {len(text)} characters, at most {LONGEST} are allowed")
    return text


class Spelling:
    """What may be written for a kind of field."""

    reason: str = "wrong_type"
    """Why a message with a foreign value is refused."""
    optional: bool = False
    """Foreign values are dropped, not refused."""
    default: str | bool | None = None
    """What an absent field means."""

    def mend(self, value: Any) -> object:
        """``value`` in a form that the model takes; ``None`` drops it.

        Called with what is neither null nor an empty string. Raises :class:`Refused`, whose message begins
        behind the name of the field.
        """
        raise NotImplementedError

    def schema(self) -> JsonSchemaValue:
        """The JSON Schema of a value that is there."""
        raise NotImplementedError

    def foreign(self, value: object, wanted: str) -> Refused:
        """The refusal of ``value``."""
        return Refused(self.reason, f"{show(value)} is no {wanted}")

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Called by pydantic when it generates the schema of a model."""
        return self.schema()


class TicketName(Spelling):
    """A ticket's id: text or a whole number."""

    def mend(self, value: Any) -> str:
        """The text."""
        if isinstance(value, str):
            return _bounded(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return _bounded(str(value))
        raise self.foreign(value, "string or integer")

    def schema(self) -> JsonSchemaValue:
        """A bounded string, or an integer."""
        return {"type": ["string", "integer"], "minLength": 1, "maxLength": LONGEST}


@dataclass(frozen=True)
class SourceName(Spelling):
    """The name of a helpdesk: text without NUL, which keeps source and ticket apart in a key of both."""

    default: str | None = None

    def mend(self, value: Any) -> str:
        """The text."""
        if not isinstance(value, str):
            raise self.foreign(value, "string")
        if "\0" in value:
            raise Refused(self.reason, "has a NUL character")
        return _bounded(value)

    def schema(self) -> JsonSchemaValue:
        """A bounded string."""
        return {"type": "string", "maxLength": LONGEST, "pattern": r"^[^\u0000]*$"}


class Text(Spelling):
    """Text of bounded length; numbers become text."""

    def mend(self, value: Any) -> str | None:
        """The text."""
        if isinstance(value, str):
            return _bounded(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return _bounded(str(value))
        if not _is_number(value):
            raise self.foreign(value, "string or number")
        try:
            return plain(float(value))
        except ValueError as error:
            raise Refused(self.reason, f"{show(value)} is {error}") from None

    def schema(self) -> JsonSchemaValue:
        """A bounded string, or a number."""
        return {"type": ["string", "number"], "maxLength": LONGEST}


class Label(Text):
    """Text of any length on which no number depends; what is neither text nor a number is dropped."""

    optional = True

    def mend(self, value: Any) -> str | None:
        """The text, or ``None``."""
        if isinstance(value, str):
            return value
        try:
            return str(value) if type(value) is int else super().mend(value)
        except Refused:
            return None

    def schema(self) -> JsonSchemaValue:
        """A string, or a number."""
        return {"type": ["string", "number"]}


class Tags(Spelling):
    """A list of text; what is none is dropped."""

    optional = True

    def mend(self, value: Any) -> list[str] | None:
        """The tags, or ``None``."""
        return [tag for tag in value if isinstance(tag, str)] if isinstance(value, list) else None

    def schema(self) -> JsonSchemaValue:
        """An array of strings."""
        return {"type": "array", "items": {"type": "string"}}


class Meanings(dict[str | None, Any]):
    """What the words of a list mean, in any case, at the cost of looking them up."""

    def __init__(
        self, words: tuple[str, ...], *, absent: str | None, other: str | None, closed: bool
    ) -> None:
        super().__init__({word: word for word in words})
        if absent or not closed:
            self[None] = self[""] = absent
        self._other = other
        self._closed = closed

    def __missing__(self, word: str | None) -> Any:
        """The meaning of what is not spelled as in the list; raises ``ValueError`` for what must be in it."""
        meaning = self.get(word and word.lower(), self._other)
        if meaning is None and self._closed:
            raise ValueError("no word of the list")
        return meaning


@dataclass(frozen=True)
class Word(Spelling):
    """A word of a closed list, in any case; others are refused."""

    words: tuple[str, ...]
    default: str | None = None
    reason: str = "wrong_type"

    def mend(self, value: Any) -> str:
        """The word."""
        word = value.lower() if isinstance(value, str) else None
        if word not in self.words:
            raise self.foreign(value, f"word of {', '.join(self.words)}")
        return word

    def schema(self) -> JsonSchemaValue:
        """The words, in any case."""
        return {"anyOf": [{"enum": list(self.words)}, {"type": "string", "pattern": any_case(self.words)}]}

    def meanings(self) -> Meanings:
        """The meaning of every spelling."""
        return Meanings(self.words, absent=self.default, other=None, closed=True)


@dataclass(frozen=True)
class Hint(Spelling):
    """A word of a closed list, in any case; others mean ``other``, or are dropped where there is none."""

    words: tuple[str, ...]
    other: str | None = None
    optional = True

    def mend(self, value: Any) -> str | None:
        """The text, whose meaning the reader looks up."""
        return value if isinstance(value, str) else self.other

    def schema(self) -> JsonSchemaValue:
        """The words."""
        return {"enum": list(self.words)}

    def meanings(self) -> Meanings:
        """The meaning of every spelling."""
        return Meanings(self.words, absent=None, other=self.other, closed=False)


@dataclass(frozen=True)
class Flag(Spelling):
    """True or false."""

    default: bool | None = None

    def mend(self, value: Any) -> bool:
        """The value."""
        if not isinstance(value, bool):
            raise self.foreign(value, "boolean")
        return value

    def schema(self) -> JsonSchemaValue:
        """A boolean."""
        return {"type": "boolean"}


class Time(Spelling):
    """A time: RFC 3339 text, epoch seconds or milliseconds."""

    reason = "bad_time"

    def mend(self, value: Any) -> str | int | float:
        """What :func:`parse_instant` reads."""
        if not isinstance(value, str) and not _is_number(value):
            raise self.foreign(value, "time")
        time: str | int | float = float(value) if isinstance(value, Decimal) else value
        if isinstance(time, float) and isinf(time) and isinstance(value, Decimal):
            raise Refused("future" if time > 0 else self.reason, f"{show(value)} is beyond the calendar")
        try:
            parse_instant(time)
        except BeyondCalendarError as error:
            raise Refused("future", f"{show(value)} is {error}") from None
        except ValueError as error:
            raise Refused(self.reason, f"{show(value)} is {error}") from None
        return time

    def schema(self) -> JsonSchemaValue:
        """A time stamp or a number."""
        return {
            "anyOf": [
                {"type": "string", "format": "date-time", "pattern": TIME_PATTERN},
                {"type": "number", "description": "Epoch seconds; milliseconds from 100000000000 on."},
            ]
        }


class PastTime(Time):
    """The time of something else than the event; it is not compared with the clock."""

    def mend(self, value: Any) -> str | int | float:
        """What :func:`parse_instant` reads."""
        try:
            return super().mend(value)
        except Refused as refused:
            raise Refused(self.reason, refused.message) from None


class Number(Spelling):
    """A number, kept as the decimals written."""

    def mend(self, value: Any) -> Decimal | int:
        """The exact number."""
        if not _is_number(value):
            raise self.foreign(value, "number")
        try:
            plain(value)
        except ValueError as error:
            raise Refused("bad_score", f"{show(value)} is {error}") from None
        return Decimal(value)

    def schema(self) -> JsonSchemaValue:
        """A number."""
        return {"type": "number"}


def any_case(words: tuple[str, ...]) -> str:
    """A pattern for ``words`` in any case (JSON Schema's patterns have no flags)."""
    spelled = ("".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word) for word in words)
    return f"^({'|'.join(spelled)})$"
