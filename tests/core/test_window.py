"""Which panes count at an instant."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cxstream.core.window import Window, parse_windows

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_a_rolling_window_holds_the_current_pane_and_those_before_it() -> None:
    (window,) = parse_windows("1h/1m")
    now = ms("2026-03-02T10:00:59.999Z")
    first, last = window.panes(now, UTC)
    assert last * MINUTE == ms("2026-03-02T10:00Z")
    assert first * MINUTE == ms("2026-03-02T09:01Z")
    assert window.panes(now + 1, UTC) == (first + 1, last + 1)


@pytest.mark.parametrize(
    ("name", "now", "start"),
    [
        ("today", "2026-03-29T23:59:59+02:00", "2026-03-29T00:00+01:00"),  # the clocks have gone forward
        ("today", "2026-10-25T23:59:59+01:00", "2026-10-25T00:00+02:00"),  # and back
        ("today", "2026-03-02T00:00:00+01:00", "2026-03-02T00:00+01:00"),
        ("today", "2026-03-01T23:59:59+01:00", "2026-03-01T00:00+01:00"),
        ("week", "2026-04-01T12:00+02:00", "2026-03-30T00:00+02:00"),
        ("week", "2026-03-29T12:00+02:00", "2026-03-23T00:00+01:00"),
        ("month", "2026-03-31T12:00+02:00", "2026-03-01T00:00+01:00"),
        ("month", "2028-02-29T12:00+01:00", "2028-02-01T00:00+01:00"),
    ],
)
def test_calendar_windows_begin_at_local_midnight(name: str, now: str, start: str) -> None:
    (window,) = parse_windows(f"{name}/15m")
    first, last = window.panes(ms(now), BERLIN)
    assert first * 15 * MINUTE == ms(start)
    assert last == ms(now) // (15 * MINUTE)
    assert ms(now) - ms(start) < window.longest


def test_the_pane_in_which_local_midnight_lies_counts() -> None:
    (window,) = parse_windows("today/2h")
    first, _ = window.panes(ms("2026-03-02T12:00+01:00"), BERLIN)
    assert first * 2 * HOUR == ms("2026-03-01T22:00Z")


def test_the_default_windows() -> None:
    assert parse_windows("1h/1m,today/15m,24h/15m,7d/2h") == (
        Window("1h", HOUR, MINUTE),
        Window("today", DAY, 15 * MINUTE, calendar=True),
        Window("24h", DAY, 15 * MINUTE),
        Window("7d", 7 * DAY, 2 * HOUR),
    )


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "write for example 1h/1m"),
        ("1h", "write 1h/1m"),
        ("1h/7m", "multiple of the step"),
        ("today/7h", "must divide a day"),
        ("1h/1m,1h/5m", "keep one"),
        ("5x/1m", "no duration such as"),
        ("-1h/1m", "no duration such as"),
        ("0s/1s", "no duration such as"),
        ("30d/1s", "choose a longer step"),
    ],
)
def test_a_window_that_cannot_be_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        parse_windows(text)
