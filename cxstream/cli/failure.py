"""How a command fails: one line on stderr with cause and remedy, and an exit status."""

from __future__ import annotations

from typing import Final, NoReturn

NO: Final = 1
"""Exit status: the command ran, and the answer is no."""
USAGE: Final = 2
"""Exit status: wrong usage or settings."""
INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""


class Failure(Exception):  # noqa: N818 - not an error of the program: the user's to correct
    """Ends a command with ``status``; the text says cause and remedy in one line."""

    def __init__(self, text: str, status: int = USAGE) -> None:
        super().__init__(one_line(text))
        self.status = status


def one_line(text: object) -> str:
    """Fold whatever an exception says into a single line."""
    return " ".join(str(text).split())


def usage(text: str) -> NoReturn:
    """Fail for wrong usage: exit status 2."""
    raise Failure(text, USAGE)


def no(text: str) -> NoReturn:
    """Fail because the answer is no: exit status 1."""
    raise Failure(text, NO)
