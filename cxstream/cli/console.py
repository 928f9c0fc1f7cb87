"""What people see: tables on stdout, progress on stderr where that is a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console, RenderableType
    from rich.table import Table

_PLAIN_WIDTH = 160  # columns where the output is a file or a pipe, which has no width of its own


def print_json(answer: object, *, indent: int | None = 2) -> None:
    """Print one JSON document; with ``indent=None`` as one line of many."""
    import json

    sys.stdout.write(json.dumps(answer, indent=indent, ensure_ascii=False) + "\n")


def table(title: str, *columns: str, rows: Iterable[Iterable[object]], numbers: bool = True) -> Table:
    """Make a table whose first column is text and whose others are numbers (or text too)."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        made.add_column(column, justify="right" if position and numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*("-" if cell is None else printable(str(cell)) for cell in row))
    return made


def printable(text: str) -> str:
    """Replace what could steer a terminal: names come from publishers."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


def console() -> Console:
    """Stdout; nothing that is printed there is markup."""
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else _PLAIN_WIDTH, markup=False, emoji=False, highlight=False
    )


def show(*parts: RenderableType) -> None:
    """Print tables and lines on stdout."""
    stdout = console()
    for part in parts:
        stdout.print(part)


def note(text: str) -> None:
    """Say something beside the answer: a line on stderr."""
    sys.stderr.write(f"{printable(text)}\n")


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], Any]]:
    """Show progress while the block runs; yields what to call with the amount now done in all."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def in_words(seconds: float | None) -> str | None:
    """Write a duration for people, two units at most: 90061 → ``1d 1h``."""
    if seconds is None:
        return None
    if abs(seconds) < 60:
        return f"{seconds:.3g}s"
    sign, rest = ("-", -round(seconds)) if seconds < 0 else ("", round(seconds))
    amounts: list[tuple[int, str]] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        if amount or amounts:
            amounts.append((amount, unit))
    return sign + " ".join(f"{amount}{unit}" for amount, unit in amounts[:2] if amount)
