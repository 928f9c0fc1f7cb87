"""SLA rows: what was promised, and what became of it, from a copy of the numbers to samples.

Outcomes are shown where there are any, but for the counters: those stand at 0 for every known label set, so that the
first breach is an increase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.cycle import STATES
from cxstream.core.event import PRIORITIES
from cxstream.core.frame import NONE
from cxstream.core.pane import SECOND
from cxstream.metrics.counted import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.core.policy import Objective, Policies, Target
    from cxstream.metrics.labels import LabelSet
    from cxstream.metrics.samples import Row
    from cxstream.metrics.view import View

ANY: Final = "any"
"""The priority of a target that holds for all of them."""


def window(view: View) -> Iterator[Row]:
    """Evaluations in the rolling windows."""
    for labels, cell in view.cells:
        for series, names in enumerate(view.series):
            counts = cell.evaluations(series)[: len(OUTCOMES)]
            if any(counts):
                for outcome, count in zip(OUTCOMES, counts, strict=True):
                    yield (*labels, *names, outcome), count


def total(view: View) -> Iterator[Row]:
    """Evaluations since the process began."""
    for labels, numbers in view.evaluated:
        for series, names in enumerate(view.series):
            for place, outcome in enumerate(OUTCOMES):
                yield (*labels, *names, outcome), numbers[series * len(OUTCOMES) + place]


def running(view: View) -> Iterator[Row]:
    """Clocks that run now."""
    found: dict[LabelSet, list[int]] = {}
    for partition in view.copied.live:
        for (series, state, team), count in partition.clocks.items():
            if count:
                key = (*view.series[series], view.bounds.value("team", team))
                found.setdefault(key, [0] * len(STATES))[state] += count
    for (policy, target, team), counts in sorted(found.items()):
        for name, count in zip(STATES, counts, strict=True):
            yield (policy, target, name, team), count


def targets(view: View) -> Iterator[Row]:
    """The time that each target allows, by priority; ``any`` where none is named, a channel's own left out."""
    for (policy, target, priority), promise in _by_priority(view.promised):
        yield (policy, target, priority), promise.amount / SECOND


def objectives(view: View) -> Iterator[Row]:
    """The share of each target's evaluations that is to be met; the same for all priorities."""
    if view.promised is None:
        return
    wanted: dict[tuple[str, str], Objective] = {(o.policy, o.target): o for o in view.promised.objectives}
    for (policy, target, priority), _ in _by_priority(view.promised):
        objective = wanted.get((policy, target))
        if objective is not None:
            yield (policy, target, priority), objective.ratio


def _by_priority(policies: Policies | None) -> Iterator[tuple[tuple[str, str, str], Target]]:
    """The shortest target per policy, target and priority, as far as one holds without regard to the channel.

    What only channels set is shown with the shortest of them, so that no target is without a row.
    """
    for policy in () if policies is None else policies.policies:
        found: dict[tuple[str, str, str], Target] = {}
        for name, target in policy.targets.items():
            found[policy.name, name, ANY] = target
        for priority in (*PRIORITIES, NONE):
            for name, target in policy.by_priority.get(priority, {}).items():
                found[policy.name, name, priority] = target
        shown = {name for _, name, _ in found}
        for layer in policy.by_channel.values():
            for name, target in layer.items():
                key = (policy.name, name, ANY)
                if name not in shown and (key not in found or target.amount < found[key].amount):
                    found[key] = target
        yield from sorted(found.items())
