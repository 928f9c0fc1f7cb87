"""The policy file as it is written: its fields, what each may hold, and the message where it holds something else.

What must hold between the fields is checked in :mod:`cxstream.settings.policy`, which compiles the file.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cxstream.core import event
from cxstream.core.calendar import DAY_MINUTES, Interval
from cxstream.core.instant import parse_duration
from cxstream.core.policy import TARGETS
from cxstream.core.window import UNITS
from cxstream.settings.values import TimeZone

BUSINESS_DAYS: Final = "bd"
_INTERVAL: Final = re.compile(
    r"([01][0-9]|2[0-3]):([0-5][0-9])\s*-\s*(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)"
)
_AMOUNT: Final = re.compile(r"(-?[0-9]{1,9})(s|m|h|d|bd)")

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Status = Literal["new", "open", "pending", "on_hold", "solved", "closed"]
Priority = Literal["low", "normal", "high", "urgent", "none"]
Channel = Literal["email", "web", "chat", "phone", "social", "sms", "other", "none"]
TargetName = Literal[
    "first_reply", "next_reply", "periodic_update", "requester_wait", "agent_work", "resolution",
    "first_resolution",
]  # fmt: skip


class Part(BaseModel):
    """A part of the file; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _interval(value: object) -> Interval:
    match = _INTERVAL.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f'{value!r} is no interval of a day: write it as text, such as "08:00-12:00" or "20:00-24:00"'
        )
    hour, minute, end_hour, end_minute = match.groups()
    start = int(hour) * 60 + int(minute)
    end = DAY_MINUTES if end_hour is None else int(end_hour) * 60 + int(end_minute)
    if start >= end:
        raise ValueError(
            f'{value!r} ends before it begins: past midnight, write two, such as mon: ["20:00-24:00"] and'
            ' tue: ["00:00-02:00"]'
        )
    return (start, end)


def _apart(value: object) -> object:
    if isinstance(value, list):
        intervals = sorted(_interval(each) for each in value)
        for earlier, later in pairwise(intervals):
            if later[0] < earlier[1]:
                raise ValueError(
                    f"intervals of one day overlap at {later[0] // 60:02}:{later[0] % 60:02}: join them"
                )
        return tuple(intervals)
    raise ValueError('no list of intervals: write for example ["08:00-12:00", "13:00-17:00"]')


def _day(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is no date: write it as 2026-12-25") from None


Hours = Annotated[tuple[Interval, ...], BeforeValidator(_apart)]
Day = Annotated[date, BeforeValidator(_day)]


class Exception_(Part):  # noqa: N801 - Exception is taken
    """A date with hours of its own, or without any."""

    date: Day
    hours: Hours = ()


class CalendarFile(Part):
    """An iCalendar file of whole days."""

    ical: str


class Country(Part):
    """The public holidays of a country, or of a part of it; codes of ISO 3166."""

    country: str
    subdivision: str | None = None


def _holiday(value: object) -> object:
    """What kind of an entry of ``holidays`` this is."""
    if isinstance(value, dict):
        for model in (Exception_, CalendarFile, Country):
            if next(iter(model.model_fields)) in value:
                return model.model_validate(value)
        raise ValueError("no holiday: write a date, or {date, hours}, {ical: FILE} or {country: CODE}")
    return value if isinstance(value, Part) else Exception_(date=value)  # type: ignore[arg-type]


class CalendarPart(Part):
    """When clocks run."""

    timezone: TimeZone = "UTC"
    always_open: bool = False
    hours: dict[Weekday, Hours] = {}
    holidays: list[Annotated[Any, BeforeValidator(_holiday)]] = []

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if self.always_open and (self.hours or self.holidays):
            raise ValueError("always_open together with hours or holidays: keep one of them")
        if not self.always_open and not any(self.hours.values()):
            raise ValueError(
                "never opens, so that no clock would ever run: give it hours, or always_open: true"
            )
        return self


class Amount(Part):
    """A duration: ``number`` of ``unit``, where ``bd`` is a business day of the target's calendar."""

    number: int
    unit: str

    def milliseconds(self, business_day: int) -> int:
        """The duration, where a business day lasts so many ms."""
        return self.number * (business_day if self.unit == BUSINESS_DAYS else UNITS[self.unit])


def _amount(value: object) -> object:
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"{value!r} is no duration: write it as text, such as 30m, 8h, 2d or 2bd (business days)"
        )
    if int(match[1]) <= 0:
        raise ValueError(f"{value!r} leaves no time at all: write a duration above 0")
    return Amount(number=int(match[1]), unit=match[2])


def _step(value: object) -> object:
    if isinstance(value, str) and value.startswith("-"):
        return -parse_duration(value[1:])
    if isinstance(value, float) and 0 < value < 1:
        return Decimal(repr(value))
    raise ValueError(
        f'{value!r} is no time to warn: write a fraction such as 0.75, or the time left, such as "-15m"'
    )


WarnAt = tuple[Annotated[Decimal | int, BeforeValidator(_step)], ...]
"""Fractions of the time used, or with a minus the time left in ms."""


class TargetPart(Part):
    """A target, where it differs from the defaults."""

    target: Annotated[Amount, BeforeValidator(_amount)]
    calendar: str | None = None
    pause_on: tuple[Status, ...] | None = None
    warn_at: WarnAt | None = None


def _target(value: object) -> object:
    return value if isinstance(value, dict) else {"target": value}


TargetSet = dict[TargetName, Annotated[TargetPart, BeforeValidator(_target)]]


class Reply(Part):
    """Which replies answer the customer."""

    public: bool = True
    author: tuple[Literal["agent", "bot", "system"], ...] = ("agent",)


class Defaults(Part):
    """What holds where a target says nothing else."""

    calendar: str | None = None
    pause_on: tuple[Status, ...] = ("pending",)
    warn_at: WarnAt = (Decimal("0.75"),)
    counts_as_reply: Reply = Reply()


class PolicyPart(Part):
    """A policy; targets may stand in ``targets`` or in the policy itself."""

    name: str = Field(min_length=1, max_length=100)
    when: dict[str, Any] = {}
    targets: TargetSet = {}
    by_priority: dict[Priority, TargetSet] = {}
    by_channel: dict[Channel, TargetSet] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {name: value[name] for name in TARGETS if name in value}
        targets = value.get("targets") or {}
        if isinstance(targets, dict):
            for name in own.keys() & targets.keys():
                raise ValueError(f"{name} stands twice, in targets and beside it: keep one")
            return {k: v for k, v in value.items() if k not in own} | {"targets": {**targets, **own}}
        return value


class ObjectivePart(Part):
    """A share of a target to be met, or the least value of another ratio."""

    target: TargetName | None = None
    policy: str | None = None
    attainment: float | None = Field(None, gt=0, lt=1)
    metric: Literal["csat_positive", "ces_positive"] | None = None
    minimum: float | None = Field(None, gt=0, lt=1)
    min_answers: int = Field(30, ge=1)
    window: Annotated[int, BeforeValidator(lambda value: parse_duration(str(value)))]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        sla = (self.target, self.policy, self.attainment)
        other = (self.metric, self.minimum)
        if all(part is not None for part in sla) and not any(part is not None for part in other):
            return self
        if all(part is not None for part in other) and not any(part is not None for part in sla):
            return self
        raise ValueError(
            "neither {target, policy, attainment, window} nor {metric, minimum, window}: complete one"
        )


class PolicyFile(Part):
    """The whole file."""

    version: Literal[1]
    calendars: dict[str, CalendarPart] = {}
    defaults: Defaults = Defaults()
    policies: list[PolicyPart] = Field(min_length=1)
    objectives: list[ObjectivePart] = []


_PARTS: Final = (PolicyFile, CalendarPart, Defaults, PolicyPart, TargetPart, ObjectivePart, Reply)
KNOWN: Final = (
    *dict.fromkeys((*(name for part in _PARTS for name in part.model_fields), *TARGETS, *event.PRIORITIES)),
)
"""Every word that can be meant by a field that is not known."""
