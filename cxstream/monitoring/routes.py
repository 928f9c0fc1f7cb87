"""Alertmanager: who is told what, and when nobody works, later.

A configuration to start from. The clocks of a policy stand still while its calendar is closed, so its alerts
wait for the next opening too; targets on a clock that never stops are told at any hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxstream.core.calendar import DAY_MINUTES
from cxstream.metrics.labels import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from cxstream.core.calendar import Calendar, Interval
    from cxstream.monitoring.goals import Goals

Json = dict[str, Any]

ONCALL: Final = "support-oncall"
SUPPORT: Final = "support"
PLATFORM: Final = "platform"
CLOSED: Final = "-closed"
"""Ends the name of the interval that holds when a calendar is closed although its weekday is open."""
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def configuration(goals: Goals, notify: str | None) -> Json:
    """The whole file; ``notify`` is the address to which every receiver posts, under its own name."""
    intervals = [each for calendar in goals.calendars for each in _intervals(calendar)]
    known = {interval["name"] for interval in intervals}
    return {
        "route": {
            "receiver": SUPPORT,
            "group_by": ["alertname", "policy", "target", "team"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
            "routes": [
                {
                    "matchers": ['component="pipeline"'],
                    "receiver": PLATFORM,
                    "group_by": ["alertname", "topic", "source"],
                },
                *_of_calendars(goals, known),
                {
                    "matchers": ['component="sla"', 'severity="critical"'],
                    "receiver": ONCALL,
                    "repeat_interval": "1h",
                },
                {
                    "matchers": ['component="support"'],
                    "receiver": SUPPORT,
                    "repeat_interval": "24h",
                    **_kept([calendar.name for calendar in goals.calendars], known),
                },
            ],
        },
        "inhibit_rules": _inhibitions(),
        "time_intervals": intervals,
        "receivers": [
            {
                "name": name,
                **({"webhook_configs": [{"url": f"{notify.rstrip('/')}/{name}"}]} if notify else {}),
            }
            for name in (SUPPORT, ONCALL, PLATFORM)
        ],
    }


def _of_calendars(goals: Goals, known: set[str]) -> Iterator[Json]:
    """Routes of the targets whose clocks stand still at times; one that also runs without a pause is none of them."""
    on: dict[tuple[str, str], set[str | None]] = {}
    for goal in goals.goals:
        on.setdefault((goal.policy, goal.target), set()).add(goal.calendar)
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (policy, target), calendars in on.items():
        names = tuple(sorted(name for name in calendars if name is not None))
        if len(names) == len(calendars):
            together.setdefault((policy, names), []).append(target)
    for (policy, calendar_names), targets in together.items():
        matchers = ['component="sla"', f'policy="{escape(policy)}"', f'target=~"{"|".join(targets)}"']
        for severity, receiver, repeat in (("critical", ONCALL, "1h"), ("warning|info", SUPPORT, "24h")):
            yield {
                "matchers": [*matchers, f'severity=~"{severity}"'],
                "receiver": receiver,
                "repeat_interval": repeat,
                **_kept(calendar_names, known),
            }


def _kept(calendars: Sequence[str], known: set[str]) -> dict[str, list[str]]:
    """Told while any of the calendars is open. With several, a holiday of one must not silence the others."""
    if not calendars:
        return {}
    closed = f"{calendars[0]}{CLOSED}"
    muted = {"mute_time_intervals": [closed]} if len(calendars) == 1 and closed in known else {}
    return {"active_time_intervals": list(calendars), **muted}


def _inhibitions() -> list[Json]:
    return [
        {  # a page says more than the warning beside it
            "source_matchers": ['alertname="CxSlaErrorBudgetBurn"', 'severity="critical"'],
            "target_matchers": ['alertname="CxSlaErrorBudgetBurn"', 'severity="warning"'],
            "equal": ["policy", "target", "team"],
        },
        {  # late is more than nearly late
            "source_matchers": ['alertname="CxTicketsBreachingNow"'],
            "target_matchers": ['alertname="CxTicketsAtRisk"'],
            "equal": ["policy", "target", "team"],
        },
        {  # live numbers are known to be incomplete
            "source_matchers": ['alertname="CxPartitionsUnassigned"'],
            "target_matchers": ['component="support"'],
        },
        {  # nothing is known at all
            "source_matchers": ['alertname="CxMetricsAbsent"'],
            "target_matchers": ['component=~"sla|support|pipeline"', 'alertname!="CxMetricsAbsent"'],
        },
    ]


def _intervals(calendar: Calendar) -> Iterator[Json]:
    """The weekly hours and those of single dates; and, of the dates, all other times."""
    alike: dict[tuple[Interval, ...], list[int]] = {}
    for day, hours in enumerate(calendar.hours):
        alike.setdefault(hours, []).append(day)
    weekly = [
        {"weekdays": [_DAYS[day] for day in days], **_times(hours, calendar)}
        for hours, days in alike.items()
        if hours
    ]
    dates = [{**_date(day), **_times(hours, calendar)} for day, hours in calendar.dates.items() if hours]
    yield {"name": calendar.name, "time_intervals": weekly + dates}
    closed = [
        {**_date(day), **_times(rest, calendar)}
        for day, hours in calendar.dates.items()
        if (rest := tuple(_rest(hours)))
    ]
    if closed:
        yield {"name": f"{calendar.name}{CLOSED}", "time_intervals": closed}


def _rest(hours: Sequence[Interval]) -> Iterator[Interval]:
    """Yield the times of a day that are in none of its intervals."""
    last = 0
    for start, end in sorted(hours):
        if start > last:
            yield last, start
        last = end
    if last < DAY_MINUTES:
        yield last, DAY_MINUTES


def _date(day: date) -> Json:
    return {"years": [str(day.year)], "months": [str(day.month)], "days_of_month": [str(day.day)]}


def _times(hours: Sequence[Interval], calendar: Calendar) -> Json:
    times = [{"start_time": _clock(start), "end_time": _clock(end)} for start, end in hours]
    return {"times": times, "location": calendar.zone.key}


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
