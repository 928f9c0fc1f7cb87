"""``cxstream report``: the exact numbers of a file of events, or of what Kafka holds, as of an instant."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxstream.cli.options import At, Config, Json, example, instant_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.report import Batch
    from cxstream.settings import Settings


class By(StrEnum):
    """Labels a report can be grouped by."""

    team = "team"
    channel = "channel"
    priority = "priority"
    source = "source"


class Rows(StrEnum):
    """Forms of the list of tickets."""

    csv = "csv"
    jsonl = "jsonl"


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "report",
        epilog=example(
            "cxstream report events.jsonl",
            "cxstream report events.jsonl.gz --json --at 2012-05-16T12:00:00Z --by team",
            "cxstream report --kafka --from 2026-03-01 --to 2026-04-01 --tz Europe/Rome --by team",
            "cxstream report - --tickets csv < events.jsonl > tickets.csv",
        ),
    )(report)


def report(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="JSON lines, gzip too; - reads standard input.", show_default=False
        ),
    ] = None,
    *,
    kafka: Annotated[bool, typer.Option("--kafka", help="Of all that the topics hold.")] = False,
    json: Json = False,
    at: At = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="INSTANT", help="Also tell what was measured from then on."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="INSTANT", help="Like --at, but without that instant itself."),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option("--tz", metavar="ZONE", help="Of days without a zone, and of the windows: Europe/Rome."),
    ] = None,
    by: Annotated[By | None, typer.Option(help="Also group the numbers by this label.")] = None,
    tickets: Annotated[
        Rows | None, typer.Option(help="Print a row per ticket instead of the totals.")
    ] = None,
    config: Config = None,
) -> None:
    """Compute the exact numbers of a file of events, or of what Kafka holds, by the rules the worker uses.

    Windows, time zone, skew and labels come from the settings. --from and --to also take local times and days, in
    the zone of --tz or CXSTREAM_TIMEZONE. With --from the answer has a period, and --by groups what lies in it;
    tickets are told as of the end.
    """
    from cxstream.cli.failure import usage

    if kafka == (file is not None):
        usage("name a FILE of events or give --kafka, one of the two")
    if at is not None and to is not None:
        usage("--at and --to both say where the report ends: give one of them")
    settings = settings_of(config, timezone=tz)
    start, end = _local(since, settings, "--from"), _local(to, settings, "--to")
    instant = end - 1 if end is not None else instant_of(at)
    if start is not None and instant is not None and start > instant:
        usage(f"--from {since} is not before the end of the report: exchange the two")
    batch = _of_kafka(settings) if file is None else _of_file(file, settings)
    if tickets is not None:
        _print_rows(batch.tickets(at=instant), tickets)
        return
    answer = batch.answer(at=instant, by=None if by is None else by.value, since=start)
    if json:
        from cxstream.cli.console import print_json

        print_json(answer)
    else:
        from cxstream.cli.answer import tables
        from cxstream.cli.console import show

        show(*tables(answer))


def _local(text: str | None, settings: Settings, option: str) -> int | None:
    """Milliseconds of an instant; what has no offset is a time, or the start of a day, in the settings' zone."""
    from datetime import datetime

    try:
        local = datetime.fromisoformat(text) if text is not None and "-" in text else None
    except ValueError:
        local = None
    if local is None or local.tzinfo is not None:
        return instant_of(text, option)
    return round(local.replace(tzinfo=settings.rules.timezone).timestamp() * 1_000)


def _of_file(file: str, settings: Settings) -> Batch:
    from cxstream.cli.intake import Intake
    from cxstream.core.report import Batch

    intake, batch = Intake(settings), Batch(settings.promised)
    for message in intake.messages(file):
        batch.add(message)
    batch.invalid += sum(intake.invalid.values())
    intake.tell()
    return batch


def _of_kafka(settings: Settings) -> Batch:
    from cxstream.cli.broker import asking
    from cxstream.cli.console import note, progress
    from cxstream.cli.failure import no
    from cxstream.core.report import Batch
    from cxstream.stream.history import History, MissingTopicError
    from cxstream.stream.tail import Tail

    batch = Batch(settings.promised)

    async def read() -> None:
        async with Tail(settings) as tail:
            history = History(settings, tail)
            spans = await history.spans()
            total = sum(end - start for start, end in spans.values())
            with progress("reading", total) as advance:
                async for _, messages in history.read(spans):
                    for _, message in messages:
                        batch.add(message)
                    advance(history.records)
            batch.invalid += history.invalid.total()
            cut = sorted({tp.topic for tp, (start, _) in spans.items() if start})
            if cut:
                note(
                    f"retention has deleted from {', '.join(cut)}: older tickets are missing or orphans here"
                )

    try:
        asking(settings, read())
    except MissingTopicError as error:
        no(str(error))
    return batch


def _print_rows(rows: Iterable[dict[str, Any]], form: Rows) -> None:
    if form is Rows.jsonl:
        from cxstream.cli.console import print_json

        for row in rows:
            print_json(row, indent=None)
        return
    import csv

    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, fieldnames=list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
