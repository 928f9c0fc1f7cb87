"""``cxstream simulate``: the events of a helpdesk that does not exist."""

from __future__ import annotations

import sys
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cxstream.cli.options import Config, Json, example, instant_of, settings_of
from cxstream.cli.pace import MAX, Pace, Speed, speed_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

    from cxstream.cli.publishing import Outgoing
    from cxstream.settings import Settings
    from cxstream.simulate import Delivery, Scenario

KAFKA: Final = "kafka"
STDOUT: Final = "-"
PER_DAY: Final = 2_000.0  # tickets: a service desk of some fifty agents
_DAY: Final = 86_400_000  # ms
_EVERY: Final = 1_000  # events between two steps of the progress bar


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "simulate",
        epilog=example(
            "cxstream simulate --days 30 --tickets 50000 --seed 7 --to events.jsonl.gz",
            "cxstream simulate --days 7 --live",
        ),
    )(simulate)


def simulate(  # noqa: PLR0917 - typer calls it by keyword
    to: Annotated[str, typer.Option("--to", metavar="kafka|FILE|-", help="Where the events go.")] = KAFKA,
    days: Annotated[float, typer.Option("--days", metavar="N", min=0, help="Length in days.")] = 7.0,
    tickets: Annotated[
        int | None,
        typer.Option(
            "--tickets",
            metavar="N",
            min=1,
            help="Open so many at most. Default: 2000 a day.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="End of the history. Default: now.")
    ] = None,
    speed: Speed = MAX,
    seed: Annotated[
        int, typer.Option("--seed", help="The same seed, days and end give the same events.")
    ] = 1,
    source: Annotated[str, typer.Option("--source", help="Name of the helpdesk.")] = "demo",
    live: Annotated[
        bool, typer.Option("--live", help="Go on in real time until Ctrl-C; with --to kafka only.")
    ] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Simulate a helpdesk with queues, shifts, bots, surveys, and a transport that repeats and reorders.

    The events of the four topics and of CXSTREAM_OPTIONAL_TOPICS, as JSON lines or published.
    """
    from cxstream.cli.failure import usage
    from cxstream.cli.intake import wall

    factor, end = speed_of(speed), instant_of(until, "--until")
    if live and (to != KAFKA or end is not None or factor is not None or tickets is not None):
        usage("--live goes with --to kafka, and without --until, --speed and --tickets: leave these out")
    if not live and days == 0:
        usage("--days 0 is no history: give the days, or --live")
    settings = settings_of(config)
    end = wall() if end is None else end
    scenario = _scenario(settings, source, days, tickets, None if live else end)
    if live:
        sent = _publish_live(settings, scenario, seed, days)
    elif to == KAFKA:
        from cxstream.cli.publishing import publish

        deliveries = _watched(scenario, seed, end, days)
        sent = publish(settings, _outgoing(deliveries), Pace(factor))
    else:
        if factor is not None:
            usage("--speed is for --to kafka: leave it out")
        sent = _write(to, _watched(scenario, seed, end, days))
    _tell(sent, to, as_json=json)


def _scenario(settings: Settings, source: str, days: float, tickets: int | None, end: int | None) -> Scenario:
    """Return the scenario; ``tickets`` come so fast that in whole weeks the last opens before the end."""
    from cxstream.core.event import OPTIONAL_TOPICS
    from cxstream.simulate import Scenario

    per_day = PER_DAY if tickets is None else (tickets + 4 * sqrt(tickets) + 5) / days
    optional = tuple(topic for topic in settings.topics if topic in OPTIONAL_TOPICS)
    return Scenario(
        tickets=tickets, until=end, tickets_per_day=per_day, source=source, optional_topics=optional
    )


def _watched(scenario: Scenario, seed: int, end: int, days: float) -> Iterator[Delivery]:
    """Yield the deliveries of a history, with progress."""
    from cxstream.cli.console import progress
    from cxstream.simulate import Helpdesk

    length = round(days * _DAY)
    start = end - length
    with progress("simulating", length) as done:
        for number, delivery in enumerate(Helpdesk(scenario, seed, start).deliveries()):
            if number % _EVERY == 0:
                done(delivery.deliver_at - start)
            yield delivery


def _outgoing(deliveries: Iterable[Delivery]) -> Iterator[Outgoing]:
    import msgspec

    from cxstream.cli.publishing import Outgoing

    encode = msgspec.json.Encoder().encode
    for delivery in deliveries:
        yield Outgoing(delivery.deliver_at, delivery.topic, delivery.key.encode(), encode(delivery.value))


def _write(to: str, deliveries: Iterator[Delivery]) -> Counter[str]:
    import gzip
    from collections import Counter

    from cxstream.cli.failure import usage
    from cxstream.simulate import write_lines

    sent: Counter[str] = Counter()

    def counted() -> Iterator[Delivery]:
        for delivery in deliveries:
            sent[delivery.topic] += 1
            yield delivery

    if to == STDOUT:
        write_lines(counted(), sys.stdout.buffer)
        return sent
    try:
        with Path(to).open("wb") as raw:
            if to.endswith(".gz"):
                # No time of writing: the same seed gives the same file.
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as zipped:
                    write_lines(counted(), zipped)  # type: ignore[arg-type]
            else:
                write_lines(counted(), raw)
    except OSError as error:
        usage(f"{to}: {error.strerror}: choose a file you may write with --to")
    return sent


def _publish_live(settings: Settings, scenario: Scenario, seed: int, days: float) -> Counter[str]:
    """Publish history, then what happens from now on, until Ctrl-C or SIGTERM."""
    from collections import Counter

    from cxstream.cli.broker import asking
    from cxstream.cli.intake import wall
    from cxstream.cli.publishing import refuse_missing_topics, stopped
    from cxstream.simulate import history_then_live, publish
    from cxstream.stream.publisher import Publisher

    sent: Counter[str] = Counter()

    async def run() -> None:
        await refuse_missing_topics(settings)
        async with Publisher(settings) as publisher:

            async def send(topic: str, key: bytes, value: bytes) -> None:
                await publisher.send(topic, key, value)
                sent[topic] += 1

            await stopped(publish(history_then_live(scenario, seed, wall, days), send))

    asking(settings, run())
    return sent


def _tell(sent: Counter[str], to: str, *, as_json: bool) -> None:
    import json

    from cxstream.cli.console import note

    if as_json:
        text = json.dumps({"events": sent.total(), "by_topic": dict(sent), "to": to})
    else:
        text = f"{sent.total()} events" + ("" if to == STDOUT else f" to {to}")
    if to == STDOUT:
        note(text)  # stdout holds the events
    else:
        typer.echo(text)
