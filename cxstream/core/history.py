"""The last hour bar by bar, and the same hour a week ago: what small charts are drawn from.

Bars are half-open and aligned like panes, ``[k*width, (k+1)*width)``; the last one holds ``now`` and is still
filling. What comes in late corrects them, as it does the windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.answer import Json, of_cell, seconds
from cxstream.core.pane import Cell
from cxstream.core.report import whole_second
from cxstream.core.rules import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cxstream.core.rolling import Rolling

WEEK: Final = 7 * DAY
_NARROWEST: Final = 300_000  # ms: narrower bars of a usual helpdesk are noise
_WIDEST: Final = HOUR // 3  # ms: fewer bars are no chart
_SHOWN: Final = ("opened", "resolved", "reopened", "first_response", "response", "resolution", "csat")

Bars = list[tuple[int, Cell | None]]
"""Start of each bar in ms, and what is in it; ``None`` if its panes are no longer kept."""


def width(pane: int) -> int | None:
    """Width in ms of a bar over panes of ``pane`` ms; ``None`` if they are too wide for an hour's chart."""
    found = -(-_NARROWEST // pane) * pane
    return found if found <= _WIDEST else None


def starts(now: int, bar: int) -> list[int]:
    """Where the bars begin whose last one holds ``now``, ms: an hour, rounded down to whole bars."""
    last = now // bar * bar
    return [last - back * bar for back in reversed(range(HOUR // bar))]


def hours(now: int, bar: int) -> tuple[list[int], list[int]]:
    """Where the bars of the hour begin, and those of a week ago; none there if bars do not divide a week."""
    hour = starts(now, bar)
    return hour, [] if WEEK % bar else [at - WEEK for at in hour]


def bars(rolling: Rolling, now: int) -> Iterator[tuple[int, Cell | None]]:
    """The bars of one partition, hour and week ago, one by one so that the caller can let others run."""
    bar = width(rolling.step)
    if bar is not None:
        for at in (start for hour in hours(now, bar) for start in hour):
            yield at, rolling.between(at, at + bar)


def history(partitions: Sequence[Bars], now: int, pane: int) -> Json | None:
    """The sum of the partitions' bars as JSON; ``None`` without partitions, or where panes are too wide for charts.

    ``week_ago`` is ``None`` where its panes are not kept any more.
    """
    bar = width(pane)
    if bar is None or not partitions:
        return None
    sums: dict[int, Cell | None] = {}
    for found in partitions:
        for at, cell in found:
            total = sums.setdefault(at, Cell())
            if total is None or cell is None:
                sums[at] = None
            else:
                total.merge(cell)
    hour, before = hours(now, bar)
    return {
        "bar_seconds": seconds(bar),
        "hour": _told(hour, sums),
        "week_ago": _told(before, sums) if before else None,
    }


def _told(begins: Sequence[int], sums: dict[int, Cell | None]) -> list[Json] | None:
    told = []
    for at in begins:
        cell = sums.get(at, Cell())
        if cell is None:
            return None
        whole = of_cell(cell)
        told.append({"at": whole_second(at), **{name: whole[name] for name in _SHOWN}})
    return told
