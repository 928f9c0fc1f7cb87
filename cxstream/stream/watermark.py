"""The watermark of a partition: up to which instant all that was published is known to have been applied.

A deadline may pass only when nothing that is still to be read could have met it. So the end offsets of the topics are
asked for, and when everything before them has been applied, deadlines up to the instant of the question may pass. A
worker that catches up after a pause raises no alarm about tickets whose replies it has yet to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_STILL: Final = 3_000
"""ms without progress, at the end of which the broker still answers, after which the ends count as reached: the last
offsets may be markers of transactions, which are never delivered; records would have been by then."""


class Watermark:
    """Instants are those of the worker's clock, but for ``wall``; all in ms."""

    __slots__ = ("_asked", "_ends", "_heard", "_marks", "_since", "instant")

    def __init__(self) -> None:
        self.instant = 0
        self._asked: int | None = None
        self._ends: Mapping[str, int] = {}
        self._marks: Mapping[str, int] = {}
        self._since = self._heard = 0

    def ask(self, instant: int, ends: Mapping[str, int], wall: int) -> None:
        """Take note of the ends of all topics (names in Kafka) as of an instant.

        Unless earlier ones are not reached yet: under a steady load later ones would always be ahead.
        """
        self._heard = wall
        if self._asked is None:
            self._asked, self._ends, self._marks, self._since = instant, ends, {}, wall

    def look(self, marks: Mapping[str, int], wall: int) -> int:
        """Return the watermark, given the last offset applied of each topic."""
        if self._asked is not None:
            if marks != self._marks:
                self._marks, self._since = dict(marks), wall
            reached = all(marks.get(name, -1) + 1 >= end for name, end in self._ends.items())
            if reached or self._heard - self._since > _STILL:
                self.instant, self._asked = max(self.instant, self._asked), None
        return self.instant
