"""Cumulative numbers as they are shown: by bounded label sets, and still never going down.

Which names are shown can change between scrapes, when newer ones push older ones beyond the bound. Numbers
are therefore not just added up under today's names:

* a series that goes on keeps everything it has ever shown;
* a series that disappears hands its past over to the one that takes its place, so that sums stay right;
* a name that comes out of ``other`` starts at 0, its past stays there.
"""

from __future__ import annotations

from itertools import product
from operator import add, sub
from typing import TYPE_CHECKING, Final

from cxstream.core.event import CHANNELS, DEFAULT_SOURCE, KINDS, PRIORITIES
from cxstream.core.pane import BOUNDS, CATEGORIES, EVALUATED, FLOWS, SURVEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cxstream.metrics.copied import Copied
    from cxstream.metrics.labels import LabelSet

Numbers = list[int]
"""One label set's cumulative numbers; durations in ms."""

DURATIONS: Final = ("first_response", "response", "resolution")
WIDTH: Final = len(BOUNDS) + 2
"""Slots of a duration: counts per bucket, +Inf among them, and the sum."""
_FLOW: Final = {flow: slot for slot, flow in enumerate(FLOWS)}
_ANSWER: Final = {
    key: len(_FLOW) + slot
    for slot, key in enumerate((survey, category) for survey in SURVEYS for category in CATEGORIES[survey])
}
_DURATION: Final = {name: len(_FLOW) + len(_ANSWER) + slot * WIDTH for slot, name in enumerate(DURATIONS)}
OUTCOMES: Final = EVALUATED[:2]
"""The outcomes by which an SLA target is evaluated: each cycle has one of them."""
_SIZE: Final = len(_FLOW) + len(_ANSWER) + len(DURATIONS) * WIDTH

_MOST_CONFIGURED: Final = 100  # label sets that stand at 0 before anything was seen: ~90 samples each


def flow(numbers: Numbers, name: str) -> int:
    """Number of transitions."""
    return numbers[_FLOW[name]]


def answers(numbers: Numbers, survey: str, category: str) -> int:
    """Number of answers."""
    return numbers[_ANSWER[survey, category]]


def duration(numbers: Numbers, name: str) -> tuple[list[int], int]:
    """Counts per bucket and sum in ms."""
    base = _DURATION[name]
    return numbers[base : base + WIDTH - 1], numbers[base + WIDTH - 1]


def gather(copied: Copied) -> dict[LabelSet, Numbers]:
    """The tally's numbers by its own label sets."""
    found: dict[LabelSet, Numbers] = {}

    def at(labels: LabelSet) -> Numbers:
        numbers = found.get(labels)
        if numbers is None:
            numbers = found[labels] = [0] * _SIZE
        return numbers

    for (name, labels), count in copied.flows.items():
        at(labels)[_FLOW[name]] = count
    for (survey, category, labels), count in copied.answers.items():
        at(labels)[_ANSWER[survey, category]] = count
    for (measure, labels), (_, counts, total) in copied.measures.items():
        base = _DURATION[measure]
        at(labels)[base : base + WIDTH] = (*counts, total)
    return found


def gather_evaluations(copied: Copied, series: int) -> dict[LabelSet, Numbers]:
    """How often each of so many SLA targets was met and breached, in turn, by the tally's label sets."""
    found: dict[LabelSet, Numbers] = {}
    for (number, outcome, labels), count in copied.evaluations.items():
        if outcome in OUTCOMES:
            numbers = found.setdefault(labels, [0] * (series * len(OUTCOMES)))
            numbers[number * len(OUTCOMES) + OUTCOMES.index(outcome)] = count
    return found


def configured(labels: Sequence[str], teams: Sequence[str]) -> Iterable[LabelSet]:
    """Label sets that are known before anything was seen; none if they would be too many."""
    values: dict[str, Sequence[str]] = {
        "team": teams,
        "channel": CHANNELS,
        "priority": PRIORITIES,
        "source": (DEFAULT_SOURCE,),
        "kind": KINDS,
    }
    most = 1
    for label in labels:
        most *= len(values[label])
    return product(*(values[label] for label in labels)) if teams and most <= _MOST_CONFIGURED else ()


class Counted:
    """Remembers between scrapes what was shown where."""

    def __init__(self, size: int = _SIZE) -> None:
        """``size`` is how many numbers a label set has."""
        self._size = size
        self._places: dict[LabelSet, LabelSet] = {}
        self._left: dict[LabelSet, Numbers] = {}
        """By the tally's label sets: what stayed behind where it was shown before."""
        self._kept: dict[LabelSet, Numbers] = {}
        """By shown label sets: what stayed there when its label set moved elsewhere."""
        self._known: set[LabelSet] = set()

    def show(
        self,
        gathered: dict[LabelSet, Numbers],
        known: Iterable[LabelSet],
        place: Callable[[LabelSet], LabelSet],
    ) -> dict[LabelSet, Numbers]:
        """The numbers by shown label sets; ``known`` ones stand at 0 if nothing was counted.

        ``place`` says what is shown for a label set; ``place(place(x)) == place(x)`` as long as names stand.
        """
        self._known.update(map(place, known))
        self._known = {shown for shown in self._known if place(shown) == shown}
        for shown in [shown for shown in self._kept if place(shown) != shown]:
            _add(self._kept, place(shown), self._kept.pop(shown))
        totals: dict[LabelSet, Numbers] = {}
        for labels, numbers in gathered.items():
            shown = place(labels)
            before = self._places.get(labels, shown)
            if before != shown:
                if place(before) == before:
                    _add(self._kept, before, self._since(labels, numbers))
                    self._left[labels] = numbers
                self._places[labels] = shown
            elif labels not in self._places:
                self._places[labels] = shown
            _add(totals, shown, self._since(labels, numbers))
        for shown, numbers in self._kept.items():
            _add(totals, shown, numbers)
        for shown in self._known - totals.keys():
            totals[shown] = [0] * self._size
        self._known.update(totals)
        return totals

    def _since(self, labels: LabelSet, numbers: Numbers) -> Numbers:
        left = self._left.get(labels)
        return numbers if left is None else list(map(sub, numbers, left))


def _add(totals: dict[LabelSet, Numbers], shown: LabelSet, numbers: Numbers) -> None:
    before = totals.get(shown)
    totals[shown] = numbers if before is None else list(map(add, before, numbers))
