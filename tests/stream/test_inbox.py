import asyncio
import itertools
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from cxstream.stream import inbox
from cxstream.stream.inbox import Inbox

TOPICS = ("survey-answered", "agent-replied", "ticket-opened")


def records(topic, *timestamps):
    return [SimpleNamespace(topic=topic, offset=offset, timestamp=at) for offset, at in enumerate(timestamps)]


def put(box, topic, *timestamps, event):
    box.put(topic, records(topic, *timestamps), event)


def nothing_follows(_topic):
    return 0


def much_follows(_topic):
    return 10_000


async def taken(box, behind=nothing_follows):
    """What the next round hands out: (topic, timestamp) of the records, and the batches that they end."""
    portions = await box.round(behind)
    return (
        [(record.topic, record.timestamp) for portion in portions for record in portion.records],
        [event for portion in portions for event in portion.ended],
    )


async def test_what_was_written_first_comes_first_whatever_was_delivered_first():
    box = Inbox(TOPICS)
    put(box, "agent-replied", *range(1_000, 1_100), event="replies")
    put(box, "ticket-opened", *range(100), event="openings")
    assert await taken(box) == ([("ticket-opened", at) for at in range(100)], ["openings"])
    assert await taken(box) == ([("agent-replied", at) for at in range(1_000, 1_100)], ["replies"])


async def test_a_round_goes_up_to_one_instant_record_by_record():
    box = Inbox(TOPICS)
    put(box, "survey-answered", 5, 6, 90, event="answers")
    put(box, "agent-replied", 2, 4, 6, 8, event="replies")
    put(box, "ticket-opened", 1, 3, 7, event="openings")
    assert await taken(box) == (
        [
            *[("ticket-opened", 1), ("agent-replied", 2), ("ticket-opened", 3), ("agent-replied", 4)],
            *[("survey-answered", 5), ("agent-replied", 6), ("survey-answered", 6), ("ticket-opened", 7)],
        ],
        ["openings"],
    )
    assert await taken(box) == ([("agent-replied", 8)], ["replies"])
    assert await taken(box) == ([("survey-answered", 90)], ["answers"])


async def test_at_one_instant_the_topics_come_in_their_order():
    box = Inbox(TOPICS)
    for topic in TOPICS:
        put(box, topic, 7, 7, event=topic)
    order = ["ticket-opened", "agent-replied", "survey-answered"]
    assert await taken(box) == ([(topic, 7) for topic in order for _ in range(2)], order)


async def test_a_record_dated_ahead_does_not_hold_up_those_behind_it():
    box = Inbox(TOPICS)
    put(box, "agent-replied", 2, 1_000_000, 4, 6, event="replies")
    put(box, "ticket-opened", 1, 3, 5, 7, event="openings")
    handed, ended = await taken(box)
    assert [at for _, at in handed] == [1, 2, 3, 1_000_000, 4, 5, 6]
    assert ended == ["replies"]


async def test_slices_are_bounded_and_a_batch_ends_with_its_last_record():
    box, size = Inbox(TOPICS), inbox._SLICE
    put(box, "agent-replied", *range(2 * size), event="replies")
    put(box, "ticket-opened", *range(1, size), event="openings")
    first, second = await box.round(nothing_follows)
    assert (len(first.records), first.ended) == (size, [])
    assert (len(second.records), second.ended) == (size - 1, ["openings"])
    assert [record.timestamp for record in second.records][-1] == size - 1


async def test_waits_for_a_topic_that_has_more_to_give():
    box = Inbox(TOPICS)
    put(box, "agent-replied", 9, event="replies")
    first = asyncio.create_task(taken(box, lambda topic: 500 * (topic == "ticket-opened")))
    await asyncio.sleep(0)
    assert not first.done()
    put(box, "ticket-opened", 1, event="openings")
    assert await first == ([("ticket-opened", 1)], ["openings"])


async def test_what_comes_of_others_does_not_prolong_the_wait():
    box = Inbox(TOPICS, patience=0.05)
    put(box, "agent-replied", 0, event=0)
    first = asyncio.create_task(taken(box, much_follows))
    async with asyncio.timeout(5):
        for number in itertools.count(1):
            if first.done():
                break
            put(box, "agent-replied", number, event=number)
            await asyncio.sleep(0.01)
    assert first.done()


async def test_waits_once_only_for_a_topic_that_does_not_come():
    box = Inbox(TOPICS, patience=0.001)
    put(box, "agent-replied", *range(300), event="replies")
    await taken(box, much_follows)
    put(box, "agent-replied", 301, event="more")
    box._patience = 3_600
    await asyncio.wait_for(taken(box, much_follows), 5)


async def test_waits_no_longer_when_nothing_will_come():
    box = Inbox(TOPICS, patience=3_600)
    put(box, "agent-replied", 9, event="replies")
    first = asyncio.create_task(taken(box, much_follows))
    await asyncio.sleep(0)
    box.hasten()
    async with asyncio.timeout(5):
        await first
        put(box, "survey-answered", 9, event="answers")
        await taken(box, much_follows)
    box.clear()  # for the next owner
    put(box, "agent-replied", 9, event="replies")
    next_one = asyncio.create_task(taken(box, much_follows))
    await asyncio.sleep(0)
    assert not next_one.done()
    next_one.cancel()


async def test_waits_however_much_is_here_of_the_others():
    box = Inbox(TOPICS)
    put(box, "agent-replied", *range(1, inbox._ENOUGH), event="replies")
    first = asyncio.create_task(taken(box, much_follows))
    await asyncio.sleep(0)
    put(box, "survey-answered", 1, event="answers")
    await asyncio.sleep(0)
    assert not first.done()
    put(box, "ticket-opened", 0, event="openings")
    assert await first == ([("ticket-opened", 0)], ["openings"])


async def test_says_of_which_topics_enough_is_here():
    box = Inbox(TOPICS)
    put(box, "agent-replied", *range(inbox._ENOUGH - 1), event="replies")
    assert list(box.sated()) == []
    put(box, "agent-replied", inbox._ENOUGH, event="more")
    assert list(box.sated()) == ["agent-replied"]
    await taken(box)
    assert list(box.sated()) == []


async def test_what_is_cleared_is_not_handed_out():
    box = Inbox(TOPICS)
    put(box, "agent-replied", *range(inbox._ENOUGH), event="replies")
    box.clear()
    assert list(box.sated()) == []
    put(box, "ticket-opened", 1, event="new")
    assert await taken(box) == ([("ticket-opened", 1)], ["new"])


@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.lists(st.integers(0, 50), min_size=1)), min_size=1))
async def test_all_are_handed_out_once_and_in_the_order_of_their_topic(batches):
    box, last, wanted, found, ended = Inbox(TOPICS), {}, {}, {}, []

    async def hand_out():
        for portion in await box.round(nothing_follows):
            for record in portion.records:
                found.setdefault(record.topic, []).append(record)
            for number in portion.ended:
                assert any(record is last[number] for record in found[last[number].topic])
            ended.extend(portion.ended)

    for number, (topic, timestamps) in enumerate(batches):
        if number % 5 == 4:
            await hand_out()
        made = records(topic, *timestamps)
        last[number] = made[-1]
        wanted.setdefault(topic, []).extend(made)
        box.put(topic, made, number)
    while len(ended) < len(batches):
        await hand_out()
    assert found == wanted
    assert sorted(ended) == list(range(len(batches)))
