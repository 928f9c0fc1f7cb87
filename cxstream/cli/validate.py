"""``cxstream validate``: for each event of a file, whether it is valid and what it counts as."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from cxstream.cli.options import Config, File, Json, example, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.core.event import AgentReplied, AnyEvent, SurveyAnswered
    from cxstream.settings import Settings

Verdict = dict[str, Any]


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "validate",
        epilog=example(
            "cxstream validate events.jsonl", "cxstream validate --json - < events.jsonl | jq .reason"
        ),
    )(validate)


def validate(file: File, json: Json = False, config: Config = None) -> None:
    """Say of each event whether it is valid or why not, its identity, key, partition, and what it counts as.

    Exit status 1 if any line is invalid. --json prints one object per line of the file.
    """
    from cxstream.cli.console import note, print_json, printable
    from cxstream.cli.failure import no

    settings = settings_of(config)
    tally: Counter[str] = Counter()
    for verdict in verdicts(file, settings):
        tally[_kind(verdict)] += 1
        if json:
            print_json(verdict, indent=None)
        else:
            typer.echo(printable(_line(verdict)))
    kinds = ("valid", "invalid", "duplicate", "skipped")
    summary = ", ".join(f"{tally[kind]} {kind}" for kind in kinds if tally[kind] or kind == "valid")
    if tally["invalid"]:
        no(f"{summary}: correct them at their publisher, or the worker sends them to the dead letters")
    note(summary)


def verdicts(file: str, settings: Settings) -> Iterator[Verdict]:
    """Yield what there is to say of each line that is not blank."""
    from cxstream.cli.intake import wall
    from cxstream.cli.lines import read_lines
    from cxstream.core.partitioner import partition_of
    from cxstream.core.reading import Refused, UnknownTopic, key_of, read_line

    latest = wall() + settings.max_future
    seen: dict[tuple[str, str, str, str], int] = {}
    for line in read_lines(file, "validating"):
        try:
            message = read_line(line.content, latest=latest)
        except UnknownTopic as unknown:
            yield {"line": line.number, "skipped": True, "message": unknown.message}
            continue
        except Refused as refused:
            yield {"line": line.number, "valid": False, "reason": refused.reason, "message": refused.message}
            continue
        identity = (message.source, message.topic, message.ticket_id, message.event.event_id)
        key = key_of(message.source, message.ticket_id)
        verdict: Verdict = {
            "line": line.number,
            "valid": True,
            "topic": message.topic,
            "identity": dict(zip(("source", "topic", "ticket_id", "event_id"), identity, strict=True)),
            "key": key.decode(),
            "partition": partition_of(key, settings.partitions),
            "counts_as": counts_as(message.event),
        }
        first = seen.setdefault(identity, line.number)
        if first != line.number:
            verdict["duplicate_of_line"] = first
        yield verdict


def counts_as(event: AnyEvent) -> str:
    """Say what an event can count as, which the other events of its ticket then decide."""
    from cxstream.core import event as kinds

    match event:
        case kinds.Opened():
            told = (
                f"opening by {event.opened_by}; of a known ticket a reopening if it is resolved, else labels"
            )
        case kinds.AgentReplied():
            told = _reply(event)
        case kinds.Resolved():
            told = f"resolution ({event.outcome})"
            if event.outcome in kinds.VOID_OUTCOMES:
                told += ": makes the ticket void"
            told += "; of a resolved ticket "
            told += "a confirmation without effect" if event.automatic else "after an implied reopening"
        case kinds.SurveyAnswered():
            told = f"{event.survey} answer: {_category(event)}"
        case kinds.CustomerReplied():
            told = "customer's message: starts a wait if none runs"
        case kinds.Updated():
            what = [f"status {event.status}"] if event.status else []
            what += ["a hand-off to a human"] if event.human_since is not None else []
            told = ", ".join([*what, "labels"])
    return told


def _reply(event: AgentReplied) -> str:
    from cxstream.core.measure import qualifies

    if qualifies(event):
        return "qualifying reply: first response or response"
    return f"no qualifying reply ({'not public' if not event.public else f'by {event.author}'}): labels"


def _category(event: SurveyAnswered) -> str:
    from cxstream.core.pane import CATEGORIES
    from cxstream.core.survey import classify

    category, _ = classify(
        event.survey, event.score, event.scale_min, event.scale_max, event.higher_is_better
    )
    return CATEGORIES[event.survey][category]


def _kind(verdict: Verdict) -> str:
    if "skipped" in verdict:
        return "skipped"
    if not verdict["valid"]:
        return "invalid"
    return "duplicate" if "duplicate_of_line" in verdict else "valid"


def _line(verdict: Verdict) -> str:
    where = f"{verdict['line']:>6}  "
    kind = _kind(verdict)
    if kind == "skipped":
        return f"{where}skipped    {verdict['message']}"
    if kind == "invalid":
        return f"{where}INVALID    {verdict['reason']}: {verdict['message']}"
    identity = verdict["identity"]
    told = (
        f"{where}{kind:<9}  {verdict['topic']}  {identity['source']}/{identity['ticket_id']}"
        f" {identity['event_id']}  key {verdict['key']} partition {verdict['partition']}"
    )
    if kind == "duplicate":
        return f"{told}  same identity as line {verdict['duplicate_of_line']}: one copy counts"
    return f"{told}  {verdict['counts_as']}"
