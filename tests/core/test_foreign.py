"""Foreign parts: what a newer minor version stored is read over, and written back whatever happens to the ticket."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from cxstream.core import record
from cxstream.core.event import AgentReplied, AnyEvent, Opened, Resolved
from cxstream.core.foreign import FORMAT, FormatError, check, foreign, newer
from cxstream.core.ledger import Ledger
from cxstream.core.rules import Rules
from cxstream.core.snapshot import snapshot
from cxstream.core.tally import Tally

RULES = Rules()
NOW = 1_772_445_600_000
KEY = record.key_of("default", "7")
KIND = 99  # of events that only the newer version knows


def ledger(stored: dict[bytes, bytes]) -> Ledger:
    made = Ledger(RULES, Tally(RULES), stored, NOW)
    for _ in made.rebuild(NOW):
        pass
    return made


def applied(stored: dict[bytes, bytes], *events: AnyEvent) -> None:
    """Have this version apply events, and write."""
    made = ledger(stored)
    for event in events:
        made.apply("default", "7", event, now=NOW, arrived=NOW)
    made.drain()


def upgraded(stored: dict[bytes, bytes], rng: random.Random | None = None) -> None:
    """Rewrite a table as version 1.1 would, which knows a field of rows, one of events, and another kind."""
    for number, (key, value) in enumerate(list(stored.items())):
        if rng is not None and rng.random() < 0.3:
            continue  # not every row has been rewritten yet
        _, arrived, pages, events, fired_until = msgspec.msgpack.decode(value)[:5]
        events = [
            [*event, f"of {event[2]}"] if event[0] != KIND and len(event) == SIZES[event[0]] else event
            for event in events
        ]
        events.append([KIND, NOW + number, f"new-{number}", {"any": ["thing"]}])
        first = [f"of {key!r}", number] if key[:1] == b"t" else []
        stored[key] = msgspec.msgpack.encode([FORMAT + 1, arrived, pages, events, fired_until, *first])


SIZES = {cls.rank: len(msgspec.to_builtins(cls(0, "", **more))) for cls, more in
         ((Opened, {}), (AgentReplied, {}), (Resolved, {}))}  # fmt: skip


def foreign_of(stored: dict[bytes, bytes]) -> tuple[set[str], set[str], list[Any]]:
    """Further fields of events, events of the unknown kind, further elements of the first row."""
    fields, kinds, row = set(), set(), []
    for key, value in stored.items():
        _, _, _, events, _, *further = msgspec.msgpack.decode(value)
        kinds |= {event[2] for event in events if event[0] == KIND}
        fields |= {event[-1] for event in events if event[0] != KIND and len(event) > SIZES[event[0]]}
        if key[:1] == b"t":
            row = further
    return fields, kinds, row


def told(stored: dict[bytes, bytes]) -> Any:
    return snapshot([ledger(stored)], RULES, NOW)


OPENED, REPLIED, RESOLVED = (
    Opened(NOW - 9_000, "o"),
    AgentReplied(NOW - 5_000, "r"),
    Resolved(NOW - 1_000, "s"),
)


def test_all_parts_are_read_over_and_written_back():
    table: dict[bytes, bytes] = {}
    applied(table, OPENED, REPLIED)
    plain = dict(table)
    upgraded(table)
    assert told(table) == told(plain)
    before = foreign_of(table)
    assert before == ({"of o", "of r"}, {"new-0"}, [f"of {KEY!r}", 0])
    applied(table, RESOLVED)
    applied(plain, RESOLVED)
    assert told(table) == told(plain)
    assert foreign_of(table) == before
    assert newer(table[KEY])
    assert msgspec.msgpack.decode(table[KEY])[0] == FORMAT + 1
    assert not newer(plain[KEY])


def test_a_duplicate_rewrites_nothing():
    table: dict[bytes, bytes] = {}
    applied(table, OPENED)
    upgraded(table)
    before = dict(table)
    applied(table, OPENED)
    assert table == before


def test_the_fields_of_a_copy_that_falls_go_with_it():
    table: dict[bytes, bytes] = {}
    applied(table, OPENED, REPLIED)
    upgraded(table)
    applied(table, Opened(OPENED.at - 1, "o"))
    assert foreign_of(table)[0] == {"of r"}


def test_a_ticket_of_which_nothing_is_known_keeps_what_is():
    table = {KEY: msgspec.msgpack.encode([FORMAT + 1, NOW, 1, [[KIND, NOW, "new", None]], 0, "row"])}
    assert told(table)["tickets"]["opened"] == 0
    applied(table, OPENED)
    assert told(table)["tickets"]["opened"] == 1
    assert foreign_of(table) == (set(), {"new"}, ["row"])


def test_a_first_page_of_unknown_kinds_only():
    replies = [AgentReplied(NOW + n, f"{n:03}") for n in range(40)]
    table: dict[bytes, bytes] = {}
    applied(table, *replies)
    pages = sorted(key for key in table if key[:1] == b"p")
    assert pages
    _, arrived, count, events, _ = msgspec.msgpack.decode(table[KEY])
    plain = dict(table)
    table[KEY] = msgspec.msgpack.encode([FORMAT + 1, arrived, count, [[KIND, NOW, "new", None]], 0])
    moved = [msgspec.convert(event, AnyEvent) for event in events]
    applied(table, *moved)  # they are delivered again
    assert told(table) == told(plain)
    assert foreign_of(table)[1] == {"new"}
    applied(table, OPENED)
    applied(plain, OPENED)
    assert told(table) == told(plain)
    assert foreign_of(table)[1] == {"new"}


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_on_long_tickets_whatever_happens(seed):
    """Pages are begun, split and freed; events come in any order; new and old versions take turns."""
    rng = random.Random(seed)
    events: list[AnyEvent] = [OPENED, RESOLVED]
    events += [AgentReplied(NOW + rng.randrange(1_000), f"{n:03}") for n in range(rng.choice((5, 30, 90)))]
    rng.shuffle(events)
    table: dict[bytes, bytes] = {}
    plain: dict[bytes, bytes] = {}
    fields, kinds = set[str](), set[str]()
    while events:
        some = [events.pop() for _ in range(min(len(events), rng.randrange(1, 20)))]
        applied(table, *some)
        applied(plain, *some)
        found = foreign_of(table)
        assert fields <= found[0]
        assert kinds <= found[1]
        assert told(table) == told(plain)
        if rng.random() < 0.4:
            upgraded(table, rng)
        fields, kinds, _ = foreign_of(table)


def test_keys_of_an_unknown_kind_are_left_alone():
    table = {b"s\0anything": b"at all"}
    applied(table, OPENED, RESOLVED)
    assert table[b"s\0anything"] == b"at all"


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (FORMAT + 100, "has format 2.0, this version of cxstream reads 1.x: use the version that wrote it"),
        (FORMAT + 103, "has format 2.3"),
        (
            FORMAT - 99,
            "has format 0.1, this version of cxstream reads 1.x: stop all workers and run cxstream",
        ),
    ],
)
def test_another_major_version_is_refused(version, remedy):
    for row in ([version, {"other": "shape"}], [version, NOW, 1, []], [version]):
        table = {KEY: msgspec.msgpack.encode(row)}
        with pytest.raises(FormatError) as raised:
            ledger(table)
        assert remedy in str(raised.value)
        with pytest.raises(FormatError):
            foreign(table.values())
    check(FORMAT + 1)


@pytest.mark.parametrize("row", [b"\xc1", b"", b"\x01", msgspec.msgpack.encode([FORMAT, 1])])
def test_what_is_broken_is_no_matter_of_versions(row):
    with pytest.raises((ValueError, msgspec.DecodeError)) as raised:
        ledger({KEY: row})
    assert not isinstance(raised.value, FormatError)


def test_a_ticket_that_comes_back_has_nothing_of_the_life_that_was_forgotten():
    table: dict[bytes, bytes] = {}
    applied(table, OPENED, RESOLVED)
    upgraded(table)
    made = ledger(table)
    later = NOW + RULES.retention + 1
    made.apply("default", "7", Opened(later, "again"), now=later, arrived=later)
    made.drain()
    assert foreign_of(table) == (set(), set(), [])
    assert not newer(table[KEY])
