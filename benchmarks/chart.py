"""Charts as SVG, drawn by hand: bars, and lines over a number. They follow the reader's light or dark theme."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10
from typing import Final, NamedTuple

WIDTH: Final = 720
_LEFT: Final = 170
"""Of bars: room for their names."""
_BAR: Final = 26
_GAP: Final = 10
_STYLE: Final = """<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 } .quiet { fill: #57606a }
  .ours { fill: #0969da } .other { fill: #8c959f } .goal { stroke: #cf222e; stroke-dasharray: 4 3 }
  .axis { stroke: #d0d7de } .line { fill: none; stroke-width: 2 }
  .s0 { stroke: #0969da } .s1 { stroke: #bf8700 } .s2 { stroke: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .ours { fill: #4493f8 } .other { fill: #656c76 }
    .axis { stroke: #3d444d } .s0 { stroke: #4493f8 } .s1 { stroke: #d29922 } .s2 { stroke: #656c76 }
  }
</style>"""


class Bar(NamedTuple):
    """A name, a length, and what is written at its end; ours have the accent."""

    name: str
    value: float
    text: str
    ours: bool = False


class Series(NamedTuple):
    """A line: its name, and points from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


def bars(title: str, rows: Sequence[Bar], goal: float | None = None) -> str:
    """Horizontal bars from zero; ``goal`` is a dashed line in the unit of the bars."""
    top = max(*(row.value for row in rows), goal or 0.0, 1e-9)
    room = WIDTH - _LEFT - 150
    out = []
    for number, row in enumerate(rows):
        y = 44 + number * (_BAR + _GAP)
        length = max(1.0, row.value / top * room)
        kind = "ours" if row.ours else "other"
        out += [
            f'<text x="{_LEFT - 10}" y="{y + 18}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="3"/>',
            f'<text class="quiet" x="{_LEFT + length + 8:.1f}" y="{y + 18}">{escape(row.text)}</text>',
        ]
    height = 44 + len(rows) * (_BAR + _GAP) + 8
    if goal is not None:
        x = _LEFT + goal / top * room
        out.append(f'<line class="goal" x1="{x:.1f}" x2="{x:.1f}" y1="36" y2="{height - 10}"/>')
        out.append(f'<text class="quiet" x="{x:.1f}" y="32" text-anchor="middle">goal</text>')
    return _drawing(title, height, out)


def lines(title: str, series: Sequence[Series], across: str, up: str) -> str:
    """Lines; both axes begin at zero."""
    left, right, above, below, height = 64, 20, 62, 40, 300
    last = max(*(x for each in series for x, _ in each.points), 1e-9)
    top = _round_up(max(y for each in series for _, y in each.points))

    def place(x: float, y: float) -> str:
        return (
            f"{left + x / last * (WIDTH - left - right):.1f},"
            f"{height - below - y / top * (height - above - below):.1f}"
        )

    out = []
    for part in range(5):
        value = top * part / 4
        y = place(0, value).partition(",")[2]
        out += [
            f'<line class="axis" x1="{left}" x2="{WIDTH - right}" y1="{y}" y2="{y}"/>',
            f'<text class="quiet" x="{left - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{value:,.4g}</text>',
        ]
    step = _round_up(last / 6)
    for part in range(int(last / step) + 1):
        x = place(part * step, 0).partition(",")[0]
        out.append(
            f'<text class="quiet" x="{x}" y="{height - below + 18}" text-anchor="middle">{part * step:,.4g}</text>'
        )
    for number, each in enumerate(series):
        points = " ".join(place(x, y) for x, y in each.points)
        out.append(f'<polyline class="line s{number % 3}" points="{points}"/>')
        at = left + number * 190
        out.append(f'<line class="line s{number % 3}" x1="{at}" x2="{at + 22}" y1="44" y2="44"/>')
        out.append(f'<text x="{at + 28}" y="48">{escape(each.name)}</text>')
    out.append(
        f'<text class="quiet" x="{WIDTH - right}" y="{height - 6}" text-anchor="end">{escape(across)}</text>'
    )
    out.append(f'<text class="quiet" x="{WIDTH - right}" y="22" text-anchor="end">{escape(up)}</text>')
    return _drawing(title, height, out)


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return float(next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value * 0.999))


def _drawing(title: str, height: int, inside: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}">'
    )
    return "\n".join(
        [head, _STYLE, f'<text class="title" x="10" y="22">{escape(title)}</text>', *inside, "</svg>\n"]
    )
