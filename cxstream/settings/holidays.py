"""Holidays from elsewhere: iCalendar files, and the public holidays of countries.

Dates are laid out from 2000 to 2050, since core knows neither rules nor the current year; beyond that a calendar has
its weekly hours only.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2050
_LONGEST: Final = 366  # days of one entry; more is a mistake


class HolidayError(ValueError):
    """Holidays that cannot be read; the text is cause and remedy."""


def of_country(country: str, subdivision: str | None) -> set[date]:
    """Public holidays by the code of ISO 3166, such as ``SI``, or ``DE`` and ``BY``."""
    import holidays

    try:
        found = holidays.country_holidays(
            country.upper(), subdiv=subdivision, years=range(FIRST_YEAR, LAST_YEAR + 1)
        )
    except (NotImplementedError, KeyError, AttributeError):
        place = country if subdivision is None else f"{country}, {subdivision}"
        raise HolidayError(
            f"no holidays are known of {place}: write a code of ISO 3166 such as SI, or DE with subdivision BY"
        ) from None
    return set(found)


def of_file(path: Path) -> set[date]:
    """The days of an iCalendar file (RFC 5545): events of whole days, yearly ones and exceptions included."""
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(path.read_bytes())
    except OSError as error:
        raise HolidayError(f"{path}: {error.strerror}: correct the path") from None
    except ValueError as error:
        raise HolidayError(f"{path} is no iCalendar file ({error}): export it anew as .ics") from None
    return {day for event in calendar.walk("VEVENT") for day in _days(event, path)}


def _days(event: Any, path: Path) -> Iterator[date]:
    """The days of one event; a cancelled one has none."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    summary = str(event.get("SUMMARY", "an event"))
    start = event.decoded("DTSTART", None)
    if not isinstance(start, date) or isinstance(start, datetime):
        raise HolidayError(f"{path}: {summary!r} has a time of day, holidays are whole days: make it all-day")
    end = event.decoded("DTEND", None)
    if end is None:
        end = start + event.decoded("DURATION", timedelta(days=1))
    length = (end - start).days
    if not 1 <= length <= _LONGEST:
        raise HolidayError(f"{path}: {summary!r} lasts {length} days: correct its end")
    for first in _starts(event, start):
        for offset in range(length):
            yield first + timedelta(days=offset)


def _starts(event: Any, start: date) -> Iterator[date]:
    """The first days of all occurrences."""
    excluded = {day.dt for part in _list(event.get("EXDATE")) for day in part.dts}
    found = {start} | {day.dt for part in _list(event.get("RDATE")) for day in part.dts}
    rule = event.get("RRULE")
    if rule is not None:
        from dateutil.rrule import rrulestr

        begin = datetime.combine(start, time())
        occurrences = rrulestr(rule.to_ical().decode(), dtstart=begin, ignoretz=True)
        until = datetime(LAST_YEAR, 12, 31)  # noqa: DTZ001 - days of a calendar, nowhere in particular
        found |= {moment.date() for moment in occurrences.between(begin, until, inc=True)}
    yield from sorted(day for day in found if day not in excluded)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
