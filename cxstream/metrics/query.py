"""What a request to the snapshot may ask for, and how an instant is written in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from cxstream.core.instant import parse_instant
from cxstream.core.rules import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,9})?")
# A "+" that was not written as %2B arrives as a space: 2026-03-02T10:00:00 01:00
_LOST_PLUS: Final = re.compile(r"(T\S+) (\d\d:?\d\d)")
_AHEAD: Final = 31 * DAY  # ms: beyond the longest window nothing is left to see
_LONGEST: Final = 64  # characters of what a message repeats; no instant is longer
_SWITCHES: Final = ("fleet", "history")


@dataclass(frozen=True, slots=True)
class Query:
    """``?now=INSTANT&fleet=1&history=1``, each of them optional; ``now`` in ms."""

    now: int | None = None
    fleet: bool = False
    """The sum over all workers instead of this one's share."""
    history: bool = False
    """With the bars of the last hour and of the same hour a week ago."""

    @classmethod
    def read(cls, given: Mapping[str, str], clock: int) -> Self:
        """Raises ``ValueError`` with cause and remedy; what is too long ago, the windows refuse."""
        for name in given:
            if name not in {"now", *_SWITCHES}:
                message = f"unknown parameter {shown(name)}: known are now=INSTANT, fleet=1 and history=1"
                raise ValueError(message)
        text = given.get("now")
        now = None if text is None else _instant(text)
        if now is not None and now > clock + _AHEAD:
            days = _AHEAD // DAY
            message = (
                f"now={text} is more than {days} days ahead of the worker's clock: choose an earlier one"
            )
            raise ValueError(message)
        return cls(now, *(switch(name, given.get(name, "0")) for name in _SWITCHES))


def shown(text: str) -> str:
    """What a message repeats of a request: not more than is needed to recognize it."""
    return repr(text[:_LONGEST])


def switch(name: str, text: str) -> bool:
    """Whether a switch is on; raises ``ValueError`` with cause and remedy."""
    if text not in {"0", "1"}:
        message = f"{name}={shown(text)} is neither 0 nor 1: write {name}=1"
        raise ValueError(message)
    return text == "1"


def _instant(text: str) -> int:
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    remedy = "write RFC 3339 with an offset such as 2026-03-02T09:00:00Z, or epoch seconds or milliseconds"
    try:
        if len(text) > _LONGEST:
            raise ValueError  # noqa: TRY301 - one message for all that is no instant
        if _NUMBER.fullmatch(text):
            return parse_instant(float(text) if "." in text else int(text))
        return parse_instant(_LOST_PLUS.sub(r"\1+\2", text))
    except (ValueError, OverflowError):
        message = f"now={shown!r} is no instant: {remedy}"
        raise ValueError(message) from None
