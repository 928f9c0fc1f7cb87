"""Counts of tickets by what they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cxstream.core.change import AWAITING, IN_PROGRESS, NO_EVENTS, RESOLVED_NOW, VOID

if TYPE_CHECKING:
    from cxstream.core.change import Summary


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
        was, now, replies, replies_now = before.state, after.state, before.replies, after.replies
        if was != now:
            self._count(was, -1)
            self._count(now, 1)
        # These are 0 where they do not count: in a void ticket, and all but the orphans without an opening.
        self.replies += replies_now - replies
        if was == RESOLVED_NOW:
            self.one_touch -= replies == 1
        if now == RESOLVED_NOW:
            self.one_touch += replies_now == 1
        if before.reopened != after.reopened:
            self.reopened += after.reopened - before.reopened
        if before.negative != after.negative:
            self.negative += after.negative - before.negative
        if before.orphans != after.orphans:
            self.orphans += after.orphans - before.orphans

    def merge(self, other: Counts) -> None:
        """Add the counts of another partition."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def _count(self, state: int, sign: int) -> None:
        if state == NO_EVENTS:
            return
        self.entries += sign
        if state == AWAITING:
            self.awaiting += sign
        elif state == IN_PROGRESS:
            self.in_progress += sign
        elif state == RESOLVED_NOW:
            self.resolved += sign
        elif state == VOID:
            self.void += sign
