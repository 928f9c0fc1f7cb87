"""``cxstream schemas``: the JSON Schemas and the AsyncAPI document, written or compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a document differs.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the schemas of all topics and the AsyncAPI document, generated from the models.

    Needs no broker.
    """
    from cxstream.cli.console import print_json
    from cxstream.cli.failure import no, usage
    from cxstream.core.schema import documents

    wanted = documents()
    differing = [name for name, text in wanted.items() if _text(out / name) != text]
    if not check:
        try:
            for name in differing:
                path = out / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wanted[name], encoding="utf-8")
        except OSError as error:
            usage(f"{error.filename}: {error.strerror}: choose a folder you may write to with --out")
    if json:
        print_json({"documents": sorted(wanted), "differing": differing, "written": not check})
    if check and differing:
        no(f"{', '.join(differing)} in {out} differ from the models: run `cxstream schemas --out {out}`")
    if not json:
        unchanged = f"{len(wanted)} documents in {out} agree with the models"
        typer.echo(unchanged if check or not differing else f"written to {out}: {', '.join(differing)}")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
