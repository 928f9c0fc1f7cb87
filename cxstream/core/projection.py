"""A projection: the numbers of tickets, added up one by one.

It has what :func:`cxstream.core.snapshot.snapshot` reads of a ledger and gets there another way: every measurement is
asked whether it lies in a window, every open ticket for its age. Slow, and too simple to be wrong; the audit holds
the ledgers against it. Its size does not depend on the number of tickets.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, cast

from cxstream.core.backlog import Row
from cxstream.core.change import AWAITING, IN_PROGRESS, NOTHING
from cxstream.core.counts import Counts
from cxstream.core.pane import AGE_BOUNDS, Cell
from cxstream.core.rolling import grouping
from cxstream.core.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Collection

    from cxstream.core.answer import Json
    from cxstream.core.change import Summary
    from cxstream.core.ledger import Ledger
    from cxstream.core.rolling import Group, Totals
    from cxstream.core.rules import Rules
    from cxstream.core.ticket import Ticket


class _Windows:
    """The windows as of one instant."""

    def __init__(self, rules: Rules, now: int) -> None:
        self.now = now
        self._totals: Totals = {window.name: {} for window in rules.windows}

    def totals(self) -> Totals:
        """The windows."""
        return self._totals


class _Backlog:
    """The backlog as of one instant."""

    def __init__(self) -> None:
        self._rows: dict[Group, Row] = {}

    def rows(self, _: int) -> dict[Group, Row]:
        """Every label set with an open ticket."""
        return self._rows


class Projection:
    """Numbers as of ``now`` (ms) of the tickets that are added."""

    def __init__(self, rules: Rules, now: int) -> None:
        self.counts = Counts()
        self.retained = Cell()
        self.clocks: Counter[tuple[int, int, str]] = Counter()
        self.rolling = _Windows(rules, now)
        self.backlog = _Backlog()
        self._rules, self._now = rules, now
        self._group, self._window_group = grouping(rules.labels), grouping(rules.window_labels)
        self._spans = [
            (self.rolling.totals()[window.name], window.step, *window.panes(now, rules.timezone))
            for window in rules.windows
        ]

    def add(self, ticket: Ticket, fired: int | None = None) -> None:
        """Count a ticket, on whose clocks time acts up to an instant, by default ``now``."""
        ticket.fire(self._now if fired is None else fired)
        self.counts.move(NOTHING, ticket.summary)
        self.clocks.update(ticket.running)
        for measurement in ticket.measurements():
            what, moment, labels, value = measurement[:4]
            self.retained.put(what, value)
            for cells, step, first, last in self._spans:
                if first <= moment // step <= last:
                    cells.setdefault(self._window_group(labels), Cell()).put(what, value)
        if ticket.summary.state in (AWAITING, IN_PROGRESS):
            self._open(ticket.summary)

    def snapshot(self) -> Json:
        """The numbers in the shape in which a worker shows them, without the instant."""
        told = snapshot(cast("Collection[Ledger]", [self]), self._rules, self._now)
        return {name: section for name, section in told.items() if name not in {"at", "now"}}

    def _open(self, summary: Summary) -> None:
        opening = summary.opening or 0
        age = max(0, self._now - opening)
        ages = [0] * (len(AGE_BOUNDS) + 1)
        ages[bisect_left(AGE_BOUNDS, age)] = 1
        waiting = summary.state == AWAITING
        row = Row(int(waiting), int(not waiting), opening, ages, age, opening if waiting else None)
        rows, group = self.backlog.rows(self._now), self._group(summary.labels)
        rows[group] = rows[group].plus(row) if group in rows else row
