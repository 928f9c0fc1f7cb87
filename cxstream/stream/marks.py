"""Marks: how far a partition's state has come in each of its topics.

They are stored in the same changelog, and written after the tickets they stand for: a mark that is read back says
that everything up to it is in the tickets. The worker reads on from there, whatever the consumer group's committed
offsets say. As they are written with every write, they also tell the format of all that is stored.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cxstream.core.foreign import FORMAT, check

KEY: Final = b"m"
"""The key of the marks in the changelog; all keys that begin with it belong to the stream."""


class Marks:
    """The last applied offset of each topic (its name in Kafka) in one partition.

    Raises ``FormatError`` for marks of another major version; what a newer minor version has added is kept.
    """

    __slots__ = ("_format", "_further", "offsets")

    def __init__(self, stored: bytes | None = None) -> None:
        self.offsets: dict[str, int] = {}
        self._format = FORMAT
        self._further: list[Any] = []
        if stored is not None:
            version, *rest = msgspec.msgpack.decode(stored, type=list[Any])
            check(version)
            self._format = max(version, FORMAT)
            self.offsets, *self._further = msgspec.convert(rest[0], dict[str, int]), *rest[1:]

    def encode(self) -> bytes:
        """Return the bytes to store."""
        return msgspec.msgpack.encode((self._format, self.offsets, *self._further))
