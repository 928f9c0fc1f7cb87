"""Refusals: why a message is no valid event."""

from __future__ import annotations

from typing import Final

REASONS: Final = (
    "not_utf8",
    "not_json",
    "empty",
    "too_large",
    "missing_field",
    "wrong_type",
    "bad_time",
    "future",
    "key_mismatch",
    "unknown_survey",
    "bad_score",
)
"""The closed list of reasons: headers of dead letters and the label ``reason``."""

LONGEST_MESSAGE: Final = 300  # characters, so that a message fits a log line and a header
_LONGEST_SHOWN: Final = 40  # characters of a foreign value that help to recognise it


class Refused(Exception):  # noqa: N818 - it is no fault of ours, and reads as what happened
    """A message is no valid event."""

    def __init__(self, reason: str, message: str) -> None:
        if len(message) > LONGEST_MESSAGE:
            message = message[: LONGEST_MESSAGE - 1] + "…"
        super().__init__(message)
        self.reason = reason
        """One of :data:`REASONS`."""
        self.message = message
        """One line that names the field and says what would be right."""

    def __str__(self) -> str:
        """Reason and message."""
        return f"{self.reason}: {self.message}"


class UnknownTopic(Refused):
    """A message is of a topic that is not read here; whoever reads files skips it."""

    def __init__(self, topic: str) -> None:
        super().__init__("wrong_type", f"topic: {show(topic)} is none that is read here")
        self.topic = topic


def show(value: object) -> str:
    """``value`` of a message in a few characters on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = ascii(value)[1:-1] if isinstance(value, str) else str(value)
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 1] + "…"
    return f'"{text}"' if isinstance(value, str) else text
