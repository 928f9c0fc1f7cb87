"""The wallboard in a terminal: what ``cxstream top`` and the demo show."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from cxstream.cli.console import in_words, printable
from cxstream.metrics.definitions import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

Json = dict[str, Any]

_TIMES: Final = ("first_response", "response", "resolution")
_BLOCKS: Final = "▁▂▃▄▅▆▇"  # none as high as the line: bars of two lines would touch
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60))
_NOTHING: Final = "-"
_WIDE: Final = 132  # columns of a screen on which charts find room
_BEHIND: Final = 1_000  # events from which on the screen says so, as the page does: less is passing
_NAMES: Final = 14  # columns of names: the tables stand in line
_TILES: Final = ("open", "awaiting", "longest", "oldest", "in_progress", "aged", "at_risk", "breached")
_SPANS: Final = ("longest", "oldest")


@dataclass(frozen=True, slots=True)
class View:
    """One moment of a fleet: how complete it is, and its wallboard."""

    numbers: Json
    complete: bool
    reason: str | None
    scope: str
    """How many partitions and workers are in it."""
    behind: int
    applied: int
    """Events applied so far, by the offsets."""

    @classmethod
    def of(cls, snapshot: Json) -> View:
        """The view of an added-up snapshot."""
        from cxstream.metrics.wallboard import wallboard

        workers, held = snapshot["workers"], len(snapshot["partitions"])
        offsets = (at for applied in snapshot["offsets"].values() for at in applied.values())
        return cls(
            wallboard(snapshot),
            snapshot["complete"],
            snapshot["reason"],
            f"{held} of {snapshot['topic_partitions']} partitions, {workers} worker{'s' * (workers != 1)}",
            snapshot["behind"],
            sum(at + 1 for at in offsets),
        )

    def document(self) -> Json:
        """For programs."""
        return {
            "complete": self.complete,
            "reason": self.reason,
            "behind": self.behind,
            "events": self.applied,
            **{name: value for name, value in self.numbers.items() if name != "history"},
        }


class Pace:
    """Events per second between two looks."""

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None

    def see(self, applied: int) -> float | None:
        """The pace since the last look; ``None`` at the first, and if events were counted anew."""
        now, before = monotonic(), self._before
        self._before = (now, applied)
        if before is None or applied < before[1] or now <= before[0]:
            return None
        return (applied - before[1]) / (now - before[0])


def picture(
    view: View, pace: float | None, where: str, window: str | None, *, width: int = _WIDE
) -> RenderableType:
    """All of it: heading, tiles, windows, and one table each of teams and channels over ``window``.

    A screen of less than 132 columns has no room for the charts.
    """
    from rich.console import Group
    from rich.text import Text

    numbers = view.numbers
    if not view.complete:
        state = ("incomplete", "bold yellow")
    elif view.behind > _BEHIND:
        state = (f"catching up, {view.behind:,} events behind", "bold yellow")
    else:
        state = ("live", "bold green")
    rate = "" if pace is None else f"   {view.applied:,} events, {pace:,.0f}/s"
    head = Text.assemble(
        ("cxstream  ", "bold"), state, f"   {view.scope}{rate}   {numbers['at'][:19]}Z   {where}"
    )
    chosen = window or next(iter(numbers["windows"]))
    parts: list[RenderableType] = [head]
    if not view.complete:
        parts.append(Text(f"{view.reason}; the numbers are a share of the whole", "yellow"))
    parts += [Text(), _tiles(numbers), Text(), _windows(numbers, charts=width >= _WIDE)]
    for label, title in (("team", "Teams"), ("channel", "Channels")):
        if numbers[label] is not None:
            parts += [Text(), _values(numbers[label], f"{title}, {chosen}", chosen)]
    return Group(*parts)


def line(view: View, pace: float | None) -> str:
    """The same in a line, for where there is no terminal."""
    numbers = view.numbers
    name, window = next(iter(numbers["windows"].items()))
    rate = "" if pace is None else f" ({pace:,.0f}/s)"
    flows = f"{window['opened']:,} opened, {window['resolved']:,} resolved"
    parts = [
        f"{view.applied:,} events{rate}",
        f"{numbers['open']:,} open, {numbers['awaiting']:,} awaiting a first reply",
        f"{name}: {flows}, first response {_times(window['first_response'])}, CSAT {_share(window['csat'])}",
    ]
    return "; ".join(parts if view.complete else [f"incomplete: {view.reason}", *parts])


def _tiles(numbers: Json) -> Table:
    from rich.text import Text

    told = {**numbers, **(numbers["sla"] or {})}
    rows = [(name, told[name]) for name in _TILES if told.get(name) is not None]
    found = _table(*(DEFINITIONS[name].title for name, _ in rows))
    moods = {"at_risk": "yellow", "breached": "red"}
    for_people = (in_words(value) if name in _SPANS else f"{value:,}" for name, value in rows)
    styles = (f"bold {moods[name]}" if name in moods and value else "bold" for name, value in rows)
    found.add_row(*(Text(text or _NOTHING, style) for text, style in zip(for_people, styles, strict=True)))
    return found


def _windows(numbers: Json, *, charts: bool) -> Table:
    from rich.text import Text

    windows, history = numbers["windows"], numbers["history"] if charts else None
    columns = [*windows] if history is None else [*windows, "last hour", "a week ago"]
    found = _table("", *columns)

    def add(name: str, cells: Sequence[str], key: str | None = None) -> None:
        hours = {} if history is None else {"cyan": history["hour"], "dim": history["week_ago"]}
        sparks = [Text(_spark(bars, key), style) for style, bars in hours.items()]
        found.add_row(DEFINITIONS[name].title, *cells, *sparks)

    for flow in ("opened", "resolved", "reopened"):
        key = None if flow == "reopened" else flow
        add(flow, [f"{window[flow]:,}" for window in windows.values()], key)
    for name in _TIMES:
        add(name, [_times(window[name]) for window in windows.values()], name)
    for name in ("csat", "ces"):
        add(name, [_share(window[name]) for window in windows.values()])
    add("nps", [_nps(window["nps"]) for window in windows.values()])
    return found


def _values(told: Json, title: str, window: str) -> Table:
    from rich.text import Text

    names = ("open", "awaiting", "opened", "resolved", *_TIMES, "csat")
    short = {"open": "Open", "awaiting": "Waiting"}
    found = _table(title, *(short.get(name) or DEFINITIONS[name].title for name in names))
    for row in told["rows"]:
        over = row["windows"].get(window)
        found.add_row(
            Text(printable(row["name"])),
            f"{row['open']:,}",
            f"{row['awaiting']:,}",
            *(["0", "0", *[_NOTHING] * 4] if over is None else _row(over)),
        )
    if told["more"]:
        found.add_row(f"{told['more']:,} more in the snapshot")
    return found


def _row(over: Json) -> list[str]:
    return [
        f"{over['opened']:,}",
        f"{over['resolved']:,}",
        *(_times(over[name], count=False) for name in _TIMES),
        _share(over["csat"]),
    ]


def _table(*columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for position, column in enumerate(columns):
        width = None if position else _NAMES
        made.add_column(column, justify="right" if position else "left", no_wrap=True, min_width=width)
    return made


def _times(told: Json, *, count: bool = True) -> str:
    """``5.3m / 20m (39)``: median, 90th percentile, number of measurements."""
    if not told["n"]:
        return _NOTHING
    text = f"{_brief(told['p50'])} / {_brief(told['p90'])}"
    return f"{text} ({told['n']:,})" if count else text


def _brief(seconds: float) -> str:
    """One unit, a decimal below ten: a table has many of them."""
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), ("s", 1))
    amount = seconds / size
    return f"{amount:.0f}{unit}" if amount >= 9.95 or unit == "s" else f"{amount:.1f}{unit}".replace(".0", "")


def _share(told: Json) -> str:
    return f"{told['ratio']:.0%} ({told['answers']:,})" if told["answers"] else _NOTHING


def _nps(told: Json) -> str:
    return f"{told['score']:+.0f} ({told['answers']:,})" if told["answers"] else _NOTHING


def _spark(bars: list[Json] | None, key: str | None) -> str:
    """Bars of an hour as text; a blank where nothing was measured."""
    if bars is None or key is None:
        return ""
    values = [bar[key] for bar in bars]
    most = max((value for value in values if value is not None), default=0)
    steps = len(_BLOCKS) - 1
    return "".join(
        " " if value is None else _BLOCKS[round(steps * value / most) if most else 0] for value in values
    )
