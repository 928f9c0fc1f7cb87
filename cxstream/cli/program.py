"""The program ``cxstream``: its commands, and what happens when one fails."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from cxstream.cli import (
    audit,
    check,
    dashboards,
    dead_letters,
    demo,
    replay,
    report,
    reset,
    rules,
    schemas,
    simulate,
    ticket,
    top,
    topics,
    validate,
    worker,
)
from cxstream.cli.console import printable
from cxstream.cli.failure import INTERRUPTED, NO, Failure, one_line
from cxstream.cli.options import example

if TYPE_CHECKING:
    from collections.abc import Sequence


class Program(TyperGroup):
    """The group of all commands; turns every exception into one line and an exit status."""

    def main(  # type: ignore[override]  # the others are in `extra`
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        """Run a command line and exit, whatever the caller wants of ``standalone_mode``."""
        extra["standalone_mode"] = False
        try:
            status = super().main(args, prog_name or "cxstream", **extra)
            sys.stdout.flush()
        except (TyperException, Failure) as error:
            sys.exit(_told(error))
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # `cxstream … | head`: the reader has what it wants; no more can be written, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback for a user
            sys.exit(_told(error))
        sys.exit(status if isinstance(status, int) else 0)


def _told(error: Exception) -> int:
    """Print the one line; return the exit status."""
    if isinstance(error, Failure):
        text, status = str(error), error.status
    elif isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "cxstream"
        text, status = f"{one_line(error.format_message())} See `{path} --help`.", error.exit_code
    else:
        text, status = _unexpected(error)
    typer.echo(f"error: {printable(text)}", err=True)
    return status


def _unexpected(error: Exception) -> tuple[str, int]:
    from cxstream.settings import SettingsError

    if isinstance(error, SettingsError):
        return one_line(error), 2
    if os.environ.get("CXSTREAM_LOG_LEVEL") == "debug":
        import traceback

        traceback.print_exception(error)
    remedy = "for the traceback set CXSTREAM_LOG_LEVEL=debug and run it again"
    return f"{type(error).__name__}: {one_line(error)}: {remedy}", NO


program = typer.Typer(
    name="cxstream",
    cls=Program,
    help="A helpdesk's events in Kafka, as exact live numbers in Prometheus.",
    epilog=example("cxstream demo", "cxstream report events.jsonl --by team"),
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: starts in half the time and copies well out of a terminal
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"cxstream {version('cxstream')}")
        raise typer.Exit


@program.callback()
def _root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Carry the options that belong to no command."""


for module in (
    demo,
    worker,
    simulate,
    replay,
    report,
    validate,
    ticket,
    top,
    audit,
    dead_letters,
    reset,
    topics,
    schemas,
    dashboards,
    rules,
    check,
):
    module.register(program)
