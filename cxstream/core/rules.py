"""The rules a calculation runs under: everything of the settings that can change a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cxstream.core.window import Window, parse_windows

if TYPE_CHECKING:
    from cxstream.core.policy import PolicyHistory

SECOND: Final = 1_000  # milliseconds
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR

DEFAULT_WINDOWS: Final = "1h/1m,today/15m,24h/15m,7d/2h"
LABELS: Final = ("team", "channel", "priority", "source", "kind")
"""Every label a number can be grouped by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All durations are milliseconds."""

    windows: tuple[Window, ...] = field(default_factory=lambda: parse_windows(DEFAULT_WINDOWS))
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    labels: tuple[str, ...] = ("team", "channel", "priority")
    window_labels: tuple[str, ...] = ("team", "channel")
    max_skew: int = DAY
    live_lag: int = HOUR
    retention: int = 30 * DAY
    policies: PolicyHistory | None = None
    """The SLA policies; without any, no clocks are kept."""
