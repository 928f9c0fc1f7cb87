"""A frame: what holds for a whole ticket while its events are folded."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING, Final

from cxstream.core.event import AnyEvent, Opened, Updated

if TYPE_CHECKING:
    from collections.abc import Iterable

NONE: Final = "none"
"""The label value of what is not known."""

Labels = tuple[str, str, str, str, str]
"""Label values in the order of :data:`cxstream.core.rules.LABELS`: team, channel, priority, source, kind."""

Order = tuple[int, int, str]


def order(event: AnyEvent) -> Order:
    """The order in which events are kept: by time, then topic, then id."""
    return (event.at, event.rank, event.event_id)


class Frame:
    """The opening, the hand-offs, and per label the earliest value known."""

    __slots__ = ("_firsts", "earliest", "handoffs", "opening", "skew", "source")

    def __init__(self, source: str, skew: int) -> None:
        self.source = source
        self.skew = skew
        """How long before the opening an event may be dated and still belong to it, in ms."""
        self.opening: Opened | None = None
        """The earliest ``ticket-opened``; without one, only surveys count."""
        self.handoffs: list[int] = []
        """Distinct instants since when a human has been responsible, sorted."""
        self.earliest: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None)
        """The earliest known team, channel, priority and kind."""
        self._firsts: list[tuple[tuple[int, int, Order], str] | None] = [None] * 4

    def since(self, start: int, reply: int) -> int:
        """``start``, or the last hand-off not after ``reply`` if that is later."""
        if self.handoffs:
            index = bisect_right(self.handoffs, reply)
            if index:
                return max(start, self.handoffs[index - 1])
        return start

    def learn(self, event: AnyEvent, others: Iterable[AnyEvent], reply: int | None) -> bool:
        """Take what a new event says of the whole ticket; whether that changes what ``others`` measure.

        ``reply`` is the time of the last qualifying reply among them, ms.
        """
        if isinstance(event, Opened) and (self.opening is None or order(event) < order(self.opening)):
            self.opening = event
            self._firsts = [None] * 4
            for other in others:
                self._learn_labels(other)
            self._learn_labels(event)
            self._learn_handoff(event, None)
            return True
        changed = self._learn_handoff(event, reply)
        return self._learn_labels(event) or changed

    def relearn(self, events: Iterable[AnyEvent]) -> None:
        """Begin anew with ``events``, in the order in which they are kept."""
        events = list(events)
        self.opening = next((event for event in events if isinstance(event, Opened)), None)
        self.handoffs = []
        self._firsts = [None] * 4
        self.earliest = (None, None, None, None)
        for event in events:
            self._learn_handoff(event, None)
            self._learn_labels(event)

    def _learn_handoff(self, event: AnyEvent, reply: int | None) -> bool:
        since = event.human_since if isinstance(event, Opened | Updated) else None
        if since is None or since in self.handoffs:
            return False
        insort(self.handoffs, since)
        return reply is not None and since <= reply

    def _learn_labels(self, event: AnyEvent) -> bool:
        firsts, changed, place = self._firsts, False, None
        for i, value in enumerate((event.team, event.channel, event.priority, event.kind)):
            if value is None:
                continue
            first = firsts[i]
            if first is not None and first[0][0] < event.at:
                continue
            place = place or self._place(event)
            if first is None or place < first[0]:
                firsts[i] = (place, value)
                changed = True
        if changed:
            team, channel, priority, kind = (first[1] if first else None for first in firsts)
            self.earliest = (team, channel, priority, kind)
        return changed

    def _place(self, event: AnyEvent) -> tuple[int, int, Order]:
        """The event's place in the ticket's order, where the opening precedes what was dated before it."""
        opening = self.opening
        if opening is not None:
            if event is opening:
                return (event.at, 0, order(event))
            if opening.at - self.skew <= event.at < opening.at:
                return (opening.at, 1, order(event))
        return (event.at, 2, order(event))
