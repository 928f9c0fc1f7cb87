"""Shelves: every entry comes back, a ticket's together and in order, from memory or from disk."""

import random
from pathlib import Path

import pytest

from cxstream.core.audit import Later, Read, Row
from cxstream.core.event import Opened
from cxstream.stream import shelves
from cxstream.stream.shelves import Shelves


def entries(count: int) -> list:
    rng = random.Random(3)
    made = []
    for number in range(count):
        ticket = b"default\0%d" % rng.randrange(count // 5)
        event = Opened(number, str(number), team=rng.choice(("", "x" * 200)) or None)
        made.append(
            rng.choice((Read(ticket, event, number, 1), Later(ticket, event), Row(ticket, b"t7", None, 2)))
        )
    return made


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_is_put_is_found(monkeypatch, on_disk):
    monkeypatch.setattr(shelves, "_SHELF", 100)
    if on_disk:
        monkeypatch.setattr(shelves, "_BUFFERS", 0)
        monkeypatch.setattr(shelves, "_LEAST", 1_000)
    put = entries(3_000)
    with Shelves(len(put)) as shelf:
        for entry in put:
            shelf.put(entry)
        for _ in range(2):  # more than once
            found = list(shelf)
            assert len(found) == 31
            of: dict[bytes, list] = {}
            for number, each in enumerate(found):
                for entry in each:
                    of.setdefault(entry.ticket, []).append((number, entry))
            for ticket, rows in of.items():
                assert len({number for number, _ in rows}) == 1
                assert [entry for _, entry in rows] == [entry for entry in put if entry.ticket == ticket]
        assert sum(map(len, found)) == len(put) == shelf.entries
        folder = shelf._folder
        assert (folder is not None) == on_disk
    if folder is not None:
        assert not Path(folder.name).exists()
