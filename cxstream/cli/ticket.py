"""``cxstream ticket``: why a ticket counts as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from cxstream.cli.options import At, Config, Json, example, instant_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from cxstream.core.reading import Message
    from cxstream.core.rules import Rules
    from cxstream.settings import Settings

Explanation = dict[str, Any]
_HOUR: Final = 3_600  # seconds
_DAY_HOURS: Final = 24


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
    """Explain a ticket: its events, those ignored, its labels, how each measure was computed, and its SLA clocks.

    Clocks are shown as of now, of a file as of its last event. Exit status 1 if no event of the ticket is found.
    """
    from cxstream.cli.console import print_json, show
    from cxstream.core.report import Batch

    instant = instant_of(at)
    settings = settings_of(config)
    seen = _from_kafka(ticket_id, settings) if file is None else _from_file(file, ticket_id, settings)
    found = [m for m in seen.messages if instant is None or m.event.at <= instant]
    chosen = _source_of(found, ticket_id, source, file or ", ".join(settings.brokers))
    batch = Batch(seen.rules)
    for message in found:
        if message.source == chosen:
            batch.add(message)
    now = seen.now if instant is None else instant
    explanation = batch.ticket(chosen, ticket_id, at=instant, now=now) or {}
    if json:
        print_json(explanation)
    else:
        show(*_parts(explanation))


class _Seen(NamedTuple):
    """What is known of the tickets of an id."""

    messages: list[Message]
    now: int | None
    """Up to when SLA clocks have run, ms; ``None`` = the ticket's last event."""
    rules: Rules


def _from_file(file: str, ticket_id: str, settings: Settings) -> _Seen:
    from cxstream.cli.intake import Intake

    intake, found, now = Intake(settings), [], None
    for message in intake.messages(file):
        now = message.event.at if now is None else max(now, message.event.at)
        if message.ticket_id == ticket_id:
            found.append(message)
    intake.tell()
    return _Seen(found, now, settings.promised)


def _from_kafka(ticket_id: str, settings: Settings) -> _Seen:
    """Read the topics in use and keep the records with the ticket's key, in whatever partition they lie."""
    from dataclasses import replace

    from cxstream.cli.broker import asking
    from cxstream.cli.console import progress
    from cxstream.cli.intake import wall
    from cxstream.core.reading import Refused, read
    from cxstream.stream.policies import recalled
    from cxstream.stream.tail import Tail

    key, ending = ticket_id.encode(), b"/" + ticket_id.encode()
    latest = wall() + settings.max_future

    async def look() -> _Seen:
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
        rules = replace(settings.rules, policies=await recalled(settings))
        return _Seen(found, wall() if settings.clock == "wall" else None, rules)

    return asking(settings, look())


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
        (name.replace("_", " "), _cell(value))
        for name, value in explanation.items()
        if name not in {"events", "sla"}
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
    if explanation["sla"]:
        yield table(
            f"SLA clocks, as of {explanation['as_of']}", "policy", "target", "cycle", "started", "due", "outcome",
            "business time", "calendar time", "warned",
            rows=[_clock(run) for run in explanation["sla"]], numbers=False,
        )  # fmt: skip


def _clock(run: Explanation) -> Sequence[str | None]:
    """A run of an SLA clock as a row."""
    from cxstream.cli.console import in_words

    def instant(at: str | None) -> str | None:
        return None if at is None else at.replace(".000Z", "Z")

    target = f"{run['target']} {_working(run['target_s'])}"
    outcome = run["state"].replace("_", " ")
    if run["running"]:
        outcome = f"{outcome}, {'paused' if run['paused'] else 'running'}"
    elif run["by_resolution"]:
        outcome = f"{outcome} by the resolution: not counted"
    return (
        run["policy"],
        target,
        str(run["cycle"]),
        instant(run["started_at"]),
        instant(run["due_at"]),
        outcome,
        _working(run["elapsed_business_s"]),
        in_words(run["elapsed_calendar_s"]),
        ", ".join(filter(None, map(instant, run["warned_at"]))) or None,
    )


def _working(seconds: float) -> str | None:
    """Business time in words, without days: one of work has fewer hours than one of the calendar."""
    from cxstream.cli.console import in_words

    hours, rest = divmod(round(seconds), _HOUR)
    if hours < _DAY_HOURS:
        return in_words(seconds)
    return f"{hours}h {rest // 60}m" if rest >= 60 else f"{hours}h"


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
