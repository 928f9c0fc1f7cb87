"""Files of events: JSON lines, plain or gzip, from a path or standard input."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from cxstream.cli.console import progress
from cxstream.cli.failure import usage

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN: Final = "-"
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_LONGEST: Final = (
    16 << 20
)  # bytes; far above the largest event, so that a file without line ends fits in memory
_EVERY: Final = 2_000  # lines between two steps of the progress bar


class Line(NamedTuple):
    """A line of the file that is not blank; ``number`` counts from 1."""

    number: int
    content: bytes


def read_lines(file: str, what: str = "reading") -> Iterator[Line]:
    """Yield the lines of ``file``, with progress; a line beyond the longest allowed comes cut off.

    Raises ``Failure`` when the file cannot be read.
    """
    try:
        with _open(file) as raw:
            yield from _lines(raw, what, file)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, BrokenPipeError):
            raise
        reason = getattr(error, "strerror", None) or error
        usage(f"{file}: {reason}: correct the path, or make the file whole")


@contextmanager
def _open(file: str) -> Iterator[io.BufferedReader]:
    if file == STDIN:
        yield io.BufferedReader(sys.stdin.buffer)  # type: ignore[arg-type]  # whatever it is, it can be read
        return
    with Path(file).open("rb") as raw:
        yield raw


def _lines(raw: io.BufferedReader, what: str, file: str) -> Iterator[Line]:
    zipped = raw.peek(2)[:2] == _GZIP
    content: IO[bytes] = gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[assignment]
    size = Path(file).stat().st_size if file != STDIN and Path(file).is_file() else None
    with progress(what, size) as done:
        number = 0
        while line := content.readline(_LONGEST):
            number += 1
            whole = line
            while len(line) == _LONGEST and not line.endswith(b"\n"):
                line = content.readline(_LONGEST)  # the rest of a line that is too long
            if number == 1:
                whole = whole.removeprefix(_BOM)
            if number % _EVERY == 0 and size is not None:
                done(raw.tell())
            if stripped := whole.strip():
                yield Line(number, stripped)
