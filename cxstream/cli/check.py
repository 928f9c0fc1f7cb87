"""``cxstream check``: the settings in force, the broker, the topics, and what the labels can cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from cxstream.cli.options import Config, Json, example, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cxstream.core.placement import Placement
    from cxstream.settings import Settings
    from cxstream.stream.topics import Finding

_SLA_TOPICS: Final = ("customer-replied", "ticket-updated")
_MANY: Final = 1_000_000  # series; a Prometheus with 8 GB holds about two million in all


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "check",
        epilog=example(
            "cxstream check", "CXSTREAM_TEAMS=billing,sales cxstream check --config cxstream.yaml --json"
        ),
    )(check)


def check(json: Json = False, config: Config = None) -> None:
    """Print the effective settings, look at broker and topics, and compute the worst-case number of series.

    Exit status 2 if the settings cannot be used, 1 if the broker does not answer or a topic does not fit. A
    missing topic is a warning: `cxstream topics create` makes it.
    """
    from cxstream.cli.console import note, print_json, show
    from cxstream.cli.failure import no
    from cxstream.cli.series import worst_case
    from cxstream.core.placement import warnings as misplacements

    settings = settings_of(config)
    series = worst_case(settings)
    findings, trouble = _look(settings)
    placed, obstacle = _placed(settings) if trouble is None else ([], None)
    warnings = [*_warnings(settings, findings, series), *misplacements(placed)]
    if obstacle is not None:
        warnings.append(f"where records lie cannot be seen: {obstacle}")
    if json:
        print_json(
            {
                "settings": settings.masked(),
                "origins": {name: settings.origin(name) for name in settings.masked()},
                "fingerprint": settings.fingerprint,
                "sla_policy": settings.policies.describe(),
                "broker": {"reachable": trouble is None, "trouble": trouble},
                "topics": [finding._asdict() for finding in findings],
                "placement": [{**each._asdict(), "remedy": each.remedy} for each in placed],
                "series": {"total": sum(series.values()), "by_metric": series},
                "warnings": warnings,
            }
        )
    else:
        show(*_parts(settings, findings, placed, series, trouble))
    for warning in warnings:
        note(f"warning: {warning}")
    if trouble is not None:
        no(trouble)
    for finding in findings:
        if finding.state == "mismatch":
            no(f"{finding.topic}: {finding.detail}: {finding.remedy}")


def _look(settings: Settings) -> tuple[Sequence[Finding], str | None]:
    """Return what is the case with the topics, or why that cannot be told."""
    from cxstream.cli.broker import ask
    from cxstream.cli.failure import Failure
    from cxstream.stream import topics

    try:
        return ask(settings, topics.check), None
    except Failure as failure:
        return (), str(failure)


def _placed(settings: Settings) -> tuple[Sequence[Placement], str | None]:
    """Return by which partitioner the last records of each topic were placed, or why that cannot be told."""
    from cxstream.cli.broker import ask
    from cxstream.cli.failure import Failure
    from cxstream.stream import sample

    try:
        return ask(settings, sample.placements), None
    except Failure as failure:
        return (), str(failure)


def _warnings(settings: Settings, findings: Sequence[Finding], series: dict[str, int]) -> Iterator[str]:
    missing = [finding.topic for finding in findings if finding.state == "missing"]
    if missing:
        yield f"topics are missing: {', '.join(missing)}: cxstream topics create"
    if (total := sum(series.values())) > _MANY:
        dearest = max(series, key=series.__getitem__)
        yield (
            f"up to {total:,} series per worker, {series[dearest]:,} of them {dearest}: name the teams in"
            " CXSTREAM_TEAMS, or choose fewer windows, labels or CXSTREAM_MAX_LABEL_VALUES"
        )
    if settings.sla_policy is not None:
        absent = [topic for topic in _SLA_TOPICS if topic not in settings.optional_topics]
        if absent:
            yield (
                f"CXSTREAM_SLA_POLICY without {', '.join(absent)}: next-reply breaches appear late and"
                " nothing pauses: add them to CXSTREAM_OPTIONAL_TOPICS"
            )


def _parts(
    settings: Settings,
    findings: Sequence[Finding],
    placed: Sequence[Placement],
    series: dict[str, int],
    trouble: str | None,
) -> Iterator[Any]:
    from cxstream.cli.console import table

    rows = [(name.upper(), _text(value), settings.origin(name)) for name, value in settings.masked().items()]
    yield table("Settings (CXSTREAM_…)", "name", "value", "from", rows=rows, numbers=False)
    yield f"Fingerprint, the same on all workers of a group: {settings.fingerprint}\n"
    yield f"Broker: {'answers' if trouble is None else 'does not answer'}\n"
    yield table(
        f"SLA policy ({settings.sla_policy or 'built in'}): the first that matches, a channel's target before a"
        " priority's, that before the rest",
        *("policy", "when", "target", "priority", "channel", "within", "calendar", "paused by", "warns at"),
        rows=list(_promises(settings)),
        numbers=False,
    )
    if findings:
        yield table("Topics", "topic", "state", "detail", "remedy", rows=findings, numbers=False)
    if placed:
        samples = [(each.topic, each.seen, each.misplaced, each.partitioner, each.state) for each in placed]
        columns = ("topic", "last records", "misplaced", "partitioner", "state")
        yield table("Placement of keys", *columns, rows=samples)
    dear = sorted(series.items(), key=lambda item: -item[1])
    title = f"Series of one worker at worst: {sum(series.values()):,}"
    yield table(title, "metric", "series", rows=[(name, f"{count:,}") for name, count in dear])


def _promises(settings: Settings) -> Iterator[tuple[object, ...]]:
    """Every target as it holds, defaults filled in."""
    from cxstream.cli.console import in_words

    for policy in settings.policies.policies:
        for priority, channel, layer in policy.layers():
            for name, target in layer.items():
                yield (
                    policy.name,
                    policy.when.text(),
                    name,
                    priority,
                    channel,
                    in_words(target.amount / 1_000),
                    target.calendar.name,
                    ", ".join(sorted(target.pause_on)) or "-",
                    ", ".join(str(in_words(step / 1_000)) for step in target.steps) or "-",
                )


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None or value == "" else str(value)
