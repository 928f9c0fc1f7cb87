from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core import instant
from cxstream.core.instant import (
    FIRST,
    LAST,
    BeyondCalendarError,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
)

MORNING = 1_772_445_600_000  # 2026-03-02T10:00:00Z
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-03-02T10:00:00Z", MORNING),
        ("2026-03-02t10:00:00z", MORNING),
        ("2026-03-02 10:00:00Z", MORNING),
        ("2026-03-02T10:00:00.0Z", MORNING),
        ("2026-03-02T10:00:00.123Z", MORNING + 123),
        ("2026-03-02T10:00:00.1Z", MORNING + 100),
        ("2026-03-02T10:00:00.1239999999999999Z", MORNING + 123),
        ("2026-03-02T11:00:00+01:00", MORNING),
        ("2026-03-02T10:00:00-00:00", MORNING),
        ("2026-03-02T10:00:00+00:00", MORNING),
        ("2026-03-01T22:15:00.5-11:45", MORNING + 500),
        ("2026-03-03T09:59:00+23:59", MORNING),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("0001-01-01T00:00:00Z", FIRST),
        ("9999-12-31T23:59:59.999Z", LAST),
        (0, 0),
        (1_772_445_600, MORNING),
        (1_772_445_600.123, MORNING + 123),
        (1_772_445_600.9999, MORNING + 999),
        (1_772_445_600_123, MORNING + 123),
        (1_772_445_600_123.9, MORNING + 123),
        (-0.0, 0),
        (-0.0001, -1),
        (-1.5, -1_500),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (-100_000_000_000, -100_000_000_000),
        (1e12, 1_000_000_000_000),
    ],
)
def test_times_in_every_spelling(written, instant):
    assert parse_instant(written) == instant
    assert parse_instant(written) == instant  # now from the tables


@pytest.mark.parametrize(
    "written",
    [
        "",
        "now",
        "1772445600",
        "2026-03-02",
        "2026-03-02T10:00:00",
        "2026-03-02T10:00Z",
        "2026-03-02T10:00:00 Z",
        " 2026-03-02T10:00:00Z",
        "2026-03-02T10:00:00Z\n",
        "2026-03-02T10:00:00.Z",
        "2026-03-02T10:00:00,5Z",
        "2026-03-02T10:00:60Z",
        "2016-12-31T23:59:60Z",
        "2026-03-02T24:00:00Z",
        "2026-03-02T10:60:00Z",
        "2026-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-W10-1T10:00:00Z",
        "2026-061T10:00:00Z",
        "20260302T100000Z",
        "2026-3-2T10:00:00Z",
        "2026-03-02_10:00:00Z",
        "2026-03-02T10:00:00+0100",
        "2026-03-02T10:00:00+01",
        "2026-03-02T10:00:00+24:00",
        "2026-03-02T10:00:00+01:60",
        "2026-03-02T10:00:00 +01:00",
        "+2026-03-02T10:00:00Z",
        "\u0662\u0660\u0662\u0666-03-02T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        float("nan"),
        float("inf"),
        -1e12 * 100,
    ],
)
def test_what_is_no_time(written):
    with pytest.raises(ValueError, match=r".") as error:
        parse_instant(written)
    assert not isinstance(error.value, BeyondCalendarError)


@pytest.mark.parametrize("written", [1e15, 10**400, 253_402_300_800_000, "9999-12-31T23:59:59.999-00:01"])
def test_what_lies_beyond_the_calendar(written):
    with pytest.raises(BeyondCalendarError):
        parse_instant(written)


def test_edges_of_the_calendar_are_checked_each_time():
    for _ in range(2):
        assert parse_instant("9999-12-31T23:59:59Z") == LAST - 999
        with pytest.raises(BeyondCalendarError):
            parse_instant("9999-12-31T23:59:59-01:00")
        assert parse_instant("0001-01-01T01:00:00+01:00") == FIRST
        with pytest.raises(ValueError, match="before"):
            parse_instant("0001-01-01T00:59:59+01:00")


offsets = st.integers(-(24 * 60 - 1), 24 * 60 - 1).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 30), timezones=offsets),  # noqa: DTZ001 - hypothesis adds the zone
    st.sampled_from(["T", "t", " "]),
)
def test_agrees_with_datetime(moment, separator):
    assert parse_instant(moment.isoformat(sep=separator)) == (moment - EPOCH) // timedelta(milliseconds=1)


@given(st.integers(FIRST, LAST))
def test_format_and_parse_are_inverse(instant):
    assert parse_instant(format_instant(instant)) == instant


@given(st.decimals(Decimal(-(10**10)), Decimal(10**11 - 1), places=3))
def test_decimal_seconds_are_exact(seconds):
    assert parse_instant(float(seconds)) == int(seconds * 1_000)


def test_format_has_milliseconds_and_z():
    assert format_instant(MORNING) == "2026-03-02T10:00:00.000Z"
    assert format_instant(-1) == "1969-12-31T23:59:59.999Z"


def test_the_tables_are_bounded():
    most = instant._MOST_REMEMBERED
    for number in range(most + 100):
        minutes = number % 1_440
        hour = f"{EPOCH + timedelta(days=18_000, hours=number):%Y-%m-%dT%H}"
        text = f"{hour}:00:00+{minutes // 60:02}:{minutes % 60:02}"
        assert parse_instant(text) == datetime.fromisoformat(text).timestamp() * 1_000
    for number in range(most + 100):
        assert parse_instant(f"2026-03-02T10:00:00.{number:06}Z") == MORNING + number // 1_000
    assert len(instant._hours) <= most
    assert len(instant._endings) <= most


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("15s", 15_000), ("5m", 300_000), ("36h", 129_600_000), ("30d", 2_592_000_000), ("0s", 0)],
)
def test_durations(text, milliseconds):
    assert parse_duration(text) == milliseconds
    assert format_duration(milliseconds) == text


@pytest.mark.parametrize(
    "text", ["", "5", "m", "1.5h", "-5m", "5 m", "5M", "1h30m", "5w", "\u0665m", "5m\n", "1" * 10 + "s"]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@given(st.integers(0, 10**9 - 1).map(lambda seconds: seconds * 1_000))
def test_whole_seconds_survive_formatting(duration):
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (1_500, "1.5s"),
        (1, "0.001s"),
        (60_100, "60.1s"),
        (-90_000, "-90s"),
        (-1_500, "-1.5s"),
        (-60_000, "-1m"),
    ],
)
def test_other_durations_for_the_eye(duration, text):
    assert format_duration(duration) == text
