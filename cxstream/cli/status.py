"""The demo's figures in the terminal: the picture of ``cxstream top``, or plain lines where there is no terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import typer

from cxstream.cli.console import console, print_json
from cxstream.cli.screen import Pace, View, line, picture

if TYPE_CHECKING:
    from cxstream.stream.worker import Worker

_FRAME: Final = 1.0  # seconds between two pictures
_LINE: Final = 5.0  # seconds between two plain lines


class Status:
    """Shows what a worker has counted, until it is cancelled."""

    def __init__(self, worker: Worker, url: str, *, as_json: bool) -> None:
        self._worker = worker
        self._url = url
        self._as_json = as_json
        self._pace = Pace()

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
        from rich.live import Live

        stdout = console()
        with Live(console=stdout, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                if (reason := self._worker.ready()) is not None:
                    live.update(f"{reason} …", refresh=True)
                else:
                    view = await self._view()
                    pace = self._pace.see(view.applied)
                    live.update(picture(view, pace, self._url, None, width=stdout.width), refresh=True)
                await asyncio.sleep(_FRAME)

    def end(self) -> None:
        """Say that all has ended in order."""
        if not self._as_json:
            typer.echo(f"stopped after {self._worker.tally.results.total():,} events")

    async def _lines(self) -> None:
        while True:
            await asyncio.sleep(_LINE)
            reason = self._worker.ready()
            view = await self._view()
            if self._as_json:
                print_json({"ready": reason is None, **view.document()}, indent=None)
            else:
                typer.echo(reason or line(view, self._pace.see(view.applied)))
            sys.stdout.flush()

    async def _view(self) -> View:
        from cxstream.core.fleet import together
        from cxstream.metrics.share import share

        return View.of(together([await share(self._worker, None, "demo", bars=True)]))
