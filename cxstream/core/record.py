"""Records: how a ticket lies in the table and its changelog.

Key ``t`` + source + NUL + ticket id holds the first page of a ticket and the number of its pages; ``p`` + page
number (four bytes) + source + NUL + ticket id the further pages of a long one. The value is a MessagePack array.
Keys beginning with ``m`` are the stream's own. Keys of other kinds, which a newer minor version may write, are left
alone; what it has added to a ticket's rows is written back (see ``foreign``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cxstream.core.event import AnyEvent
from cxstream.core.foreign import FORMAT, Foreign, check, foreign, known, newer
from cxstream.core.ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cxstream.core.policy import PolicyHistory
    from cxstream.core.timeline import Page

Rows = list[tuple[bytes, bytes | None]]
"""Keys and values for the changelog; ``None`` deletes."""


class Record(msgspec.Struct, array_like=True, gc=False):
    """One page of a ticket."""

    format: int
    arrived: int
    """When the last event of the page arrived, ms."""
    pages: int
    """All page numbers of the ticket lie below; only in the first page."""
    events: list[AnyEvent]
    fired_until: int = 0
    """Up to which instant time has acted on the SLA clocks, ms; only in the first page."""


_NOTHING: Final[Mapping[bytes, bytes]] = {}

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Record).decode


def key_of(source: str, ticket_id: str) -> bytes:
    """The key of a ticket's first page."""
    return f"t{source}\0{ticket_id}".encode()


def names_of(key: bytes) -> tuple[str, str]:
    """Source and id of the ticket whose first page lies under ``key``."""
    source, _, ticket_id = key[1:].decode().partition("\0")
    return source, ticket_id


def page_key(key: bytes, number: int) -> bytes:
    """The key of a page of the ticket whose first page lies under ``key``."""
    return key if number == 0 else b"p" + number.to_bytes(4, "big") + key[1:]


def owner(key: bytes) -> bytes | None:
    """Source + NUL + ticket id of the ticket to which a key belongs; ``None`` for what is no ticket's."""
    if key[:1] == b"t":
        return key[1:]
    return key[5:] if key[:1] == b"p" else None


def load(
    key: bytes, stored: Mapping[bytes, bytes], skew: int, policies: PolicyHistory | None = None
) -> Ticket | None:
    """The ticket under ``key``; raises ``FormatError`` for rows of another major version."""
    first = stored.get(key)
    if first is None:
        return None
    source, ticket_id = names_of(key)
    record = _read(first)
    pages, arrived = [(0, record.events)], record.arrived
    announced, fired_until = record.pages, record.fired_until
    for number in range(1, announced):
        value = stored.get(page_key(key, number))
        if value is not None:
            record = _read(value)
            pages.append((number, record.events))
            arrived = max(arrived, record.arrived)
    ticket = Ticket.of(source, ticket_id, skew, pages, announced, policies, fired_until)
    ticket.arrived = arrived
    if (
        ticket.timeline and not pages[0][1]
    ):  # all events of the first page are of kinds that only a newer version knows
        ticket.timeline.lead()
    return ticket


def only(ticket: Ticket, old: bytes | None) -> bytes | None:
    """The value of a ticket's only row, which replaces ``old``; ``None`` if there is more to write, or nothing.

    That is nearly every ticket, so what :func:`changes` does with many pages is not asked here.
    """
    page = ticket.timeline.written_alone()
    if page is None:
        return None
    page.stored = True
    if old is None or not newer(old):
        return _encode((FORMAT, ticket.arrived, ticket.timeline.announced, page.events, ticket.fired_until))
    return foreign([old]).encode(*_whole(ticket, page), first=True)


def changes(key: bytes, ticket: Ticket, stored: Mapping[bytes, bytes] = _NOTHING) -> Rows:
    """The rows of the pages that have changed since the last call; ``stored`` is what they replace.

    In an order in which a write that is cut off loses nothing: pages that take over events come before those
    that give them up, the first page, which says how many there may be, in between.
    """
    value = only(ticket, stored.get(key))
    if value is not None:
        return [(key, value)]
    timeline = ticket.timeline
    dirty = timeline.written()
    others = _foreign(key, [*(page.number for page in dirty), *timeline.freed], stored)
    if others is not None and all(page.number for page in dirty):
        dirty += [page for page in timeline.pages if page.number == 0]  # where they are kept
    if len(dirty) > 1:
        dirty.sort(key=_turn)
    rows: Rows = [(page_key(key, number), None) for number in timeline.unused()]
    for page in dirty:
        page.stored = True
        whole = _whole(ticket, page)
        value = _encode((FORMAT, *whole)) if others is None else others.encode(*whole, first=page.number == 0)
        rows.append((page_key(key, page.number), value))
    if timeline.freed:
        rows += [(page_key(key, number), None) for number in timeline.freed]
        timeline.freed.clear()
    return rows


def _whole(ticket: Ticket, page: Page) -> tuple[int, int, list[AnyEvent], int]:
    """What a row says behind its format; what holds for the whole ticket stands in the first page only."""
    if page.number:
        return ticket.arrived, 0, page.events, 0
    return ticket.arrived, ticket.timeline.announced, page.events, ticket.fired_until


def _foreign(key: bytes, numbers: Iterable[int], stored: Mapping[bytes, bytes]) -> Foreign | None:
    """What is to be kept of the pages with these numbers and of the first; ``None`` if no newer version wrote them."""
    keys = dict.fromkeys([key, *(page_key(key, number) for number in numbers)])
    rows = [row for row in map(stored.get, keys) if row is not None]
    return foreign(rows) if any(map(newer, rows)) else None


def _turn(page: Page) -> int:
    if page.number == 0:
        return 1
    return 2 if page.stored else 0


def removal(key: bytes, ticket: Ticket) -> Rows:
    """The rows that delete a ticket, its first page last."""
    numbers = sorted((page.number for page in ticket.timeline.pages), reverse=True)
    return [(page_key(key, number), None) for number in numbers]


def _read(value: bytes) -> Record:
    try:
        record = _decode(value)
    except msgspec.DecodeError:
        return Record(FORMAT, *known(value))
    if record.format != FORMAT:
        check(record.format)
    return record
