"""Shelves: entries sorted by ticket, on disk as soon as they are many.

Entries are written in the order in which they come and read shelf by shelf; all entries of a ticket stand on one
shelf, in their order. So whatever is done per ticket needs the memory of one shelf only.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from zlib import crc32

import msgspec

from cxstream.core.audit import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_SHELF: Final = 25_000
"""Entries that are meant to stand on one shelf: some 20 MB when they are worked on."""
_MOST: Final = 4_096
_BUFFERS: Final = 16 << 20
"""Bytes of all shelves that wait in memory to be written."""
_LEAST: Final = 16 << 10
"""Bytes of one shelf below which writing costs more than it frees."""


class Shelves:
    """Entries by ticket; a context manager, whose end removes the files."""

    def __init__(self, expected: int) -> None:
        self.entries = 0
        count = min(expected // _SHELF + 1, _MOST)
        self._buffers = [bytearray() for _ in range(count)]
        self._limit = max(_BUFFERS // count, _LEAST)
        self._encoder = msgspec.msgpack.Encoder()
        self._decode = msgspec.msgpack.Decoder(Entry).decode
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def put(self, entry: Entry) -> None:
        """Put an entry on the shelf of its ticket."""
        number = crc32(entry.ticket) % len(self._buffers)
        buffer, start = self._buffers[number], len(self._buffers[number])
        buffer += b"\0\0\0\0"
        self._encoder.encode_into(entry, buffer, start + 4)
        buffer[start : start + 4] = (len(buffer) - start - 4).to_bytes(4, "big")
        self.entries += 1
        if len(buffer) > self._limit:
            with self._path(number).open("ab") as file:
                file.write(buffer)
            buffer.clear()

    def __iter__(self) -> Iterator[list[Entry]]:
        """Yield the entries of one shelf after the other."""
        for number, buffer in enumerate(self._buffers):
            written = (
                self._path(number).read_bytes()
                if self._folder is not None and self._path(number).exists()
                else b""
            )
            content = memoryview(written + bytes(buffer))
            entries, at = [], 0
            while at < len(content):
                start = at + 4
                at = start + int.from_bytes(content[at:start], "big")
                entries.append(self._decode(content[start:at]))
            yield entries

    def _path(self, number: int) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="cxstream-audit-")
        return Path(self._folder.name) / str(number)
