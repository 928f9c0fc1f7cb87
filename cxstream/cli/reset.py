"""``cxstream reset``: have the workers of an app begin anew, from the topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cxstream.cli.options import Config, Json, example, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.stream.reset import Stored


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "reset", epilog=example("cxstream reset", "CXSTREAM_APP=cxstream-next cxstream reset --yes")
    )(reset)


def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, only say what would be done.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Delete what the workers of CXSTREAM_APP have stored: changelog, SLA policies so far, committed offsets.

    Their next start builds the numbers from what the topics hold, all of it under the SLA policy of that start.
    Events, sla-events, dead letters and other apps are not touched. Exit status 1, and nothing is changed, while
    a worker of the app is running.
    """
    from cxstream.cli.broker import ask, asking
    from cxstream.cli.console import print_json
    from cxstream.cli.failure import no
    from cxstream.stream import reset as stored

    settings = settings_of(config)
    found = ask(settings, stored.look)
    if yes and not found.members:
        try:
            asking(settings, stored.reset(settings))
        except stored.InUseError as error:
            no(str(error))
    if json:
        print_json({"done": yes and not found.members, **found._asdict()})
    else:
        for line in _lines(found, done=yes and not found.members):
            typer.echo(line)
    if found.members:
        no(f"the group {found.group} has members ({', '.join(found.members)}): stop all its workers first")


def _lines(found: Stored, *, done: bool) -> Iterator[str]:
    verb = "deleted" if done else "would delete"
    if found.records is None and found.remembered is None and not found.offsets:
        yield f"nothing is stored under CXSTREAM_APP={found.group}"
        return
    if found.records is not None:
        yield f"{verb} the topic {found.changelog} ({found.records} records)"
    if found.remembered is not None:
        yield f"{verb} the topic {found.policies} ({found.remembered} SLA policies)"
    if found.offsets:
        yield f"{verb} the offsets of the group {found.group} ({found.offsets} partitions)"
    if found.cut:
        yield f"lost with it: tickets older than what is left of {', '.join(found.cut)}"
    if not done:
        yield "nothing has been changed: add --yes to do it"
