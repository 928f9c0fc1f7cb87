"""Changes: what a ticket counts as, and what an event changes of that and of what it measures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from cxstream.core.cycle import OUTCOMES
from cxstream.core.frame import NONE, Labels

if TYPE_CHECKING:
    from cxstream.core.cycle import Transition
    from cxstream.core.measure import Measurement

NO_EVENTS, UNKNOWN, AWAITING, IN_PROGRESS, RESOLVED_NOW, VOID = range(6)
"""States of a ticket; ``UNKNOWN`` has events but no opening."""


class Summary(NamedTuple):
    """What a ticket counts as now; of a void ticket only the state says anything."""

    state: int
    labels: Labels
    opening: int | None = None
    reopened: int = 0
    replies: int = 0
    negative: int = 0
    orphans: int = 0


NOTHING: Final = Summary(NO_EVENTS, (NONE, NONE, NONE, NONE, NONE))

MANY: Final = 40
"""Measurements from which on counting them is quicker than looking each up among the others."""


_NO_TRANSITIONS: Final[list[Transition]] = []


class Change:
    """What an event changed: measurements to take out, to put in, and which of those are made for the first time."""

    __slots__ = ("added", "copies", "disproved", "fresh", "removed", "transitions")

    def __init__(
        self,
        removed: list[Measurement],
        added: list[Measurement],
        fresh: list[Measurement],
        transitions: list[Transition] = _NO_TRANSITIONS,
        disproved: list[Transition] = _NO_TRANSITIONS,
        *,
        copies: bool = False,
    ) -> None:
        self.removed = removed
        self.added = added
        self.fresh = fresh
        self.transitions = transitions
        """Of SLA clocks, those that are new."""
        self.disproved = disproved
        """Outcomes of SLA clocks that are none any more."""
        self.copies = copies
        """The event took the place of a copy of it."""


def compared(old: list[Transition], new: list[Transition]) -> tuple[list[Transition], list[Transition]]:
    """The transitions that are only in ``new``, and the outcomes that are only in ``old``; by what they say."""
    if not old:
        return new, []
    before, after = {each.key for each in old}, {each.key for each in new}
    return (
        [each for each in new if each.key not in before],
        [each for each in old if each.kind in OUTCOMES and each.key not in after],
    )


def difference(old: list[Measurement], new: list[Measurement]) -> tuple[list[Measurement], list[Measurement]]:
    """What is only in ``old``, and what is only in ``new``."""
    start = 0
    for a, b in zip(old, new, strict=False):
        if a != b:
            break
        start += 1
    old, new = old[start:], new[start:]
    if not old or not new:
        return old, new
    if len(old) + len(new) > MANY:
        before, after = Counter(old), Counter(new)
        return list((before - after).elements()), list((after - before).elements())
    removed = []
    for measurement in old:
        if measurement in new:
            new.remove(measurement)
        else:
            removed.append(measurement)
    return removed, new
