"""Counts of tickets by what they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cxstream.core.ticket import AWAITING, IN_PROGRESS, NO_EVENTS, RESOLVED_NOW, UNKNOWN, VOID

if TYPE_CHECKING:
    from cxstream.core.ticket import Summary


class Counts(msgspec.Struct, gc=False):
    """Numbers of tickets, but for ``reopened`` (transitions), ``replies``, ``negative`` and ``orphans`` (events)."""

    entries: int = 0
    """Tickets of which anything is known."""
    awaiting: int = 0
    in_progress: int = 0
    resolved: int = 0
    """Resolved now."""
    void: int = 0
    one_touch: int = 0
    """Resolved now with exactly one qualifying reply."""
    reopened: int = 0
    replies: int = 0
    negative: int = 0
    orphans: int = 0

    @property
    def open(self) -> int:
        """Tickets open now."""
        return self.awaiting + self.in_progress

    @property
    def opened(self) -> int:
        """Tickets that have an opening and are not void."""
        return self.open + self.resolved

    def move(self, before: Summary, after: Summary) -> None:
        """Follow a ticket from one summary to the next."""
        self._add(before, -1)
        self._add(after, 1)

    def merge(self, other: Counts) -> None:
        """Add the counts of another partition."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def _add(self, summary: Summary, sign: int) -> None:
        state = summary.state
        if state == NO_EVENTS:
            return
        self.entries += sign
        self.orphans += sign * summary.orphans
        if state == UNKNOWN:
            return
        if state == VOID:
            self.void += sign
            return
        if state == RESOLVED_NOW:
            self.resolved += sign
            self.one_touch += sign * (summary.replies == 1)
        elif state == AWAITING:
            self.awaiting += sign
        elif state == IN_PROGRESS:
            self.in_progress += sign
        self.reopened += sign * summary.reopened
        self.replies += sign * summary.replies
        self.negative += sign * summary.negative
