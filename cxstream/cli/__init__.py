"""The command line: one module per command, each importing what it needs only when it runs."""

from __future__ import annotations


def main() -> None:
    """Run ``cxstream``; ends the process with 0 (done), 1 (the answer is no) or 2 (wrong usage)."""
    from cxstream.cli.program import program

    program()


__all__ = ["main"]
