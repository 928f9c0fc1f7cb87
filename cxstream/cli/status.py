"""The demo's figures in the terminal: a table that lives, or plain lines where there is no terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

import typer

from cxstream.cli.console import in_words, print_json, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cxstream.stream.worker import Worker

_FRAME: Final = 1.0  # seconds between two pictures of the table
_LINE: Final = 5.0  # seconds between two plain lines


class Status:
    """Shows what a worker has counted, until it is cancelled."""

    def __init__(self, worker: Worker, url: str, *, as_json: bool) -> None:
        self._worker = worker
        self._url = url
        self._as_json = as_json
        self._before = 0

    def begin(self) -> None:
        """Print where to look."""
        addresses = {
            "page": f"{self._url}/",
            "metrics": f"{self._url}/metrics",
            "snapshot": f"{self._url}/api/snapshot",
        }
        if self._as_json:
            print_json(addresses, indent=None)
        else:
            typer.echo(f"listening on {self._url}")
            names = {"page": "live page", "metrics": "for Prometheus", "snapshot": "as JSON"}
            for name, address in addresses.items():
                typer.echo(f"  {names[name]:<15}{address}")
            typer.echo("Ctrl-C ends it.")
        sys.stdout.flush()

    async def show(self) -> None:
        """Keep the figures on the screen."""
        if self._as_json or not sys.stdout.isatty():
            await self._lines()
            return
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(markup=False, emoji=False, highlight=False), auto_refresh=False) as live:
            while True:
                live.update(self._picture(), refresh=True)
                await asyncio.sleep(_FRAME)

    def end(self) -> None:
        """Say that all has ended in order."""
        if not self._as_json:
            typer.echo(f"stopped after {self._worker.tally.results.total():,} events")

    async def _lines(self) -> None:
        while True:
            await asyncio.sleep(_LINE)
            applied, rate = self._progress(_LINE)
            reason = self._worker.ready()
            answer = self._snapshot()
            if self._as_json:
                print_json(
                    {"events": applied, "ready": reason is None, "tickets": answer["tickets"]}, indent=None
                )
            else:
                typer.echo(reason or _line(answer, applied, rate))
            sys.stdout.flush()

    def _progress(self, seconds: float) -> tuple[int, float]:
        applied = self._worker.tally.results.total()
        rate, self._before = (applied - self._before) / seconds, applied
        return applied, rate

    def _snapshot(self) -> dict[str, Any]:
        from cxstream.core.snapshot import snapshot

        worker = self._worker
        return snapshot(worker.ledgers().values(), worker.rules, worker.now())

    def _picture(self) -> RenderableType:
        applied, rate = self._progress(_FRAME)
        if (reason := self._worker.ready()) is not None:
            return f"{reason} …"
        answer = self._snapshot()
        tickets = answer["tickets"]
        rows = [
            (
                name,
                window["opened"],
                window["resolved"],
                in_words(window["first_response"]["mean_seconds"]),
                in_words(window["first_response"]["p90_seconds"]),
                in_words(window["resolution"]["p50_seconds"]),
                _percent(window["csat"]["ratio"]),
            )
            for name, window in answer["windows"].items()
        ]
        title = (
            f"{applied:,} events, {rate:,.0f}/s; {tickets['open']:,} tickets open,"
            f" {tickets['awaiting_first_reply']:,} awaiting a first reply"
        )
        columns = ("window", "opened", "resolved", "FRT mean", "FRT p90", "resolution p50", "CSAT")
        return table(title, *columns, rows=rows)


def _line(answer: dict[str, Any], applied: int, rate: float) -> str:
    tickets = answer["tickets"]
    parts = [
        f"{applied:,} events ({rate:,.0f}/s)",
        f"{tickets['open']:,} open, {tickets['awaiting_first_reply']:,} awaiting a first reply",
    ]
    for name, window in list(answer["windows"].items())[:1]:
        response = in_words(window["first_response"]["mean_seconds"]) or "-"
        csat = _percent(window["csat"]["ratio"]) or "-"
        parts.append(
            f"{name}: {window['opened']} opened, {window['resolved']} resolved, FRT {response}, CSAT {csat}"
        )
    return "; ".join(parts)


def _percent(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.0%}"
