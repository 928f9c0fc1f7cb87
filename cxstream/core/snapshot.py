"""The snapshot: what ledgers hold now, in the shape of the report as far as it is kept (CONTRACT section 6)."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from cxstream.core import attainment
from cxstream.core.answer import Json, named, of_cell, seconds
from cxstream.core.counts import Counts
from cxstream.core.instant import format_instant
from cxstream.core.pane import AGE_BOUNDS, MEASURES, SURVEYS, Cell
from cxstream.core.report import tickets, whole_second

if TYPE_CHECKING:
    from collections.abc import Collection

    from cxstream.core.backlog import Row
    from cxstream.core.ledger import Ledger
    from cxstream.core.policy import PolicyHistory
    from cxstream.core.rolling import Group, Totals
    from cxstream.core.rules import Rules

_AGES: Final = named(seconds(bound) for bound in AGE_BOUNDS)


def snapshot(ledgers: Collection[Ledger], rules: Rules, now: int) -> Json:
    """The sum over ``ledgers`` as of ``now`` (ms); ``ValueError`` if that is too long ago.

    Sums, counts and buckets of several snapshots of one ``now`` add up; percentiles and means do not.
    """
    counts, retained, policies = Counts(), Cell(), rules.policies
    clocks: Counter[tuple[int, int, str]] = Counter()
    windows: Totals = {window.name: {} for window in rules.windows}
    backlog: dict[Group, Row] = {}
    for ledger in ledgers:
        counts.merge(ledger.counts)
        retained.merge(ledger.retained)
        clocks.update(ledger.clocks)
        for name, groups in (
            ledger.rolling.totals() if now == ledger.rolling.now else ledger.rolling.at(now)
        ).items():
            for group, cell in groups.items():
                windows[name].setdefault(group, Cell()).merge(cell)
        for group, row in ledger.backlog.rows(now).items():
            other = backlog.get(group)
            backlog[group] = row if other is None else other.plus(row)
    whole = of_cell(retained)
    worked = attainment.of_cell(policies, retained)
    at = whole_second(now)
    return {
        "at": at,
        "now": at,
        "events": {"orphan": counts.orphans, "negative": counts.negative},
        "tickets": tickets(counts),
        **{name: whole[name] for name in (*MEASURES, *SURVEYS)},
        **worked,
        **attainment.running(policies, worked.get("sla", {}), clocks),
        **attainment.states(policies, clocks),
        "windows": {name: _numbers(policies, _sum(groups)) for name, groups in windows.items()},
        "backlog": [_backlog(rules, group, row) for group, row in sorted(backlog.items())],
        "groups": [
            {
                "labels": dict(zip(rules.window_labels, group, strict=True)),
                "windows": {
                    name: _numbers(policies, groups[group])
                    for name, groups in windows.items()
                    if group in groups
                },
            }
            for group in sorted({group for groups in windows.values() for group in groups})
        ],
    }


def _numbers(policies: PolicyHistory | None, cell: Cell) -> Json:
    return of_cell(cell) | attainment.of_cell(policies, cell)


def _sum(groups: dict[Group, Cell]) -> Cell:
    total = Cell()
    for cell in groups.values():
        total.merge(cell)
    return total


def _backlog(rules: Rules, group: Group, row: Row) -> Json:
    cumulative = list(accumulate(row.ages))
    return {
        "labels": dict(zip(rules.labels, group, strict=True)),
        "awaiting_first_reply": row.awaiting,
        "in_progress": row.in_progress,
        "oldest": _instant(row.oldest),
        "oldest_awaiting": _instant(row.oldest_awaiting),
        "age": {
            "count": cumulative[-1],
            "sum_seconds": seconds(row.age_sum),
            "buckets": dict(zip(_AGES, cumulative, strict=True)),
        },
    }


def _instant(at: int | None) -> str | None:
    return None if at is None else format_instant(at)
