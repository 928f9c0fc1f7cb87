"""``cxstream demo``: everything in one process, nothing to install but Python."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cxstream.cli.options import Config, example, settings_of

if TYPE_CHECKING:
    from cxstream.settings import Settings
    from cxstream.stream.publisher import Publisher
    from cxstream.stream.worker import Worker

_PARTITIONS: Final = 4  # what the embedded broker gives every topic
_AHEAD: Final = 20_000
"""Events published and not yet applied: 6 MB over 24 partitions, each of which the broker cuts at 5 MiB."""
_HOUR: Final = 1 / 24  # days
_LOOK: Final = 0.01  # seconds between two looks at how far the worker is


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("demo", epilog=example("cxstream demo", "cxstream demo --days 30 --http 127.0.0.1:0"))(
        demo
    )


def demo(
    days: Annotated[
        float, typer.Option("--days", metavar="N", min=0, help="Days of history to begin with.")
    ] = 7.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another helpdesk.")] = 1,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Overrides CXSTREAM_HTTP; port 0 = any.", show_default=False),
    ] = None,
    stop_after: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="End after 30s, 5m …", show_default=False)
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line instead of the table.")
    ] = False,
    config: Config = None,
) -> None:
    """Run an embedded broker, a simulated helpdesk and a worker with its live page, in one process.

    The helpdesk publishes its history, which ends now, and then goes on in real time. Needs no Kafka, and
    keeps nothing. Ctrl-C ends it.
    """
    from cxstream.cli import logs
    from cxstream.cli.broker import embedded
    from cxstream.cli.worker import run
    from cxstream.core.event import OPTIONAL_TOPICS

    limit = _seconds(stop_after)
    with embedded() as address:
        settings = settings_of(
            config,
            brokers=[address],
            partitions=_PARTITIONS,
            optional_topics=list(OPTIONAL_TOPICS),
            security_protocol="PLAINTEXT",
            log_level=os.environ.get("CXSTREAM_LOG_LEVEL", "warning"),
            http=http,
        )
        logs.set_up(settings)
        run(Demo(settings, days, seed, as_json=json).run(limit))


def _seconds(duration: str | None) -> float | None:
    from cxstream.cli.failure import usage
    from cxstream.core.instant import parse_duration

    try:
        return None if duration is None else parse_duration(duration) / 1_000
    except ValueError:
        usage(f"--for {duration!r} is no duration: write for example 30s or 5m")


@dataclass(slots=True)
class Demo:
    """The parts of a demo, running in one event loop."""

    settings: Settings
    days: float
    seed: int
    as_json: bool = False
    published: int = field(default=0, init=False)

    async def run(self, limit: float | None) -> None:
        """Run until SIGTERM, Ctrl-C, a failure of the worker, or for ``limit`` seconds."""
        from cxstream.cli.status import Status
        from cxstream.cli.worker import serving
        from cxstream.stream.publisher import Publisher

        async with serving(self.settings, embedded=True) as (worker, url):
            status = Status(worker, url, as_json=self.as_json)
            status.begin()
            running = asyncio.create_task(worker.run_forever())
            if limit is not None:
                asyncio.get_running_loop().call_later(limit, worker.request_stop)
            async with Publisher(self.settings, embedded=True) as publisher:
                others = [
                    asyncio.create_task(self._feed(worker, publisher)),
                    asyncio.create_task(status.show()),
                ]
                try:
                    await asyncio.wait([running, *others], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    worker.request_stop()
                    for task in others:
                        task.cancel()
                    await asyncio.gather(running, *others, return_exceptions=True)
            for task in (running, *others):
                if not task.cancelled():
                    task.result()  # raises what made it end
        status.end()

    async def _feed(self, worker: Worker, publisher: Publisher) -> None:
        """Publish the helpdesk's events, no faster than the worker applies them."""
        from cxstream.cli.intake import wall
        from cxstream.core.event import OPTIONAL_TOPICS
        from cxstream.simulate import Scenario, busy_at, history_then_live, publish

        while worker.ready() is not None:  # noqa: ASYNC110 - it tells by being asked
            await asyncio.sleep(_LOOK)

        async def send(topic: str, key: bytes, value: bytes) -> None:
            if self._ahead(worker) >= _AHEAD:
                await publisher.flush()
                # Well below, so that batches are large: the embedded broker hands over one at a time.
                while self._ahead(worker) > _AHEAD // 2:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(_LOOK)
            await publisher.send(topic, key, value)
            self.published += 1

        # Whenever somebody tries the demo, it is a busy morning there.
        scenario = Scenario(optional_topics=OPTIONAL_TOPICS, utc_offset=busy_at(wall()))
        days = (
            self.days and self.days + _HOUR
        )  # with the hour that the page's charts set against the last one
        await publish(history_then_live(scenario, self.seed, wall, days), send)

    def _ahead(self, worker: Worker) -> int:
        """Events published and not yet applied."""
        return self.published - worker.tally.results.total()
