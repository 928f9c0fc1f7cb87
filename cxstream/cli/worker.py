"""``cxstream worker``: read the events, keep the numbers, serve them."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxstream.cli.options import Config, example, settings_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from cxstream.settings import Settings
    from cxstream.stream.worker import Worker


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "worker",
        epilog=example("cxstream worker", "CXSTREAM_BROKERS=kafka:9092 cxstream worker --json"),
    )(worker)


def worker(
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Overrides CXSTREAM_HTTP; port 0 = any.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Log one JSON object per line.")] = False,
    config: Config = None,
) -> None:
    """Read the topics, keep exact live numbers and serve them on /metrics, /api/snapshot and a live page.

    Runs until SIGTERM or Ctrl-C. A broker that is away and missing topics are waited for: /readyz tells.
    Start as many workers as there are partitions; they share them.
    """
    from cxstream.cli import logs

    settings = settings_of(config, http=http, log_format="json" if json else None)
    logs.set_up(settings)
    run(_serve_until_stopped(settings))


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a service in the fastest event loop there is; what makes it fail is told in one line."""
    from cxstream.cli.failure import no
    from cxstream.stream.worker import WorkerFailedError

    # A ticket is some ten small objects, and none of them are in cycles: at Python's thresholds (700, 10, 10) a tenth
    # of the time of a worker goes into looking for those.
    gc.set_threshold(20_000, 20, 50)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):  # not made for Windows
        from uvloop import new_event_loop as factory
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main)
    except WorkerFailedError as failed:
        no(f"the worker cannot go on: {failed}")


async def _serve_until_stopped(settings: Settings) -> None:
    async with serving(settings) as (running, url):
        typer.echo(f"listening on {url}")
        await running.run_forever()


@asynccontextmanager
async def serving(settings: Settings, *, embedded: bool = False) -> AsyncIterator[tuple[Worker, str]]:
    """Start a worker and its HTTP side; yields both the worker and the address of its page.

    HTTP answers from the first moment (/readyz with 503 until all is recovered) to the last.
    """
    from cxstream.cli.failure import usage
    from cxstream.metrics.server import application, serve
    from cxstream.stream.worker import Worker

    host, port = settings.http_address
    running = Worker(settings, embedded=embedded)
    try:
        runner, port = await serve(application(running, settings), host, port)
    except OSError as error:
        usage(f"CXSTREAM_HTTP={settings.http}: {error.strerror or error}: choose another")
    try:
        async with running, _undisturbed_end():
            yield running, f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _undisturbed_end() -> AsyncIterator[None]:
    """From the end of the block on, signals change nothing more: the worker stops within seconds anyway."""
    try:
        yield
    finally:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):  # on Windows
                loop.add_signal_handler(number, lambda: None)
