"""``cxstream topics``: create the topics, or look at those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cxstream.cli.options import Config, Json, example, settings_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cxstream.settings import Settings
    from cxstream.stream.topics import Finding

_HELP = "Create the topics in Kafka, or look at those that are there."
_GOOD = {"ok", "created"}


def register(program: typer.Typer) -> None:
    """Add the two commands, as a group."""
    group = typer.Typer(
        help=_HELP,
        epilog=example("cxstream topics create", "cxstream topics check --json"),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("create", epilog=example("CXSTREAM_REPLICATION=3 cxstream topics create"))(create)
    group.command("check", epilog=example("cxstream topics check --config cxstream.yaml"))(check)
    program.add_typer(group, name="topics")


def create(json: Json = False, config: Config = None) -> None:
    """Create the topics that are missing: sources, dead letters, sla-events, and the app's own.

    Topics that are there stay as they are; exit status 1 if one of them does not fit the settings. The
    sources keep events at least as long as CXSTREAM_TICKET_RETENTION.
    """
    from cxstream.stream import topics

    _tell(_found(topics.create, settings_of(config)), as_json=json)


def check(json: Json = False, config: Config = None) -> None:
    """Look at the topics and change nothing; exit status 1 if one is missing or does not fit."""
    from cxstream.stream import topics

    _tell(_found(topics.check, settings_of(config)), as_json=json)


def _found(look: Callable[[Settings], Awaitable[list[Finding]]], settings: Settings) -> list[Finding]:
    from cxstream.cli.broker import ask

    return ask(settings, look)


def rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as they are printed with --json."""
    return [finding._asdict() for finding in findings]


def bad(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that ask for something to be done."""
    return [finding for finding in findings if finding.state not in _GOOD]


def _tell(findings: Sequence[Finding], *, as_json: bool) -> None:
    from cxstream.cli.console import print_json, show, table
    from cxstream.cli.failure import no

    if as_json:
        print_json({"topics": rows(findings)})
    else:
        show(table("Topics", "topic", "state", "detail", "remedy", rows=findings, numbers=False))
    if wrong := bad(findings):
        first = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        no(f"{first.topic}: {first.state}, {first.detail}: {first.remedy}{more}")
