"""Foreign parts: what a newer minor version has stored with a ticket, and this one does not know.

During a rolling upgrade old and new workers take over each other's partitions. What an old one rewrites, it writes
with everything in it that it could not read: further elements of a row, further fields of an event, events of a kind
it does not know. They live in the stored bytes only; a ticket knows nothing of them, and nobody pays for them who has
none. Whoever adds something in a minor version must know that it can come back untouched beside facts that changed,
that pages are laid out anew by those who do not know it (so what is no event's belongs at the end of the first row),
and that rows under a key of its own outlive a ticket which an old worker forgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from cxstream.core.event import EVENT_TYPES, AnyEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAJOR: Final = 1
MINOR: Final = 0
FORMAT: Final = 100 * MAJOR + MINOR
"""Version of all that is stored, as it stands in front of each row: one byte, for rows are many."""

_SIZES: Final = {cls.rank: len(cls.__struct_fields__) + 1 for cls in EVENT_TYPES}
"""Elements of a stored event that are known, by its tag, which is the first of them."""
_KNOWN: Final = 5
"""Elements of a row that are known: format, arrival, pages, events, how far time has acted on the SLA clocks."""

_encode: Final = msgspec.msgpack.Encoder().encode


class FormatError(Exception):
    """What is stored has a format that this version does not read."""


class Foreign(NamedTuple):
    """What is to be kept of the rows of one ticket."""

    format: int
    """The newest version that has written to it."""
    row: list[Any]
    """Further elements of its first row."""
    fields: dict[tuple[int, str], tuple[AnyEvent, list[Any]]]
    """By rank and id, an event as far as it is known, and its further fields."""
    events: list[Any]
    """Whole events of unknown kinds."""

    def encode(
        self, arrived: int, pages: int, events: Sequence[AnyEvent], fired_until: int, *, first: bool
    ) -> bytes:
        """A row with these parts; those that belong to the ticket as a whole stand in the first."""
        raw = [self._with_fields(event) for event in events]
        if not first:
            return _encode([self.format, arrived, pages, raw, fired_until])
        return _encode([self.format, arrived, pages, raw + self.events, fired_until, *self.row])

    def _with_fields(self, event: AnyEvent) -> Any:
        fact, further = self.fields.get((event.rank, event.event_id), (None, []))
        # The fields of a copy that stands no longer go with it.
        return [*msgspec.to_builtins(event), *further] if fact == event else event


def check(version: int) -> None:
    """Raise ``FormatError`` for what this version must not touch."""
    major, minor = divmod(version, 100)
    if major == MAJOR:
        return
    remedy = (
        "use the version that wrote it, or start this one beside it under another CXSTREAM_APP"
        if major > MAJOR
        else "stop all workers and run cxstream reset"
    )
    raise FormatError(
        f"the stored state has format {major}.{minor}, this version of cxstream reads {MAJOR}.x: {remedy}"
    )


def newer(row: bytes) -> bool:
    """Whether a row comes from a newer minor version; cheap, for it is asked of every row that is rewritten."""
    return row[1] > FORMAT  # behind the array's one byte; versions up to 1.27 are one byte too


def known(row: bytes) -> tuple[int, int, list[AnyEvent], int]:
    """What a row says behind its format, with the events of known kinds, if it cannot be read in the usual way."""
    _, arrived, pages, events, fired_until, *_ = _raw(row)
    return arrived, pages, [_convert(event) for event in events if event[0] in _SIZES], fired_until


def foreign(rows: Iterable[bytes]) -> Foreign:
    """What is to be kept of the rows of a ticket, its first row first."""
    kept = Foreign(FORMAT, [], {}, [])
    for number, row in enumerate(rows):
        version, _, _, events, _, *further = _raw(row)
        kept = kept._replace(format=max(kept.format, version))
        if number == 0:
            kept.row.extend(further)
        for event in events:
            size = _SIZES.get(event[0])
            if size is None:
                if event not in kept.events:
                    kept.events.append(event)
            elif len(event) > size:
                fact = _convert(event)
                kept.fields[fact.rank, fact.event_id] = (fact, event[size:])
    return kept


def _raw(row: bytes) -> list[Any]:
    decoded = msgspec.msgpack.decode(row)
    if isinstance(decoded, list) and decoded and isinstance(decoded[0], int):
        check(decoded[0])
        if len(decoded) >= _KNOWN:
            return decoded
    raise ValueError("a stored row is not whole")


def _convert(event: list[Any]) -> AnyEvent:
    return msgspec.convert(event, AnyEvent)  # type: ignore[no-any-return] # a union is a type here
