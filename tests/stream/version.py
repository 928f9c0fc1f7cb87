"""`cxstream` as a version of its own that stores more, to run beside the one there is.

usage: python -m tests.stream.version MINOR SESSION worker …

MINOR is that of the state's format; with 0 nothing is added. SESSION are seconds without a heartbeat after which
Kafka gives a worker's partitions away. What follows is the command line of `cxstream`.

A newer version adds: to the first row of a ticket how many of its events it has seen; to each event that it writes a
field; to some tickets an event of a kind of its own; a row of its own per ticket, which names the events it has seen;
to the marks a number. All this hangs together, so that whatever a version in between has lost is noticed by the next
one that reads it (`verify`), and ends that worker.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

import msgspec

from cxstream.cli import main
from cxstream.core import foreign, record
from cxstream.core.foreign import FormatError
from cxstream.core.ledger import Ledger
from cxstream.core.record import Rows, page_key
from cxstream.core.ticket import Ticket
from cxstream.stream import marks
from cxstream.stream.worker import Worker

KIND = 99  # of events that only the newer version knows
FIELD = "seen"
OWN = b"s"  # the first byte of keys that only the newer version knows

pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode


class LostError(FormatError):
    """Something that a newer version has added is there no more; no worker goes on with that."""


def upgrade(minor: int) -> None:
    """Make this process one of the newer version."""
    for module in (foreign, record, marks):
        module.FORMAT += minor
    changes, removal, rebuild = record.changes, record.removal, Ledger.rebuild

    def more_changes(key: bytes, ticket: Ticket, stored: Mapping[bytes, bytes]) -> Rows:
        ticket.timeline.touch_first()
        return added(key, changes(key, ticket, stored), stored)

    def more_removed(key: bytes, ticket: Ticket) -> Rows:
        return [(OWN + key[1:], None), *removal(key, ticket)]

    def more_marks(self: marks.Marks) -> bytes:
        return pack([marks.FORMAT, self.offsets, sum(self.offsets.values())])

    def verified(self: Ledger, *now: int) -> Iterator[int]:
        verify(self._stored)
        return rebuild(self, *now)

    record.only = lambda *_: None  # of every ticket there is more to write
    record.changes, record.removal = more_changes, more_removed
    marks.Marks.encode, Ledger.rebuild = more_marks, verified


def added(key: bytes, rows: Rows, stored: Mapping[bytes, bytes]) -> Rows:
    """Rows of a ticket as the newer version writes them."""
    own = OWN + key[1:]
    seen: dict[str, int] = unpack(stored[own]) if own in stored else {}
    whole = [(place, None if value is None else unpack(value)) for place, value in rows]
    for _, row in whole:
        if row is not None:
            seen.update((name(event), crc32(pack(event))) for event in row[3])
            row[3] = [[*event, FIELD] for event in row[3]]
    first = next(row for place, row in whole if place == key and row is not None)
    first.append(len(seen))
    if special(key):
        first[3].append([KIND, 0, "of the newer version", {"any": ["thing"]}])
    return [(own, pack(seen)), *((place, None if row is None else pack(row)) for place, row in whole)]


def verify(stored: Mapping[bytes, bytes]) -> int:
    """How many tickets have additions; raises ``LostError`` if there is less than has been added."""
    tickets = [b"t" + key[1:] for key in stored if key[:1] == OWN]
    for key in tickets:
        if key not in stored:
            raise LostError(f"{key!r}: the ticket")
        _, _, pages, events, _, *further = unpack(stored[key])
        seen: dict[str, int] = unpack(stored[OWN + key[1:]])
        if further != [len(seen)]:
            raise LostError(f"{key!r}: the row ends with {further}, {len(seen)} events were seen")
        if special(key) != sum(event[0] == KIND for event in events):
            raise LostError(f"{key!r}: the event of a kind of its own")
        for number in range(1, pages):
            page = stored.get(page_key(key, number))
            events += [] if page is None else unpack(page)[3]
        found = {name(event): event for event in events}
        for each, fact in seen.items():
            if each not in found:
                raise LostError(f"{key!r}: the event {each}")
            *event, last = found[each]
            if last != FIELD and crc32(pack([*event, last])) == fact:  # not another copy
                raise LostError(f"{key!r}: the field of {each}")
    known = set(tickets)
    for key, value in stored.items():
        if key[:1] == b"t" and key not in known and len(unpack(value)) > 5:
            raise LostError(f"{key!r}: the row that names the events seen")
    if tickets:
        _, offsets, *further = unpack(stored[marks.KEY])
        if not further or further[0] > sum(offsets.values()):
            raise LostError(f"the marks end with {further}")
    return len(tickets)


def name(event: list[Any]) -> str:
    """What tells an event from the others of its ticket."""
    return f"{event[0]}:{event[2]}"


def special(key: bytes) -> bool:
    """Whether a ticket gets an event of an unknown kind, which is read in another way than an unknown field."""
    return key[-1] % 2 == 0


if __name__ == "__main__":
    minor, session, *sys.argv[1:] = sys.argv[1:]
    Worker.__init__.__kwdefaults__["session"] = float(session)
    if int(minor):
        upgrade(int(minor))
    main()
