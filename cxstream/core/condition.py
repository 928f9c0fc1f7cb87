"""Conditions: to which tickets a policy applies.

    Every((Field("channel", ("phone",)), Field("tags", ("vip*",)))).holds(traits)

A field holds if its value is one of the patterns, which are names or globs (``*``, ``?``, ``[…]``), case and all; of
tags any one will do. A ticket that has no value has ``none``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from cxstream.core.frame import Labels
from cxstream.core.rules import LABELS

FIELDS: Final = (*LABELS, "tags")
"""What a condition can look at."""

_WILD: Final = frozenset("*?[")


class Traits(NamedTuple):
    """What a ticket is known by; ``tags`` are sorted."""

    labels: Labels
    tags: tuple[str, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a field."""
        return self.tags if name == "tags" else (self.labels[LABELS.index(name)],)


class Condition(Protocol):
    """What all kinds of conditions have in common."""

    def holds(self, traits: Traits) -> bool:
        """Whether a ticket fulfils it."""

    def text(self) -> str:
        """The condition for people, in one line."""


@dataclass(frozen=True)
class Field:
    """One field against some patterns."""

    name: str
    patterns: tuple[str, ...]

    @cached_property
    def _match(self) -> re.Pattern[str]:
        return re.compile(
            "|".join(translate(p) if _WILD.intersection(p) else re.escape(p) for p in self.patterns)
        )

    def holds(self, traits: Traits) -> bool:
        """Whether one of the values is one of the patterns."""
        return any(self._match.fullmatch(value) for value in traits.values(self.name))

    def text(self) -> str:
        """``channel=phone|chat``."""
        return f"{self.name}={'|'.join(self.patterns)}"

    def covers(self, other: Field) -> bool:
        """Whether every value that the other accepts is accepted here; ``False`` where that is hard to say."""
        return self.name == other.name and all(
            pattern in self.patterns
            or (not _WILD.intersection(pattern) and any(fnmatchcase(pattern, ours) for ours in self.patterns))
            for pattern in other.patterns
        )


@dataclass(frozen=True)
class Every:
    """All of some conditions; without any it holds always."""

    parts: tuple[Condition, ...]

    def holds(self, traits: Traits) -> bool:
        """Whether all hold."""
        return all(part.holds(traits) for part in self.parts)

    def text(self) -> str:
        """``channel=phone and tags=vip``; ``always`` without parts."""
        return " and ".join(_inner(part) for part in self.parts) or "always"


@dataclass(frozen=True)
class Some:
    """At least one of some conditions."""

    parts: tuple[Condition, ...]

    def holds(self, traits: Traits) -> bool:
        """Whether one holds."""
        return any(part.holds(traits) for part in self.parts)

    def text(self) -> str:
        """``channel=phone or tags=vip``."""
        return " or ".join(_inner(part) for part in self.parts)


@dataclass(frozen=True)
class Not:
    """The contrary of a condition."""

    part: Condition

    def holds(self, traits: Traits) -> bool:
        """Whether it does not hold."""
        return not self.part.holds(traits)

    def text(self) -> str:
        """``not channel=phone``."""
        return f"not {_inner(self.part)}"


def _inner(part: Condition) -> str:
    return f"({part.text()})" if isinstance(part, Every | Some) and len(part.parts) > 1 else part.text()


def fields(condition: Condition) -> frozenset[str]:
    """The names of the fields that a condition looks at."""
    match condition:
        case Field():
            return frozenset({condition.name})
        case Every() | Some():
            return frozenset[str]().union(*map(fields, condition.parts))
        case Not():
            return fields(condition.part)
    return frozenset(FIELDS)


def shadows(earlier: Condition, later: Condition) -> bool:
    """Whether no ticket can get past ``earlier`` and fulfil ``later``; ``False`` where that is hard to say."""
    if earlier == later:
        return True
    ours = earlier.parts if isinstance(earlier, Every) else (earlier,)
    theirs = later.parts if isinstance(later, Every) else (later,)
    return all(
        any(
            part == other or (isinstance(part, Field) and isinstance(other, Field) and part.covers(other))
            for other in theirs
        )
        for part in ours
    )
