"""An account: what the pages of a ticket add up to, kept page by page.

The state in which the fold enters a page is remembered with it, so that an event costs the refolding of its page, and
of the following ones only as far as the states between them change. What holds only at the end (the resolution in
force, what time has done to the SLA clocks since the last event) is kept apart.
"""

from __future__ import annotations

from typing import Final

from cxstream.core.change import NOTHING
from cxstream.core.cycle import Transition
from cxstream.core.frame import Frame
from cxstream.core.measure import Measurement, State, SurveyKey, Yield, fold
from cxstream.core.timeline import Timeline
from cxstream.core.watch import NOTHING_SINCE, Since

_BLANK: Final = State(NOTHING.labels)


class Account:
    """The pages of a ticket and their sum."""

    __slots__ = ("_answers", "_end", "_since", "_state", "_sums", "fired_until", "frame", "timeline")

    def __init__(self, frame: Frame, facts: Timeline) -> None:
        self.frame = frame
        self.timeline = facts
        self.fired_until = 0
        """Up to which instant time has acted on the SLA clocks; never after the clock of the worker, ms."""
        # What the fold has come to. Of a ticket of one page the sums and answers are those of its page, the same
        # objects; of a longer one they are the totals of its pages.
        self._state = _BLANK
        self._sums: Yield
        self._answers: dict[SurveyKey, Measurement]
        self._end: tuple[Measurement, ...] = ()
        self._since: Since = NOTHING_SINCE

    @property
    def since(self) -> Since:
        """What time has done to the SLA clocks since the last event; another one whenever they change."""
        return self._since

    def _grow(self) -> None:
        """A further page begins with the event that is put last."""
        pages = self.timeline.pages
        if len(pages) == 2:
            total = Yield()
            total.count(self._sums)
            self._sums, self._answers = total, dict(self._answers)
        pages[-1].entry = self._state.copy()
        pages[-1].out = Yield()

    def _fold_all(self, *, known: bool = False) -> None:
        """Fold everything anew, and learn it, unless it is known."""
        pages, frame = self.timeline.pages, self.frame
        if len(pages) == 1:
            page = pages[0]
            if not known:
                frame.relearn(page.events)
            self._state, self._sums = State(frame.labels), Yield()
            fold(page.events, frame, self._state, self._sums, first=True)
            page.out, self._answers = self._sums, self._sums.answers
            return
        if not known:
            frame.relearn(list(self.timeline))
        self._sums, self._answers = Yield(), {}
        state, index = State(frame.labels), 0
        while index < len(pages):
            first, last = self._section(index)
            pages[first].entry = state
            out, state = self._fold_section(first, last)
            self._sums.count(out)
            self._answers |= out.answers
            index = last + 1
        self._state = state

    def _fold_section(self, first: int, last: int) -> tuple[Yield, State]:
        pages = self.timeline.pages
        entry = pages[first].entry
        state = State(self.frame.labels) if entry is None else entry.copy()
        out = Yield()
        fold(self.timeline.between(first, last), self.frame, state, out, first=first == 0)
        for page in pages[first:last]:
            page.out = None
        pages[last].out = out
        return out, state

    def _section(self, index: int) -> tuple[int, int]:
        opening = self.frame.opening
        return self.timeline.section(index, None if opening is None else opening.at)

    def _refold(
        self, index: int
    ) -> tuple[list[Measurement], list[Measurement], list[Transition], list[Transition]]:
        """Refold from a page on until nothing changes any more.

        The measurements before and after, and the transitions before and after; without those at the end.
        """
        old: list[Measurement] = []
        new: list[Measurement] = []
        old_moves: list[Transition] = []
        new_moves: list[Transition] = []
        keys: set[SurveyKey] = set()
        pages = self.timeline.pages
        first, last = self._section(index)
        while True:
            for page in pages[first : last + 1]:
                if page.out is not None:
                    old += page.out.measurements
                    old_moves += page.out.transitions
                    keys |= page.out.answers.keys()
                    self._sums.count(page.out, -1)
            out, state = self._fold_section(first, last)
            new += out.measurements
            new_moves += out.transitions
            keys |= out.answers.keys()
            self._sums.count(out)
            if last + 1 == len(pages):
                self._state = state
                break
            entry = pages[last + 1].entry
            if entry is not None and entry.same(state):
                break
            pages[last + 1].entry = state
            first, last = self._section(last + 1)
        for key in keys:
            if key in self._answers:
                old.append(self._answers[key])
            self._answers[key] = next(
                page.out.answers[key] for page in reversed(pages) if page.out and key in page.out.answers
            )
            new.append(self._answers[key])
        return old, new, old_moves, new_moves

    def _all(self) -> list[Measurement]:
        """All measurements, as if the ticket were not void."""
        pages = self.timeline.pages
        if len(pages) == 1:
            found = self._sums.measurements.copy()
        else:
            found = [m for page in pages if page.out is not None for m in page.out.measurements]
        if self._answers:
            found += self._answers.values()
        found += self._at_end()
        return found

    def _at_end(self) -> list[Measurement]:
        """The measurements that hold at the end only."""
        return [*self._end, *self._since.measurements]

    def _moves(self) -> list[Transition]:
        """All transitions of the SLA clocks, as if the ticket were not void."""
        if self.frame.policies is None:
            return []
        pages = self.timeline.pages
        found = [each for page in pages if page.out is not None for each in page.out.transitions]
        return found + self._since.transitions
