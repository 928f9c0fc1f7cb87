"""What a broker refuses, and why, in words that say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import errors

if TYPE_CHECKING:
    from cxstream.settings import Settings


def explained(error: BaseException, settings: Settings) -> str:  # noqa: ARG001
    """The cause in one line."""
    return f"{type(error).__name__}: {error}"


__all__ = ["errors", "explained"]
