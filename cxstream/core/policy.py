"""Policies: which SLA targets a ticket has, compiled for use by every event.

A target is a promise: a duration on a calendar. The first policy whose condition holds for a ticket gives it its
targets; a channel's win over a priority's, and those over the rest. What matches is remembered by labels and tags, so
an event costs one look-up. Files are read in :mod:`cxstream.settings.policy`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from cxstream.core.calendar import DAY_MINUTES, MINUTE, WEEKDAYS, AlwaysOpen, Calendar
from cxstream.core.condition import Condition, Every, Traits, fields
from cxstream.core.event import AgentReplied
from cxstream.core.instant import FIRST
from cxstream.core.rules import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cxstream.core.frame import Labels

TARGETS: Final = (
    "first_reply",
    "next_reply",
    "periodic_update",
    "requester_wait",
    "agent_work",
    "resolution",
    "first_resolution",
)
"""The targets a policy can set; their clocks are in :mod:`cxstream.core.clock`."""
FIRST_REPLY, NEXT_REPLY, PERIODIC_UPDATE, REQUESTER_WAIT, AGENT_WORK, RESOLUTION, FIRST_RESOLUTION = range(7)
PAUSING: Final = ("periodic_update", "requester_wait", "agent_work", "first_resolution")
"""The targets that a status can pause."""

_MOST_REMEMBERED: Final = 10_000  # sets of labels and tags
_EARLY_WARNING: Final = 75  # percent of the time used, of the built-in policy


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A promise of one policy; durations in ms of the calendar's open time."""

    policy: str
    kind: int
    """Index into :data:`TARGETS`."""
    amount: int
    calendar: Calendar
    pause_on: frozenset[str] = frozenset()
    """Statuses of the ticket in which the clock stands still."""
    steps: tuple[int, ...] = ()
    """Elapsed time at which to warn, ascending, each above 0 and below ``amount``."""

    @property
    def name(self) -> str:
        """The target's name."""
        return TARGETS[self.kind]

    def same(self, other: Target) -> bool:
        """Whether both promise the same under the same name."""
        return self is other or (
            self.policy == other.policy
            and self.amount == other.amount
            and self.pause_on == other.pause_on
            and self.steps == other.steps
            and self.calendar.same(other.calendar)
        )


Promises = tuple[Target | None, ...]
"""What a ticket is promised, in the order of :data:`TARGETS`."""

NO_PROMISES: Final[Promises] = (None,) * len(TARGETS)


@dataclass(frozen=True, slots=True)
class Policy:
    """The targets of the tickets for which ``when`` holds; each layer by the target's name."""

    name: str
    when: Condition
    targets: Mapping[str, Target]
    by_priority: Mapping[str, Mapping[str, Target]] = field(default_factory=dict)
    by_channel: Mapping[str, Mapping[str, Target]] = field(default_factory=dict)

    def promises(self, priority: str, channel: str) -> Promises:
        """What a ticket of this priority and channel is promised."""
        found = {**self.targets, **self.by_priority.get(priority, {}), **self.by_channel.get(channel, {})}
        return tuple(found.get(name) for name in TARGETS)

    def layers(self) -> list[tuple[str, str, Mapping[str, Target]]]:
        """All targets as they are set: priority and channel (``any`` where it does not matter), then those."""
        return [
            ("any", "any", self.targets),
            *((priority, "any", layer) for priority, layer in self.by_priority.items()),
            *(("any", channel, layer) for channel, layer in self.by_channel.items()),
        ]


@dataclass(frozen=True, slots=True)
class Objective:
    """Which share of a target's evaluations is to be met over ``window`` (ms), in thousandths of a percent."""

    policy: str
    target: str
    attainment: int
    window: int

    @property
    def ratio(self) -> float:
        """The attainment between 0 and 1."""
        return self.attainment / 100_000


@dataclass(frozen=True, slots=True)
class Minimum:
    """A least value of a ratio other than an SLA's, from ``min_answers`` answers on; ``window`` in ms."""

    metric: str
    minimum: float
    window: int
    min_answers: int


class Policies:
    """A policy file, compiled."""

    def __init__(
        self,
        policies: Sequence[Policy],
        *,
        calendar: Calendar,
        calendars: Sequence[Calendar] = (),
        authors: frozenset[str] = frozenset({"agent"}),
        public: bool = True,
        objectives: Sequence[Objective] = (),
        minimums: Sequence[Minimum] = (),
    ) -> None:
        """``calendar`` is the usual one; replies count if by one of ``authors`` and, with ``public``, public."""
        self.policies = tuple(policies)
        self.calendar = calendar
        self.calendars = tuple(calendars) or (calendar,)
        self.authors = authors
        self.public = public
        self.objectives = tuple(objectives)
        self.minimums = tuple(minimums)
        self.tagged = any("tags" in fields(policy.when) for policy in self.policies)
        """Whether tags decide what a ticket is promised."""
        self._matched: dict[Traits | Labels, Promises] = {}

    def match(self, traits: Traits) -> Promises:
        """What a ticket is promised by the first policy that applies to it."""
        known = traits if self.tagged else traits.labels
        promises = self._matched.get(known)
        if promises is None:
            if len(self._matched) >= _MOST_REMEMBERED:
                self._matched.clear()
            _, channel, priority, _, _ = traits.labels
            applies = next((policy for policy in self.policies if policy.when.holds(traits)), None)
            promises = NO_PROMISES if applies is None else applies.promises(priority, channel)
            self._matched[known] = promises
        return promises

    def counts(self, event: AgentReplied) -> bool:
        """Whether a reply answers the customer."""
        return (event.public or not self.public) and event.author in self.authors

    def describe(self) -> dict[str, Any]:
        """Everything that can change a number, as JSON: what workers must agree on."""
        return {
            "calendars": {calendar.name: described(calendar) for calendar in self.calendars},
            "calendar": self.calendar.name,
            "counts_as_reply": {"public": self.public, "author": sorted(self.authors)},
            "policies": [
                {
                    "name": policy.name,
                    "when": policy.when.text(),
                    "targets": [
                        {
                            "priority": priority,
                            "channel": channel,
                            "target": name,
                            "seconds": target.amount / 1_000,
                            "calendar": target.calendar.name,
                            "pause_on": sorted(target.pause_on),
                            "warn_at_seconds": [step / 1_000 for step in target.steps],
                        }
                        for priority, channel, layer in policy.layers()
                        for name, target in layer.items()
                    ],
                }
                for policy in self.policies
            ],
        }


def described(calendar: Calendar) -> dict[str, Any]:
    """A calendar as JSON, as it is written in a policy file."""
    if calendar.always_open:
        return {"timezone": calendar.zone.key, "always_open": True}
    return {
        "timezone": calendar.zone.key,
        "hours": {
            name: [interval_text(interval) for interval in day]
            for name, day in zip(WEEKDAYS, calendar.hours, strict=True)
            if day
        },
        "holidays": [
            {"date": day.isoformat(), "hours": [interval_text(interval) for interval in hours]}
            for day, hours in calendar.dates.items()
        ],
    }


def interval_text(interval: tuple[int, int]) -> str:
    """``08:00-12:00``."""
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in interval)


class PolicyHistory:
    """The policies in force, each from an instant on (ms); a change acts like an event at its instant."""

    def __init__(self, first: Policies, *changes: tuple[int, Policies]) -> None:
        """``first`` is in force from the beginning; ``changes`` come in the order of their instants."""
        self._starts = [FIRST, *(start for start, _ in changes)]
        self.changes = bool(changes)
        """Whether there is more than one."""
        self._policies = [first, *(policies for _, policies in changes)]
        targets = [
            target
            for policies in self._policies
            for policy in policies.policies
            for _, _, layer in policy.layers()
            for target in sorted(layer.values(), key=lambda target: target.kind)
        ]
        self.series: tuple[tuple[str, str], ...] = tuple(
            dict.fromkeys((target.policy, target.name) for target in targets)
        )
        """Names of policy and target of everything that is counted apart."""
        self.closes = any(
            not calendar.always_open for policies in self._policies for calendar in policies.calendars
        )
        """Whether there is a business time other than that of the clock on the wall."""
        self.kinds = frozenset(TARGETS.index(name) for _, name in self.series)
        """The kinds of target that are promised at all."""
        self.tagged = any(policies.tagged for policies in self._policies)
        """Whether tags decide what a ticket is promised."""
        self.once = not self.closes and self.kinds <= {FIRST_REPLY, FIRST_RESOLUTION}
        """Whether all clocks run once in the life of a ticket and nothing else is asked of its policy."""
        self.pauses = any(target.pause_on for target in targets)
        """Whether the status of a ticket matters."""
        self._codes = {names: code for code, names in enumerate(self.series)}
        self._codes_of = {target: self._codes[target.policy, target.name] for target in targets}

    @property
    def current(self) -> Policies:
        """The policies that have come last."""
        return self._policies[-1]

    def code(self, target: Target) -> int:
        """The position in :attr:`series` under which a target is counted."""
        code = self._codes_of.get(target)  # by identity; a breached clock may have a target of its own
        return self._codes[target.policy, target.name] if code is None else code

    def era(self, instant: int) -> int:
        """The number of the policies in force."""
        return max(bisect_right(self._starts, instant) - 1, 0) if self.changes else 0

    def start(self, era: int) -> int | None:
        """From when on the policies of a number are in force; ``None`` if there are none yet."""
        return self._starts[era] if era < len(self._starts) else None

    def of(self, era: int) -> Policies:
        """The policies of a number."""
        return self._policies[era]


def built_in() -> Policies:
    """The policy without a file: what customers expect of each channel, around the clock."""
    always = AlwaysOpen("always", ZoneInfo("UTC"))
    expected = {"phone": 4 * MINUTE, "chat": 2 * MINUTE, "email": DAY_MINUTES * MINUTE, "social": HOUR}
    by_channel = {
        channel: {
            "first_reply": Target(
                "default", FIRST_REPLY, amount, always, steps=(amount * _EARLY_WARNING // 100,)
            )
        }
        for channel, amount in expected.items()
    }
    return Policies([Policy("default", Every(()), {}, by_channel=by_channel)], calendar=always)
