"""Scrapes at the same time share one encoding, and no answer is older than its question."""

import asyncio
import threading

import pytest

from cxstream.core.ledger import Ledger
from cxstream.metrics.copied import TURN, copy
from cxstream.metrics.exposition import Form
from cxstream.metrics.frozen import freeze
from cxstream.metrics.scrape import Scrapes

from .observed import NOON, Options

TEXT, ZIPPED, OPENMETRICS = Form(False, False), Form(False, True), Form(True, False)


def count_encodings(scrapes):
    encodings, encode = [], scrapes._encode

    def counting(copied, forms, wanted):
        encodings.append(set(forms))
        return encode(copied, forms, wanted)

    scrapes._encode = counting
    return encodings


async def test_scrapes_at_the_same_time_share_one_encoding(worker, options):
    scrapes = Scrapes(worker, options)
    encodings = count_encodings(scrapes)
    bodies = await asyncio.gather(*(scrapes.body(form) for form in (TEXT, ZIPPED, OPENMETRICS, TEXT)))
    assert encodings == [{TEXT, ZIPPED, OPENMETRICS}]
    assert bodies[0] is bodies[3]


async def test_who_asks_while_one_is_encoded_gets_the_next(worker, options):
    scrapes = Scrapes(worker, options)
    loop, started, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    encode, encodings = scrapes._encode, 0

    def held(copied, forms, wanted):
        nonlocal encodings
        encodings += 1
        loop.call_soon_threadsafe(started.set)
        assert go_on.wait(10)
        return encode(copied, forms, wanted)

    scrapes._encode = held
    first = asyncio.create_task(scrapes.body(TEXT))
    await started.wait()
    worker.opens("new", NOON)
    others = [asyncio.create_task(scrapes.body(TEXT)) for _ in range(3)]
    await asyncio.sleep(0)
    go_on.set()
    assert 'topic="ticket-opened",result="applied"} 0' in (await first).decode()
    second, third, fourth = await asyncio.gather(*others)
    assert 'topic="ticket-opened",result="applied"} 1' in second.decode()
    assert second is third is fourth
    assert encodings == 2


async def test_what_is_known_to_be_quick_is_encoded_in_the_loop(worker, options):
    scrapes, form = Scrapes(worker, options), Form(False, False, frozenset({"cxstream_tickets_total"}))
    encode, threads = scrapes._encode, []

    def noting(copied, forms, wanted):
        threads.append(threading.current_thread() is threading.main_thread())
        return encode(copied, forms, wanted)

    scrapes._encode = noting
    await scrapes.body(form)
    assert scrapes._spent[frozenset({form})] < TURN
    await scrapes.body(form)
    scrapes._spent[frozenset({form})] = TURN
    await scrapes.body(form)
    assert threads == [False, True, False]


async def test_little_is_remembered_of_what_was_asked_for(worker, options):
    scrapes = Scrapes(worker, options)
    for number in range(300):
        await scrapes.body(Form(False, False, frozenset({f"cxstream_{number}"})))
    assert len(scrapes._spent) <= 100


async def test_a_scraper_that_goes_away_takes_nothing_from_the_others(worker, options):
    scrapes = Scrapes(worker, options)
    gone, stays = asyncio.create_task(scrapes.body(TEXT)), asyncio.create_task(scrapes.body(TEXT))
    await asyncio.sleep(0)
    gone.cancel()
    assert b"cxstream_build_info" in await stays


async def test_a_failure_reaches_who_asked_and_the_next_scrape_works(worker, options):
    scrapes = Scrapes(worker, options)
    worker.tally.flows["opened", ("too", "few")] = 1
    with pytest.raises(ValueError, match="shorter"):
        await scrapes.body(TEXT)
    worker.tally.flows.clear()
    assert b"cxstream_build_info" in await scrapes.body(TEXT)


async def test_a_partition_given_away_while_copying_is_left_out(worker, monkeypatch):
    monkeypatch.setattr("cxstream.metrics.copied.TURN", -1.0)
    monkeypatch.setattr("cxstream.metrics.frozen.TURN", -1.0)
    for take in (copy, lambda observed: freeze(observed, None)):
        task = asyncio.create_task(take(worker))
        await asyncio.sleep(0)
        worker.owned[0] = Ledger(worker.rules, worker.tally, {}, NOON)  # taken again: another ledger
        found = await task
        assert len(found.live if hasattr(found, "live") else found[1]) == 3


async def test_windows_move_with_no_event_arriving(worker, options):
    worker.lives(1)
    scrapes = Scrapes(worker, options)
    line = 'cxstream_tickets_window{window="1h",team="billing",channel="email",flow="opened"} 1\n'
    assert line in (await scrapes.body(TEXT)).decode()
    worker.clock += 2 * 3_600_000
    assert line not in (await scrapes.body(TEXT)).decode()
    worker.clock -= 3_600_000  # a clock set back moves no window back
    assert line not in (await scrapes.body(TEXT)).decode()


async def test_copying_leaves_the_ledgers_alone(worker):
    worker.lives(1)
    options = Options(max_label_values=1)
    scrapes = Scrapes(worker, options)
    first = await scrapes.body(TEXT)
    worker.lives(2, team="a")
    for _ in range(3):
        again = await scrapes.body(TEXT)
    window = 'cxstream_tickets_window{window="7d",team="other",channel="email",flow="opened"} 1\n'
    assert window in again.decode()
    assert window not in first.decode()


def families(body):
    return [line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE")]


def asked(*names, form=TEXT):
    return form._replace(names=frozenset(names))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cxstream_tickets_total", ["cxstream_tickets_total"]),
        ("cxstream_response_seconds_count", ["cxstream_response_seconds"]),
        *[
            (name, [f"cxstream_response_window_seconds_{each}" for each in ("bucket", "gsum", "gcount")])
            for name in ("cxstream_response_window_seconds", "cxstream_response_window_seconds_gsum")
        ],
        ("process_open_fds", ["process_open_fds"]),
        ("process_cpu_seconds_total", ["process_cpu_seconds_total"]),
    ],
)
async def test_what_is_asked_for_by_name_is_as_on_the_whole_page(worker, options, name, shown):
    worker.lives(1)
    scrapes = Scrapes(worker, options)
    part = await scrapes.body(asked(name))
    assert families(part) == shown
    if not name.startswith("process_"):
        assert part in await scrapes.body(TEXT)


async def test_names_that_nothing_has_give_nothing(worker, options):
    scrapes = Scrapes(worker, options)
    assert await scrapes.body(asked("process_of_law", "cxstream")) == b""
    assert await scrapes.body(asked("other", form=OPENMETRICS)) == b"# EOF\n"


async def test_what_is_not_asked_for_is_neither_copied_nor_encoded(worker, options, monkeypatch):
    worker.lives(1)
    scrapes, encoded = Scrapes(worker, options), []
    encode = scrapes._encoder.encode
    monkeypatch.setattr(
        scrapes._encoder, "encode", lambda metric, rows: encoded.append(metric.name) or encode(metric, rows)
    )
    monkeypatch.setattr("cxstream.metrics.copied.Cell", None)
    monkeypatch.setattr("cxstream.core.backlog.Row", None)
    await scrapes.body(asked("cxstream_tickets_total", "cxstream_events_total"))
    assert encoded == ["cxstream_tickets_total", "cxstream_events_total"]


async def test_all_and_some_at_the_same_time(worker, options):
    scrapes = Scrapes(worker, options)
    encodings = count_encodings(scrapes)
    some = asked("cxstream_build_info")
    whole, part = await asyncio.gather(scrapes.body(TEXT), scrapes.body(some))
    assert encodings == [{TEXT, some}]
    assert families(part) == ["cxstream_build_info"]
    assert part in whole
