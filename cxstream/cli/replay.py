"""``cxstream replay``: publish a file of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cxstream.cli.options import Config, File, Json, example, settings_of
from cxstream.cli.pace import MAX, Pace, Speed, speed_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.cli.intake import Intake
    from cxstream.cli.publishing import Outgoing


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "replay",
        epilog=example("cxstream replay events.jsonl", "cxstream replay events.jsonl.gz --speed 60"),
    )(replay)


def replay(file: File, speed: Speed = MAX, json: Json = False, config: Config = None) -> None:
    """Publish the events of a file, byte for byte, in its order, each under its ticket's key.

    They go to the four topics and those of CXSTREAM_OPTIONAL_TOPICS; what else the file holds is left out and
    told. --speed N keeps the distances between events, N times as fast.
    """
    from cxstream.cli.console import print_json
    from cxstream.cli.intake import Intake
    from cxstream.cli.publishing import publish

    pace = Pace(speed_of(speed))
    settings = settings_of(config)
    intake = Intake(settings)
    sent = publish(settings, _outgoing(intake, file, settings.topics), pace)
    intake.tell()
    if json:
        print_json(
            {"published": dict(sent), "skipped": dict(intake.skipped), "invalid": dict(intake.invalid)}
        )
    else:
        topics = ", ".join(f"{count} {topic}" for topic, count in sent.items())
        typer.echo(f"published {sent.total()} events" + (f" ({topics})" if topics else ""))


def _outgoing(intake: Intake, file: str, topics: tuple[str, ...]) -> Iterator[Outgoing]:
    from cxstream.cli.publishing import Outgoing
    from cxstream.core.reading import key_of

    for line, message in intake.lines(file):
        if message.topic not in topics:
            intake.skipped[message.topic] += 1
            continue
        yield Outgoing(message.event.at, message.topic, key_of(message.source, message.ticket_id), line)
