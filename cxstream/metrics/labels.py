"""Bounds on label values, so that no publisher can flood a Prometheus with series.

Only ``/metrics`` is bounded: ledgers, the snapshot and reports keep every name. What is not shown by name is
added up as ``other``; nothing is lost from a sum.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from cxstream.core.event import CHANNELS, KINDS, PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cxstream.metrics.observed import Options

NONE: Final = "none"
OTHER: Final = "other"
OPEN: Final = ("team", "source")
"""Labels whose values publishers choose."""
CLOSED: Final = {"channel": frozenset(CHANNELS), "priority": frozenset(PRIORITIES), "kind": frozenset(KINDS)}

_LONGEST: Final = 200  # characters; a longer name is an accident, and every sample would carry it
# Control characters, line separators, and halves of surrogate pairs, which have no UTF-8.
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

LabelSet = tuple[str, ...]


def escape(value: str) -> str:
    """A label value as it stands between the quotes, in both formats."""
    return value.translate(_ESCAPES)


def fit(name: str) -> bool:
    """Whether a name can be shown at all."""
    return 0 < len(name) <= _LONGEST and not _UNFIT.search(name)


class Bounds:
    """Which names one scrape shows: ``Bounds(options, live, counted).value("team", "billing")``.

    ``live`` are the names of live values by label, ``counted`` those that only cumulative numbers know. Live
    names come first, in sorted order; counted ones fill what room is left.
    """

    def __init__(self, options: Options, live: dict[str, set[str]], counted: dict[str, set[str]]) -> None:
        self._shown: dict[str, frozenset[str]] = dict(CLOSED)
        for label in OPEN:
            if label == "team" and options.teams:
                names = [name for name in options.teams if fit(name)]
            else:
                names = _first(options.max_label_values, live.get(label, set()), counted.get(label, set()))
            self._shown[label] = frozenset(names)
        self._known: dict[tuple[LabelSet, LabelSet], LabelSet] = {}

    def value(self, label: str, name: str) -> str:
        """What is shown for a name."""
        if not name or name == NONE:
            return NONE
        return name if name in self._shown[label] else OTHER

    def label_set(self, labels: Sequence[str], names: LabelSet) -> LabelSet:
        """What is shown for a whole label set; ``labels`` are the labels' names in its order."""
        key = (tuple(labels), names)
        shown = self._known.get(key)
        if shown is None:
            shown = self._known[key] = tuple(map(self.value, labels, names))
        return shown


def collect(labels: Sequence[str], sets: Collection[LabelSet], into: dict[str, set[str]]) -> None:
    """Add the names that label sets use to ``into``, by label."""
    for label in OPEN:
        if label in labels:
            into.setdefault(label, set()).update(map(itemgetter(labels.index(label)), sets))


def _first(most: int, live: set[str], counted: set[str]) -> list[str]:
    names = sorted(name for name in live if name not in {NONE, OTHER} and fit(name))[:most]
    if len(names) < most:
        rest = (name for name in counted - live if name not in {NONE, OTHER} and fit(name))
        names += sorted(rest)[: most - len(names)]
    return names
