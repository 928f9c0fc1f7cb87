"""What an event costs in the core, without Kafka: reading, applying, encoding; long tickets; rebuilding; memory."""

from __future__ import annotations

import cProfile
import gc
import io
import pstats
import random
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple, TypeVar

from benchmarks.events import Record, records
from benchmarks.running import answer, default_rules
from cxstream.core.event import AgentReplied, AnyEvent, Opened
from cxstream.core.ledger import Ledger
from cxstream.core.reading import Message, read
from cxstream.core.rules import Rules
from cxstream.core.tally import Tally

EVENTS: Final = 100_000
SMALL: Final = 10_000
REPEATS: Final = 2
DRAIN_EVERY: Final = 500
"""Events between two drains and two advances: about what a worker applies between two writes of a partition;
it advances once a second."""
FETCH: Final = 500
"""Records of one topic in a row when a worker catches up."""
NOW: Final = 1_772_445_600_000
"""2026-03-02T10:00:00Z."""
PROFILES: Final = Path(__file__).with_name("profiles")
_ROWS: Final = 35
_LATEST: Final = 1 << 60
_length: Final = struct.Struct("<II")

Item = TypeVar("Item")


class Seconds(NamedTuple):
    """One pass over the events."""

    reading: float
    apply: float
    advance: float
    drain: float
    rows: int
    bytes: int


def measure(count: int = EVENTS, repeats: int = REPEATS, *, small: bool = False) -> dict[str, Any]:
    """All of it."""
    made = list(records(count))
    tickets = 2_000 if small else 100_000
    return {
        "events": count,
        "bytes_per_event": round(sum(len(each.value) for each in made) / count, 1),
        "as_they_happen": stages(made, repeats),
        "catching_up": stages(list(by_topic(made, FETCH)), repeats),
        "topic_after_topic": stages(list(by_topic(made, count)), repeats),
        "long_ticket": long_ticket(2_000 if small else 100_000),
        "open_tickets": state(_open_tickets(tickets)),
        "simulated_tickets": state(_rows_of(made)),
    }


def by_topic(made: Sequence[Record], block: int) -> Iterator[Record]:
    """Orders in which a worker may see events that are there already: blocks of one topic, in turns."""
    lanes: dict[str, list[Record]] = {}
    for each in made:
        lanes.setdefault(each.topic, []).append(each)
    for start in range(0, max(map(len, lanes.values())), block):
        for lane in lanes.values():
            yield from lane[start : start + block]


# -- stages


def stages(made: Sequence[Record], repeats: int) -> dict[str, Any]:
    """µs of processor time per event of each stage, the best of some passes: what else goes on only adds."""
    passes = [one_pass(made) for _ in range(repeats)]
    names = ("reading", "apply", "advance", "drain")
    best = {name: min(getattr(each, name) for each in passes) / len(made) * 1e6 for name in names}
    pauses = collections(made)
    return {
        **{f"{name}_us": round(value, 3) for name, value in best.items()},
        "sum_us": round(sum(best.values()), 3),
        "of_which_garbage_collection_us": round(sum(pauses) / len(made) * 1e6, 3),
        "longest_collection_ms": round(max(pauses, default=0.0) * 1e3, 2),
        "rows_per_event": round(passes[0].rows / len(made), 3),
        "bytes_written_per_event": round(passes[0].bytes / len(made), 1),
    }


def collections(made: Sequence[Record]) -> list[float]:
    """Seconds of each garbage collection of a pass, with what was there before kept out of it."""
    pauses: list[float] = []

    def watch(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            pauses.append(-perf_counter())
        else:
            pauses[-1] += perf_counter()

    gc.collect()
    gc.freeze()
    gc.callbacks.append(watch)
    try:
        one_pass(made)
    finally:
        gc.callbacks.remove(watch)
        gc.unfreeze()
    return pauses


def one_pass(made: Sequence[Record], rules: Rules | None = None) -> Seconds:
    """Read, apply, advance and drain as a worker does it, with a look at the watch between the stages."""
    rules = rules or default_rules()
    ledger = Ledger(rules, Tally(rules), {})
    reading = apply = advance = drain = 0.0
    rows = size = 0
    for start in range(0, len(made), DRAIN_EVERY):
        chunk = made[start : start + DRAIN_EVERY]
        t0 = process_time()
        messages = reading_of(chunk)
        t1 = process_time()
        now = applying(ledger, messages)
        t2 = process_time()
        ledger.advance(now)
        t3 = process_time()
        written = ledger.drain()
        t4 = process_time()
        reading, apply, advance, drain = (
            reading + t1 - t0,
            apply + t2 - t1,
            advance + t3 - t2,
            drain + t4 - t3,
        )
        rows += len(written)
        size += _size(written)
    return Seconds(reading, apply, advance, drain, rows, size)


def reading_of(made: Iterable[Record]) -> list[Message]:
    """Stage one."""
    return [read(topic, value, key, latest=_LATEST) for topic, key, value in made]


def applying(ledger: Ledger, messages: Iterable[Message]) -> int:
    """Stage two; the event clock's time afterwards."""
    now = ledger.newest or 0
    for _, source, ticket_id, event in messages:
        now = max(now, event.at)
        ledger.apply(source, ticket_id, event, now=now, arrived=now)
    return now


def _size(rows: Iterable[tuple[bytes, bytes | None]]) -> int:
    return sum(len(key) + len(value or b"") for key, value in rows)


# -- one ticket with very many replies


def long_ticket(replies: int) -> dict[str, Any]:
    """So many replies on one ticket, against the same number on tickets of ten; a drain every ten events."""
    short = _hot(_replies(replies, 10))
    long = _hot(_replies(replies, replies))
    mixed = _replies(replies, replies)
    random.Random(1).shuffle(mixed)
    shuffled = _hot(mixed)
    return {
        "replies": replies,
        "on_tickets_of_ten": short,
        "on_one_ticket": long,
        "on_one_ticket_shuffled": shuffled,
        "ratio_of_time": round(long["us_per_event"] / short["us_per_event"], 2),
        "ratio_of_bytes": round(long["bytes_per_event"] / short["bytes_per_event"], 2),
        "ratio_of_time_shuffled": round(shuffled["us_per_event"] / short["us_per_event"], 2),
    }


def _replies(count: int, per_ticket: int) -> list[tuple[str, AnyEvent]]:
    made: list[tuple[str, AnyEvent]] = []
    for number in range(count):
        ticket, place = divmod(number, per_ticket)
        at = NOW + place * 1_000
        if place == 0:
            made.append((f"{ticket}", Opened(at=at, event_id=f"o{ticket}", team="billing", channel="email")))
        made.append((f"{ticket}", AgentReplied(at=at + 500, event_id=f"r{number}", agent_id="a-1")))
    return made


def _hot(events: Sequence[tuple[str, AnyEvent]]) -> dict[str, float]:
    rules = default_rules()
    ledger = Ledger(rules, Tally(rules), {})
    size, slowest = 0, 0.0
    started = process_time()
    for start in range(0, len(events), 10):
        before = process_time()
        for ticket, event in events[start : start + 10]:
            ledger.apply("default", ticket, event, now=event.at, arrived=NOW)
        size += _size(ledger.drain())
        slowest = max(slowest, process_time() - before)
    seconds = process_time() - started
    return {
        "us_per_event": round(seconds / len(events) * 1e6, 2),
        "bytes_per_event": round(size / len(events), 1),
        "slowest_ten_ms": round(slowest * 1e3, 2),
    }


# -- state


def state(stored: dict[bytes, bytes]) -> dict[str, Any]:
    """What a table takes, and how fast it is a ledger again; in a process of its own, for its memory."""
    with TemporaryDirectory() as place:
        path = Path(place) / "rows"
        with path.open("wb") as file:
            for key, value in stored.items():
                file.write(_length.pack(len(key), len(value)) + key + value)
        return answer(["-m", "benchmarks.memory", str(path)])


def rows_in(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The rows that :func:`state` has written."""
    with path.open("rb") as file:
        while head := file.read(_length.size):
            key, value = _length.unpack(head)
            yield file.read(key), file.read(value)


def _open_tickets(count: int) -> dict[bytes, bytes]:
    """A table of open tickets, each opened and answered once within the last days."""
    rules, stored = default_rules(), dict[bytes, bytes]()
    ledger = Ledger(rules, Tally(rules), stored)
    rng = random.Random(1)
    teams, channels = [f"team-{n}" for n in range(10)], ("email", "web", "chat", "phone")
    for number in range(count):
        at = NOW - rng.randrange(3 * 86_400_000)
        ticket = str(29_540_160_000 + number)
        opened = Opened(
            at=at,
            event_id=f"e{2 * number}",
            team=rng.choice(teams),
            channel=rng.choice(channels),
            priority="normal",
            customer_id=f"c{rng.randrange(20_000)}",
            kind="question",
        )
        replied = AgentReplied(
            at=at + 600_000, event_id=f"e{2 * number + 1}", agent_id=f"a-{rng.randrange(200)}"
        )
        for event in (opened, replied):
            ledger.apply("default", ticket, event, now=NOW, arrived=NOW)
        if ledger.changed >= DRAIN_EVERY:
            ledger.drain()
    ledger.drain()
    return stored


def _rows_of(made: Sequence[Record]) -> dict[bytes, bytes]:
    rules, stored = default_rules(), dict[bytes, bytes]()
    ledger = Ledger(rules, Tally(rules), stored)
    for start in range(0, len(made), DRAIN_EVERY):
        applying(ledger, reading_of(made[start : start + DRAIN_EVERY]))
        ledger.drain()
    return stored


# -- profiles


def profile(count: int, place: Path = PROFILES) -> list[Path]:
    """Where the time goes, by function, one file per stage."""
    made = list(records(count))
    rules = default_rules()
    watches = {name: cProfile.Profile() for name in ("reading", "apply", "drain", "rebuild")}
    stored: dict[bytes, bytes] = {}
    ledger = Ledger(rules, Tally(rules), stored)
    for start in range(0, len(made), DRAIN_EVERY):
        messages = watches["reading"].runcall(reading_of, made[start : start + DRAIN_EVERY])
        ledger.advance(watches["apply"].runcall(applying, ledger, messages))
        watches["drain"].runcall(ledger.drain)
    rebuilt = Ledger(rules, Tally(rules), stored)
    watches["rebuild"].runcall(_through, lambda: rebuilt.rebuild(ledger.newest or 0))
    per = {**dict.fromkeys(watches, len(made)), "rebuild": rebuilt.counts.entries}
    return [write_profile(watch, place / f"core-{name}.txt", per[name]) for name, watch in watches.items()]


def write_profile(watch: cProfile.Profile | str, path: Path, events: int) -> Path:
    """The functions that take most of the time themselves, without paths of this machine."""
    text = io.StringIO()
    stats = pstats.Stats(watch, stream=text).strip_dirs().sort_stats("tottime")
    stats.print_stats(_ROWS)
    body = "\n".join(line.rstrip() for line in text.getvalue().splitlines() if not line.endswith(".prof"))
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"{events:,} events (rebuild: tickets); cProfile makes calls dearer than they are\n{body.rstrip()}\n"
    )
    return path


def _through(items: Callable[[], Iterable[Item]]) -> None:
    for _ in items():
        pass


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    head = ("reading", "apply", "advance", "drain", "sum", "of which gc")
    columns = ("reading_us", "apply_us", "advance_us", "drain_us", "sum_us", "of_which_garbage_collection_us")
    out = [
        f"{'µs per event':18}"
        + "".join(f"{name:>12}" for name in head)
        + "   longest gc ms, bytes written per event"
    ]
    for name in ("as_they_happen", "catching_up", "topic_after_topic"):
        row = found[name]
        out.append(
            f"{name:18}"
            + "".join(f"{row[column]:12.2f}" for column in columns)
            + f"   {row['longest_collection_ms']}, {row['bytes_written_per_event']}"
        )
    hot = found["long_ticket"]
    out.append(
        f"{hot['replies']:,} replies on one ticket: {hot['on_one_ticket']['us_per_event']} µs and"
        f" {hot['on_one_ticket']['bytes_per_event']} bytes per event, {hot['ratio_of_time']} and"
        f" {hot['ratio_of_bytes']} times those of tickets of ten; shuffled {hot['ratio_of_time_shuffled']} times"
    )
    for name in ("open_tickets", "simulated_tickets"):
        row = found[name]
        out.append(
            f"{name.replace('_', ' ')}: {row['tickets']:,}; rebuilt {row['tickets_per_second']:,}/s,"
            f" {row['stored_bytes_per_ticket']} bytes stored, {row['resident_bytes_per_ticket']} resident each"
        )
    return out
