"""``cxstream report``: the exact numbers of a file of events, as of an instant."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxstream.cli.options import At, Config, File, Json, example, instant_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable


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
            "CXSTREAM_TIMEZONE=Europe/Rome cxstream report - --tickets csv < events.jsonl > tickets.csv",
        ),
    )(report)


def report(
    file: File,
    json: Json = False,
    at: At = None,
    by: Annotated[By | None, typer.Option(help="Also group the numbers by this label.")] = None,
    tickets: Annotated[
        Rows | None, typer.Option(help="Print a row per ticket instead of the totals.")
    ] = None,
    config: Config = None,
) -> None:
    """Compute the exact numbers of a file of events, by the rules the worker uses.

    Windows, time zone, skew and labels come from the settings.
    """
    from cxstream.cli.intake import Intake
    from cxstream.core.report import Batch

    instant = instant_of(at)
    settings = settings_of(config)
    intake = Intake(settings)
    batch = Batch(settings.rules)
    for message in intake.messages(file):
        batch.add(message)
    batch.invalid += sum(intake.invalid.values())
    intake.tell()
    if tickets is not None:
        _print_rows(batch.tickets(at=instant), tickets)
        return
    answer = batch.answer(at=instant, by=None if by is None else by.value)
    if json:
        from cxstream.cli.console import print_json

        print_json(answer)
    else:
        from cxstream.cli.answer import tables
        from cxstream.cli.console import show

        show(*tables(answer))


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
