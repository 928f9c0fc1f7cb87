"""A rolling upgrade of the state format and the way back, by real workers of both versions, killed meanwhile."""

import asyncio
import random
from collections import defaultdict

import pytest

from cxstream.core import record
from cxstream.core.event import AgentReplied, Opened
from cxstream.core.foreign import FORMAT
from cxstream.core.ledger import Ledger
from cxstream.core.rules import Rules
from cxstream.core.tally import Tally
from cxstream.stream import marks
from cxstream.stream.tail import Tail
from tests.chaos.cluster import Cluster
from tests.chaos.load import DAY, ends, made
from tests.stream.helpdesk import NOW, SESSION, settings_for
from tests.stream.version import FIELD, KIND, OWN, LostError, added, pack, unpack, verify

OLD, NEW = (("tests.stream.version", minor, f"{SESSION:g}") for minor in ("0", "1"))

STAGES = (
    (),  # two old ones
    ((OLD, NEW),),
    ((OLD, NEW),),
    ((NEW, OLD),),  # the way back
    ((NEW, OLD),),
    ((OLD, NEW), (OLD, NEW)),  # and again
)
"""What is replaced by what, one worker after the other."""


def shares(path, count, rng):
    """Files that each hold some events of every ticket, so that each stage has to do with what others have stored."""
    lines = defaultdict(list)
    for line in path.read_bytes().splitlines(keepends=True):
        lines[rng.randrange(count)].append(line)
    for number in range(count):
        share = path.with_name(f"share-{number}.jsonl")
        share.write_bytes(b"".join(lines[number]))
        yield share


async def history(settings):
    """Everything that was ever committed to the changelog, in order."""
    async with Tail(settings, committed=True) as tail:
        spans = await tail.ends(await tail.partitions(settings.changelog_topic))
        return [
            row async for _, rows in tail.read({tp: (0, end) for tp, end in spans.items()}) for row in rows
        ]


def kept(rows):
    """Go through the history: what was added once is there ever after.

    Returns the tickets that have additions in the end, and the rows in which only some events have them: those are the
    old version's.
    """
    tables = defaultdict(dict)
    mixed = 0
    for row in rows:
        table, before = tables[row.partition], tables[row.partition].get(row.key)
        if row.value is None:
            assert row.key[:1] == b"p", "nobody forgets a ticket here"
            table.pop(row.key, None)
            continue
        table[row.key] = row.value
        if row.key[:1] in {b"t", marks.KEY} and before is not None:
            assert len(unpack(row.value)) >= len(unpack(before)), row
        if row.key[:1] == b"t":
            marked = {event[-1] == FIELD for event in unpack(row.value)[3] if event[0] != KIND}
            mixed += marked == {True, False}
    return sum(verify(table) for table in tables.values()), mixed


@pytest.mark.timeout(600)  # a minute where it is quiet
def test_two_versions_take_turns_and_nothing_is_lost(kafka, prefix, tmp_path):
    seed = random.randrange(1_000)
    print(f"seed {seed}")
    rng = random.Random(seed)
    path, count, _ = made(tmp_path, events=4_500, seconds=1, seed=seed)
    with Cluster(tmp_path, kafka, prefix) as cluster:
        for _ in range(2):
            cluster.start(OLD)
        cluster.until_balanced()
        for changes, share in zip(STAGES, shares(path, len(STAGES), rng), strict=True):
            with cluster.publishing(share, 4 * DAY / 1_000 / 4) as published:
                for leaves, comes in changes:
                    cluster.terminate(next(each for each in cluster.workers if each.program == leaves))
                    cluster.start(comes)
                    cluster.until_balanced()
                victim = rng.choice(cluster.workers)
                cluster.kill(victim)
                cluster.start(victim.program)
                cluster.until("all is published", published)
            cluster.until_balanced()
        assert [worker.program for worker in cluster.workers] == [NEW, NEW]
        total = ends(kafka.address, prefix)
        assert total >= count
        cluster.until("all is applied", lambda: cluster.applied() == total)
        told = cluster.audit()
        assert told["equal"]
        assert told["events"] == total
        assert not told["not_provable"]
    settings = settings_for(kafka.address, prefix).model_copy(update={"app": f"{prefix}chaos"})
    tickets, mixed = kept(asyncio.run(history(settings)))
    assert tickets > 0.5 * told["tickets"]
    assert mixed > 100, "the old version has written over what the new one had written"


KEYS = [record.key_of("default", "6"), record.key_of("default", "7")]
"""The first has an event of an unknown kind."""


@pytest.fixture
def table(monkeypatch):
    """A table as the newer version writes it: two tickets, of one page and of several."""
    monkeypatch.setattr("cxstream.core.record.FORMAT", FORMAT + 1)
    rows = {}
    ledger = Ledger(Rules(), Tally(Rules()), rows, NOW)
    for key, replies in zip(KEYS, (3, 40), strict=True):
        source, ticket = record.names_of(key)
        ledger.apply(source, ticket, Opened(NOW, "o"), now=NOW, arrived=NOW)
        for number in range(replies):
            reply = AgentReplied(NOW + number, f"{number}")
            ledger.apply(source, ticket, reply, now=NOW, arrived=NOW)
    drained = ledger.drain()
    for key in KEYS:
        mine = [(place, value) for place, value in drained if record.owner(place) == key[1:]]
        rows.update(added(key, mine, {}))
    rows[marks.KEY] = pack([FORMAT + 1, {"ticket-opened": 7, "agent-replied": 9}, 16])
    return rows


def old_writes(table, loses=lambda rows: rows):
    """The version there is appends to both tickets, and perhaps loses something."""
    ledger = Ledger(Rules(), Tally(Rules()), table, NOW)
    for key in KEYS:
        late = AgentReplied(NOW + 90_000, "late")
        ledger.apply(*record.names_of(key), late, now=NOW, arrived=NOW)
    table.update(loses({key: value for key, value in ledger.drain() if value is not None}))
    marked = marks.Marks(table[marks.KEY])
    marked.offsets["agent-replied"] += 2
    table[marks.KEY] = marked.encode()


def test_nothing_is_missed_where_the_old_version_keeps_everything(table, monkeypatch):
    assert verify(table) == 2
    monkeypatch.setattr("cxstream.core.record.FORMAT", FORMAT)
    before = dict(table)
    old_writes(table)
    assert sum(table[key] != before[key] for key in before) >= 3
    assert verify(table) == 2


def changed(place, change):
    def lost(table):
        row = unpack(table[place])
        change(row)
        table[place] = pack(row)

    return lost


LOSSES = {
    "a ticket": lambda table: table.pop(KEYS[0]),
    "a row of its own": lambda table: table.pop(OWN + KEYS[1][1:]),
    "the element of a row": changed(KEYS[0], lambda row: row.pop()),
    "an older element of a row": changed(KEYS[0], lambda row: row.append(row.pop() - 1)),
    "a field": changed(KEYS[1], lambda row: row[3][0].pop()),
    "a field on a further page": changed(record.page_key(KEYS[1], 1), lambda row: row[3][-1].pop()),
    "an event": changed(KEYS[1], lambda row: row[3].pop()),
    "an event of its kind": changed(KEYS[0], lambda row: row[3].pop()),
    "a page": lambda table: table.pop(record.page_key(KEYS[1], 2)),
    "the element of the marks": changed(marks.KEY, lambda row: row.pop()),
}


@pytest.mark.parametrize("what", LOSSES)
def test_whatever_is_lost_is_noticed(table, what):
    LOSSES[what](table)
    with pytest.raises(LostError):
        verify(table)
