"""Marks: how far a partition's state has come in each of its topics.

They are stored in the same changelog, and written after the tickets they stand for: a mark that is read back says
that everything up to it is in the tickets. The worker reads on from there, whatever the consumer group's committed
offsets say.
"""

from __future__ import annotations

from typing import Final

import msgspec

KEY: Final = b"m"
"""The key of the marks in the changelog; all keys that begin with it belong to the stream."""
VERSION: Final = 1


class Marks:
    """The last applied offset of each topic (its name in Kafka) in one partition."""

    __slots__ = ("offsets",)

    def __init__(self, stored: bytes | None = None) -> None:
        self.offsets: dict[str, int] = {}
        if stored is not None:
            version, self.offsets = msgspec.msgpack.decode(stored, type=tuple[int, dict[str, int]])
            if version != VERSION:
                raise ValueError(
                    f"the marks have version {version}, this program writes {VERSION}:"
                    " use the program that wrote them"
                )

    def encode(self) -> bytes:
        """Return the bytes to store."""
        return msgspec.msgpack.encode((VERSION, self.offsets))
