"""Options that several commands share, and the settings they lead to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cxstream.cli.failure import usage

if TYPE_CHECKING:
    from cxstream.settings import Settings

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="CXSTREAM_CONFIG",
        help="YAML file of settings; the environment wins.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="JSON lines, gzip too; - reads standard input.")]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="INSTANT", help="RFC 3339 or epoch: as of then. Default: the last event's time."
    ),
]


def example(*lines: str) -> str:
    """Format the end of a command's help: examples, one per line as written."""
    return "\b\n" + "\n".join(
        ("Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines))
    )


def settings_of(config: Path | None, **flags: object) -> Settings:
    """Load the settings; raises ``SettingsError``. Options that were not given (``None``) do not count."""
    from cxstream.settings import load

    return load(config, **{name: value for name, value in flags.items() if value is not None})


def instant_of(text: str | None, option: str = "--at") -> int | None:
    """Milliseconds of an instant given on the command line."""
    if text is None:
        return None
    from cxstream.core.instant import parse_instant

    try:
        return parse_instant(float(text) if _NUMBER.fullmatch(text) else text)
    except ValueError:
        usage(
            f"{option} {text!r} is no instant: write RFC 3339 such as 2026-03-02T10:00:00Z, or epoch seconds"
        )
