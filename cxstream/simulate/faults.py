"""Faults: what a transport does to events on their way, whatever the helpdesk."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from cxstream.simulate.chance import draw, lognormal
from cxstream.simulate.instant import SECOND, SPELLINGS, respelled, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from cxstream.simulate.scenario import Faults
    from cxstream.simulate.ticket import Said

_REDELIVERY: Final = lognormal(20 * SECOND, 1.5)
_DISORDER: Final = lognormal(15 * SECOND, 1.2)
_SLOW_CLOCK: Final = lognormal(90 * SECOND, 0.8)
_FAST_CLOCK: Final = lognormal(4 * SECOND, 0.8)
_WORDS: Final = ("channel", "priority", "kind", "author", "opened_by", "outcome", "survey", "status")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to a topic."""

    deliver_at: int
    """When (ms UTC) the transport hands it over."""
    topic: str
    key: str
    """The ticket id."""
    value: dict[str, object]
    """The flat JSON object; redeliveries may share it, so it must not be changed."""


_Entry = tuple[int, int, str, str, dict[str, object]]  # due, number, topic, key, value


class Transport:
    """Carries events, with the delays and faults of ``faults``, and hands them over in order of delivery."""

    __slots__ = ("_count", "_delay", "_faults", "_late", "_random", "_under_way")

    def __init__(self, faults: Faults, random: Random) -> None:
        self._faults = faults
        self._random = random.random
        self._delay = lognormal(faults.delay, 0.7)
        self._late = lognormal(faults.late_by, 1.4)
        self._under_way: list[_Entry] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._under_way)

    def carry(self, events: Iterable[Said]) -> Iterator[Delivery]:
        """The deliveries of ``events``, which come in the order in which they happen."""
        under_way, random, delay = self._under_way, self._random, self._delay
        faults = self._faults
        any_fault = faults.duplicates + faults.late + faults.disordered + faults.skewed + faults.fast
        for at, topic, key, said in events:
            while under_way and under_way[0][0] <= at:
                yield _delivery(heappop(under_way))
            self._count += 1
            due = at + draw(delay, random())
            fault = random()
            value = said
            if fault < any_fault:
                due, value = self._fail(fault, at, due, topic, key, said)
            heappush(under_way, (due, self._count, topic, key, value))
        while under_way:
            yield _delivery(heappop(under_way))

    def _fail(
        self, fault: float, at: int, due: int, topic: str, key: str, value: dict[str, object]
    ) -> tuple[int, dict[str, object]]:
        """One fault: the event's new time of delivery and content."""
        faults, random = self._faults, self._random
        fault -= faults.duplicates
        if fault < 0:
            again = value
            if random() < faults.respelled:
                again = _respelled(value, at, int(random() * SPELLINGS))
            self._count += 1
            heappush(self._under_way, (due + draw(_REDELIVERY, random()), self._count, topic, key, again))
            return due, value
        fault -= faults.late
        if fault < 0:
            return at + draw(self._late, random()), value
        fault -= faults.disordered
        if fault < 0:
            return due + draw(_DISORDER, random()), value
        fault -= faults.skewed
        if fault < 0:
            if topic == "agent-replied":
                return due, {**value, "occurred_at": rfc3339(at - draw(_SLOW_CLOCK, random()))}
            return due, value
        return due, {**value, "occurred_at": rfc3339(at + draw(_FAST_CLOCK, random()))}


def _delivery(entry: _Entry) -> Delivery:
    due, _, topic, key, value = entry
    return Delivery(due, topic, key, value)


def _respelled(value: dict[str, object], at: int, kind: int) -> dict[str, object]:
    """The same content in other words; ``kind`` chooses the spelling of the time."""
    again: dict[str, object] = {
        **value,
        "occurred_at": respelled(at, kind),
        "redelivered": True,
        "kind_of_copy": None,
    }
    again["ticket_id"] = int(str(value["ticket_id"]))
    for field in _WORDS:
        word = again.get(field)
        if isinstance(word, str):
            again[field] = word.upper()
    score = again.get("score")
    if isinstance(score, int):
        again["score"] = float(score)
    return again
