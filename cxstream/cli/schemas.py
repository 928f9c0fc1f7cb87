"""``cxstream schemas``: the JSON Schemas and the AsyncAPI document, written or compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cxstream.cli.generated import Check, keep
from cxstream.cli.options import Json, example


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "schemas", epilog=example("cxstream schemas --out schemas", "cxstream schemas --check --out schemas")
    )(schemas)


def schemas(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the documents.")] = Path(
        "schemas"
    ),
    check: Check = False,
    json: Json = False,
) -> None:
    """Write the schemas of all topics and the AsyncAPI document, generated from the models.

    Needs no broker.
    """
    from cxstream.core.schema import documents

    command = f"cxstream schemas --out {out}"
    keep(documents(), out, "the models", command=command, check=check, json=json)
