"""The SLA policy: read from its file, checked, and compiled for the core.

    policies = load(Path("sla.yaml"))     # PolicyError in one line: file, line, field, cause, remedy

Without a file :func:`cxstream.core.policy.built_in` holds.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from cxstream.core.calendar import WEEKDAYS, AlwaysOpen, Calendar
from cxstream.core.condition import shadows
from cxstream.core.event import CHANNELS, PRIORITIES
from cxstream.core.frame import NONE
from cxstream.core.policy import PAUSING, TARGETS, Minimum, Objective, Policies, Policy, Target
from cxstream.settings.condition import condition
from cxstream.settings.document import Document, Place, PolicyError, Refused
from cxstream.settings.holidays import HolidayError, of_country, of_file
from cxstream.settings.policy_file import KNOWN, CalendarFile, Country, PolicyFile
from cxstream.settings.values import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from cxstream.core.calendar import Interval
    from cxstream.settings.policy_file import CalendarPart, PolicyPart, TargetPart

__all__ = ["PolicyError", "load"]

_LONGEST: Final = 520  # weeks of open time: a target that takes ten years is a mistake
_RESOLUTIONS: Final = ("resolution", "first_resolution")


def load(path: Path) -> Policies:
    """Read, check and compile a policy file; raises ``PolicyError``."""
    document = Document(path)
    try:
        return _Compiler(PolicyFile.model_validate(document.content), path).compile()
    except ValidationError as error:
        raise document.explain(error, KNOWN) from None
    except Refused as refused:
        raise document.error(refused.place, refused.text) from None


class _Compiler:
    """From what is written to what holds."""

    def __init__(self, file: PolicyFile, path: Path) -> None:
        self._file = file
        self._path = path
        self._calendars = {
            name: self._calendar(name, part, ("calendars", name)) for name, part in file.calendars.items()
        }
        defaults = file.defaults
        if defaults.calendar is not None:
            self._usual = self._named(defaults.calendar, ("defaults", "calendar"))
        elif len(self._calendars) == 1:
            self._usual = next(iter(self._calendars.values()))
        elif self._calendars:
            raise Refused(("defaults",), f"names no calendar: add calendar: {next(iter(self._calendars))}")
        else:
            self._usual = AlwaysOpen("always", ZoneInfo("UTC"))

    def compile(self) -> Policies:
        """Everything."""
        policies: list[Policy] = []
        for position, part in enumerate(self._file.policies):
            place: Place = ("policies", position)
            policy = self._policy(part, place)
            for earlier in policies:
                if earlier.name == policy.name:
                    raise Refused(
                        (*place, "name"), f"{policy.name!r} is the name of two policies: change one"
                    )
                if shadows(earlier.when, policy.when):
                    raise Refused(
                        place,
                        f"{policy.name!r} can never match, since {earlier.name!r} above it matches first"
                        f" ({earlier.when.text()}): move it up, or remove it",
                    )
            policies.append(policy)
        reply = self._file.defaults.counts_as_reply
        objectives, minimums = self._objectives(policies)
        return Policies(
            policies,
            calendar=self._usual,
            calendars=[*self._calendars.values()],
            authors=frozenset(reply.author),
            public=reply.public,
            objectives=objectives,
            minimums=minimums,
        )

    # -- calendars

    def _calendar(self, name: str, part: CalendarPart, place: Place) -> Calendar:
        zone = ZoneInfo(part.timezone)
        if part.always_open:
            return AlwaysOpen(name, zone)
        hours = {WEEKDAYS.index(day): intervals for day, intervals in part.hours.items()}
        return Calendar(name, zone, hours, self._dates(part, (*place, "holidays")))

    def _dates(self, part: CalendarPart, place: Place) -> dict[date, tuple[Interval, ...]]:
        """All exceptions; a date that is written out wins over one from elsewhere."""
        written: dict[date, tuple[Interval, ...]] = {}
        found: set[date] = set()
        for position, holiday in enumerate(part.holidays):
            try:
                if isinstance(holiday, CalendarFile):
                    found |= of_file(self._path.parent / holiday.ical)
                elif isinstance(holiday, Country):
                    found |= of_country(holiday.country, holiday.subdivision)
                elif holiday.date in written:
                    raise Refused((*place, position), f"{holiday.date} is given twice: keep one")
                else:
                    written[holiday.date] = holiday.hours
            except HolidayError as error:
                raise Refused((*place, position), str(error)) from None
        return dict.fromkeys(found, ()) | written

    def _named(self, name: str, place: Place) -> Calendar:
        calendar = self._calendars.get(name)
        if calendar is None:
            hint = did_you_mean(name, self._calendars)
            raise Refused(
                place, f"{name!r} is no calendar of this file{hint}: correct it, or add it to calendars"
            )
        return calendar

    # -- policies

    def _policy(self, part: PolicyPart, place: Place) -> Policy:
        def layer(targets: Mapping[Any, TargetPart], *inner: str) -> dict[str, Target]:
            return {
                name: self._target(part.name, name, target, (*place, *inner, name))
                for name, target in targets.items()
            }

        policy = Policy(
            part.name,
            condition(part.when, (*place, "when")),
            layer(part.targets, "targets"),
            {p: layer(targets, "by_priority", p) for p, targets in part.by_priority.items()},
            {c: layer(targets, "by_channel", c) for c, targets in part.by_channel.items()},
        )
        if not any(targets for _, _, targets in policy.layers()):
            raise Refused(place, f"{part.name!r} has no target: add one, such as first_reply: 8h")
        if policy.by_priority:
            for priority in PRIORITIES:
                if not policy.by_priority.get(priority):
                    raise Refused(
                        (*place, "by_priority"),
                        f"{priority} has no target: add {priority}: {{first_reply: 8h}}",
                    )
        _refuse_slow_replies(policy, place)
        return policy

    def _target(self, policy: str, name: str, part: TargetPart, place: Place) -> Target:
        defaults = self._file.defaults
        calendar = self._usual if part.calendar is None else self._named(part.calendar, (*place, "calendar"))
        amount = part.target.milliseconds(calendar.business_day)
        if amount > _LONGEST * calendar.week:
            raise Refused(place, f"takes more than ten years on calendar {calendar.name!r}: shorten it")
        pause_on = frozenset(part.pause_on or ())
        if part.pause_on is None and name == "requester_wait":
            pause_on = frozenset(defaults.pause_on)
        elif part.pause_on is None and name == "agent_work":
            pause_on = frozenset({*defaults.pause_on, "on_hold"})
        if pause_on and name not in PAUSING:
            raise Refused(
                (*place, "pause_on"),
                f"no status pauses {name}: remove it; {', '.join(PAUSING)} can be paused",
            )
        warn_at = defaults.warn_at if part.warn_at is None else part.warn_at
        steps = {int(amount * step) if isinstance(step, Decimal) else amount + step for step in warn_at}
        return Target(
            policy,
            TARGETS.index(name),
            amount,
            calendar,
            pause_on,
            tuple(sorted(step for step in steps if 0 < step < amount)),
        )

    # -- objectives

    def _objectives(self, policies: list[Policy]) -> tuple[list[Objective], list[Minimum]]:
        by_name = {policy.name: policy for policy in policies}
        objectives: list[Objective] = []
        minimums: list[Minimum] = []
        for position, part in enumerate(self._file.objectives):
            place: Place = ("objectives", position)
            if part.metric is not None and part.minimum is not None:
                minimums.append(Minimum(part.metric, part.minimum, part.window, part.min_answers))
                continue
            if part.policy is None or part.target is None or part.attainment is None:
                continue  # the model has refused it
            policy = by_name.get(part.policy)
            if policy is None:
                hint = did_you_mean(part.policy, by_name)
                raise Refused(
                    (*place, "policy"), f"{part.policy!r} is no policy of this file{hint}: correct it"
                )
            if not any(part.target in targets for _, _, targets in policy.layers()):
                raise Refused(
                    (*place, "target"), f"{policy.name!r} has no {part.target}: add it there, or remove this"
                )
            share = round(part.attainment * 100_000)
            objectives.append(Objective(policy.name, part.target, share, part.window))
        return objectives, minimums


def _refuse_slow_replies(policy: Policy, place: Place) -> None:
    """Refuse a reply that may take longer than the resolution, where one calendar measures both."""
    for priority in (*PRIORITIES, NONE):
        for channel in (*CHANNELS, NONE):
            promised = {t.name: t for t in policy.promises(priority, channel) if t is not None}
            for reply in (promised.get("first_reply"), promised.get("next_reply")):
                for name in _RESOLUTIONS:
                    end = promised.get(name)
                    if reply and end and reply.calendar is end.calendar and reply.amount > end.amount:
                        raise Refused(
                            place,
                            f"{policy.name!r} gives {reply.name} more time than {name} (priority {priority},"
                            f" channel {channel}): shorten the one or lengthen the other",
                        )
