"""Generated files: written where they differ from their source, or only compared with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file differs.")]


def keep(wanted: Mapping[str, str], out: Path, source: str, *, command: str, check: bool, json: bool) -> None:
    """Write ``wanted`` (name below ``out`` → text) and tell; with ``check`` only compare, and fail on a difference.

    ``source`` are the words for what the files agree with, ``command`` what writes them.
    """
    from cxstream.cli.console import print_json
    from cxstream.cli.failure import no, usage

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
        no(f"{', '.join(differing)} in {out} differ from {source}: run `{command}`")
    if not json:
        unchanged = f"{len(wanted)} documents in {out} agree with {source}"
        typer.echo(unchanged if check or not differing else f"written to {out}: {', '.join(differing)}")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
