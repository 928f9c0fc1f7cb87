"""``cxstream ticket``: why a ticket counts as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxstream.cli.options import At, Config, Json, example, instant_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from cxstream.core.reading import Message
    from cxstream.settings import Settings

Explanation = dict[str, Any]


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "ticket",
        epilog=example(
            "cxstream ticket T-1 --file events.jsonl",
            "CXSTREAM_BROKERS=localhost:9092 cxstream ticket 4711 --source zendesk/acme --json",
        ),
    )(ticket)


def ticket(
    ticket_id: Annotated[str, typer.Argument(metavar="ID", help="The ticket's id.")],
    source: Annotated[
        str | None,
        typer.Option(help="Its helpdesk; needed only where several have this id.", show_default=False),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="JSON lines, or -. Default: from Kafka.")
    ] = None,
    at: At = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Explain a ticket: its events, those ignored, its labels, and how each measure was computed.

    Exit status 1 if no event of the ticket is found.
    """
    from cxstream.cli.console import print_json, show
    from cxstream.core.report import Batch

    instant = instant_of(at)
    settings = settings_of(config)
    found = [m for m in _messages(file, ticket_id, settings) if instant is None or m.event.at <= instant]
    chosen = _source_of(found, ticket_id, source, file or ", ".join(settings.brokers))
    batch = Batch(settings.promised)
    for message in found:
        if message.source == chosen:
            batch.add(message)
    explanation = batch.ticket(chosen, ticket_id, at=instant) or {}
    if json:
        print_json(explanation)
    else:
        show(*_parts(explanation))


def _messages(file: str | None, ticket_id: str, settings: Settings) -> list[Message]:
    if file is None:
        return _from_kafka(ticket_id, settings)
    from cxstream.cli.intake import Intake

    intake = Intake(settings)
    found = [message for message in intake.messages(file) if message.ticket_id == ticket_id]
    intake.tell()
    return found


def _from_kafka(ticket_id: str, settings: Settings) -> list[Message]:
    """Read the topics in use and keep the records with the ticket's key, in whatever partition they lie."""
    from cxstream.cli.broker import asking
    from cxstream.cli.console import progress
    from cxstream.cli.intake import wall
    from cxstream.core.reading import Refused, read
    from cxstream.stream.tail import Tail

    key, ending = ticket_id.encode(), b"/" + ticket_id.encode()
    latest = wall() + settings.max_future

    async def messages() -> list[Message]:
        found = []
        async with Tail(settings) as tail:
            canonical = {settings.topic_name(topic): topic for topic in settings.topics}
            parts = [tp for name in canonical for tp in await tail.partitions(name)]
            starts, ends = await tail.starts(parts), await tail.ends(parts)
            spans = {tp: (starts[tp], ends[tp]) for tp in parts}
            done = 0
            with progress("reading", sum(end - start for start, end in spans.values())) as advance:
                async for tp, records in tail.read(spans):
                    for record in records:
                        if record.key is None or not (record.key == key or record.key.endswith(ending)):
                            continue
                        try:
                            message = read(
                                canonical[tp.topic], record.value, record.key, record.headers, latest=latest
                            )
                        except Refused:
                            continue  # in the dead letters, where its reason is
                        if message.ticket_id == ticket_id:
                            found.append(message)
                    done += len(records)
                    advance(done)
        return found

    return asking(settings, messages())


def _source_of(found: Sequence[Message], ticket_id: str, source: str | None, place: str) -> str:
    from cxstream.cli.failure import no, usage

    sources = sorted({message.source for message in found})
    if source is not None and source in sources:
        return source
    if not sources:
        no(f"no event of ticket {ticket_id!r} in {place}: check the id, and --at if you gave it")
    if source is not None:
        no(f"ticket {ticket_id!r} has no event of source {source!r}, but of {', '.join(sources)}: choose one")
    if len(sources) > 1:
        usage(f"ticket {ticket_id!r} exists in {', '.join(sources)}: choose one with --source")
    return sources[0]


def _parts(explanation: Explanation) -> Iterator[Table | str]:
    """Yield the ticket's facts, then its events with what each completes."""
    from cxstream.cli.console import table

    story = explanation["events"]
    facts = [
        (name.replace("_", " "), _cell(value)) for name, value in explanation.items() if name != "events"
    ]
    yield table(f"Ticket {explanation['ticket_id']}", "", "", rows=facts, numbers=False)
    rows = [
        (
            event["occurred_at"],
            event["topic"],
            event["event_id"],
            "; ".join(event["notes"]),
            _completed(event),
        )
        for event in story
    ]
    yield table(
        "Events", "occurred at", "topic", "event id", "because", "completes", rows=rows, numbers=False
    )
    measured = [
        (event, one) for event in story for one in event["completes"] if "seconds" in one or "points" in one
    ]
    if measured:
        figures = [
            (one["what"], _value(one), one["moment"], event["event_id"], _cell(one["labels"]))
            for event, one in measured
        ]
        yield table(
            "Measures", "measure", "value", "moment", "completed by", "labels", rows=figures, numbers=False
        )


def _completed(event: Explanation) -> str:
    return ", ".join(one["what"] for one in event["completes"])


def _value(one: Explanation) -> str | None:
    from cxstream.cli.console import in_words

    return in_words(one["seconds"]) if "seconds" in one else f"{one['points']:g}"


def _cell(value: object) -> str | None:
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)
