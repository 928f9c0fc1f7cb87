"""Spellings: for each kind of field, what may be written for it and how that is brought into one form.

The models name a spelling for every field, next to the native type that takes the usual forms at full speed. What
the native type does not take is mended by the spelling, or refused. The same object describes the field in
the JSON Schema, which accepts what is accepted here.
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
_MOST_PLACES: Final = 400  # before or after the point; more than any double has, and little enough to be computed with

TIME_PATTERN: Final = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
)


def plain(number: float | Decimal) -> str:
    """``number`` as the shortest plain decimal: ``4`` for 4.0, ``0.5`` for 5e-1.

    Raises ``ValueError`` for what is no finite number of sensible length.
    """
    if isinstance(number, int):
        text = str(number)
    else:
        exact = number if isinstance(number, Decimal) else Decimal(repr(number))
        if not exact.is_finite():
            message = "no finite number"
            raise ValueError(message)
        if not exact:
            return "0"
        if abs(exact.adjusted()) > _MOST_PLACES:
            message = f"a number of more than {_MOST_PLACES} places"
            raise ValueError(message)
        text = format(exact, "f")
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    if len(text) > LONGEST:
        message = f"a number of more than {LONGEST} characters"
        raise ValueError(message)
    return text


def is_number(value: object) -> bool:
    """Whether a value of a JSON document is a number (``true`` and ``false`` are none)."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


class Spelling:
    """What may be written for a kind of field."""

    reason = "wrong_type"
    """Why a message with a foreign value is refused."""

    def mend(self, value: Any) -> object:
        """``value`` in the form the model takes; ``None`` where it is to be dropped.

        Called with what is neither null nor an empty string. Raises :class:`Refused`, with a message that lacks
        the name of the field.
        """
        raise NotImplementedError

    def schema(self) -> JsonSchemaValue:
        """The JSON Schema of a value that is present."""
        raise NotImplementedError

    def refused(self, value: object, wanted: str) -> Refused:
        """The refusal of ``value``."""
        return Refused(self.reason, f"{show(value)} is no {wanted}")

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Called by pydantic, when it generates the schema of a model."""
        return self.schema()


def _bounded(text: str) -> str:
    if len(text) > LONGEST:
        raise Refused("too_large", f"{len(text)} characters, at most {LONGEST} are allowed")
    return text


@dataclass(frozen=True, slots=True)
class Text(Spelling):
    """Text of bounded length; ``numbers`` become text, or only ``integers``, or none."""

    numbers: bool = True
    integers: bool = True
    default: str | None = None

    def mend(self, value: Any) -> str:
        """The text."""
        if isinstance(value, str):
            if not self.integers and "\0" in value:
                raise Refused(self.reason, "a NUL character is not allowed")
            return _bounded(value)
        if not is_number(value) or not (self.integers if isinstance(value, int) else self.numbers):
            raise self.refused(value, self._wanted())
        if isinstance(value, int):
            return _bounded(plain_integer(value))
        try:
            return plain(float(value))
        except ValueError as error:
            raise Refused(self.reason, f"{show(value)}: {error}") from None

    def schema(self) -> JsonSchemaValue:
        """A bounded string, or a number."""
        number = ["number"] if self.numbers else ["integer"] if self.integers else []
        schema: JsonSchemaValue = {"type": ["string", *number] if number else "string", "minLength": 1, "maxLength": LONGEST}
        if not self.integers:
            schema["pattern"] = r"^[^\u0000]*$"
        if self.default is not None:
            schema["default"] = self.default
        return schema

    def _wanted(self) -> str:
        return "string or number" if self.numbers else "string or integer" if self.integers else "string"


def plain_integer(number: int) -> str:
    """The digits of ``number``, however many."""
    return str(number)
