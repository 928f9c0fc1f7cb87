"""``cxstream top``: the wallboard in a terminal, over one worker or many."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cxstream.cli.options import Config, Json, example, settings_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cxstream.cli.screen import View
    from cxstream.metrics.peers import Peers
    from cxstream.settings import Settings

_FRAME: Final = 2.0  # seconds between two looks
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a worker listens on, and where to ask


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "top",
        epilog=example(
            "cxstream top", "cxstream top --worker http://a:6066 --worker http://b:6066 --once --json"
        ),
    )(top)


def top(
    worker: Annotated[
        list[str] | None,
        typer.Option(
            "--worker",
            metavar="URL",
            help="A worker, or a DNS name of all; again for another. Default: CXSTREAM_PEERS, else CXSTREAM_HTTP.",
            show_default=False,
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Window of teams and channels. Default: the first.", show_default=False
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print the numbers once; exit 1 if incomplete.")
    ] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Show the live page's numbers in the terminal, added up over the workers.

    Needs their HTTP addresses only, no Kafka. Without a terminal it prints a line every two seconds.
    """
    from cxstream.cli.failure import no
    from cxstream.metrics.peers import Peers

    settings = settings_of(config, peers=worker or None)
    names = settings.peers or (_own(settings),)
    peers = Peers(names, settings.http_address[1])
    status = asyncio.run(
        _once(peers, window, as_json=json) if once else _live(peers, window, ", ".join(names), as_json=json)
    )
    if status:
        no(status)


def _own(settings: Settings) -> str:
    from cxstream.cli.failure import usage

    host, port = settings.http_address
    if port == 0:
        usage(f"CXSTREAM_HTTP={settings.http} does not say which port the worker has: name it with --worker")
    host = _ANYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def look(peers: Peers) -> View | str:
    """What the workers show at one instant, or why nothing is shown."""
    from cxstream.cli.screen import View
    from cxstream.core.fleet import together

    found = await peers.ask(None, bars=True)
    if len(found.given) > 1:  # asked again, all for the instant of the clock that is ahead
        found = await peers.ask(max(one["clock"] for one in found.given), bars=True)
    if not found.given:
        return "; ".join(found.failures)
    whole = together(found.given)
    if not whole["complete"]:
        states = [one["reason"] for one in found.given if one["reason"]]
        whole["reason"] = "; ".join([whole["reason"], *found.failures, *states])
    return View.of(whole)


async def _once(peers: Peers, window: str | None, *, as_json: bool) -> str | None:
    from cxstream.cli.console import print_json, show
    from cxstream.cli.screen import picture

    try:
        found = await look(peers)
    finally:
        await peers.close()
    if isinstance(found, str):
        return f"{found}: start a worker, or name one with --worker"
    if as_json:
        print_json(found.document())
    else:
        show(picture(found, None, "", _known(window, found)))
    return None if found.complete else f"the numbers are incomplete: {found.reason}"


async def _live(peers: Peers, window: str | None, where: str, *, as_json: bool) -> str | None:
    from cxstream.cli.console import console, print_json
    from cxstream.cli.screen import Pace, line, picture

    pace = Pace()
    if as_json or not sys.stdout.isatty():
        async for found in _looks(peers):
            if isinstance(found, str):
                print_json({"error": found}, indent=None) if as_json else typer.echo(found)
            elif as_json:
                print_json(found.document(), indent=None)
            else:
                typer.echo(line(found, pace.see(found.applied)))
            sys.stdout.flush()
        return None
    from rich.live import Live

    with Live(console=(stdout := console()), screen=True, auto_refresh=False) as live:
        async for found in _looks(peers):
            if isinstance(found, str):
                live.update(f"{found} …", refresh=True)
            else:
                chosen, rate = _known(window, found), pace.see(found.applied)
                live.update(picture(found, rate, where, chosen, width=stdout.width), refresh=True)
    return None


async def _looks(peers: Peers) -> AsyncIterator[View | str]:
    try:
        while True:
            yield await look(peers)
            await asyncio.sleep(_FRAME)
    finally:
        await peers.close()


def _known(window: str | None, found: View) -> str | None:
    from cxstream.cli.failure import usage

    names = list(found.numbers["windows"])
    if window is not None and window not in names:
        usage(f"--window {window!r}: the worker has {', '.join(names)}")
    return window
