import asyncio
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from cxstream.stream import inbox
from cxstream.stream.inbox import Inbox

TOPICS = ("survey-answered", "agent-replied", "ticket-opened")


def records(*timestamps):
    return [SimpleNamespace(offset=offset, timestamp=at) for offset, at in enumerate(timestamps)]


def nothing_follows(_topic):
    return 0


def much_follows(_topic):
    return 10_000


async def taken(box, behind=nothing_follows):
    return [
        (portion.topic, [record.timestamp for record in portion.records], portion.ended)
        for portion in await box.round(behind)
    ]


async def test_what_was_written_first_comes_first_whatever_was_delivered_first():
    box = Inbox(TOPICS)
    await box.put("agent-replied", records(*range(1_000, 1_100)), "replies")
    await box.put("ticket-opened", records(*range(100)), "openings")
    assert [topic for topic, _, _ in await taken(box)] == ["ticket-opened"]
    assert [topic for topic, _, _ in await taken(box)] == ["agent-replied"]


async def test_a_round_goes_up_to_one_instant_in_the_order_of_the_topics():
    box = Inbox(TOPICS)
    await box.put("survey-answered", records(5, 6, 90), "answers")
    await box.put("agent-replied", records(2, 4, 6, 8), "replies")
    await box.put("ticket-opened", records(1, 3, 7), "openings")
    assert await taken(box) == [
        ("ticket-opened", [1, 3, 7], "openings"),
        ("agent-replied", [2, 4, 6], None),
        ("survey-answered", [5, 6], None),
    ]
    assert await taken(box) == [("agent-replied", [8], "replies")]
    assert await taken(box) == [("survey-answered", [90], "answers")]


async def test_waits_for_a_topic_that_has_more_to_give():
    box = Inbox(TOPICS)
    await box.put("agent-replied", records(9), "replies")
    first = asyncio.create_task(taken(box, lambda topic: 500 * (topic == "ticket-opened")))
    await asyncio.sleep(0)
    assert not first.done()
    await box.put("ticket-opened", records(1), "openings")
    assert [topic for topic, _, _ in await first] == ["ticket-opened"]


async def test_waits_once_only_for_a_topic_that_does_not_come():
    box = Inbox(TOPICS, patience=0.001)
    await box.put("agent-replied", records(*range(300)), "replies")
    await taken(box, much_follows)
    box._patience = 3_600
    await asyncio.wait_for(taken(box, much_follows), 5)


async def test_does_not_wait_while_a_topic_is_full_behind_which_others_may_be():
    box = Inbox(TOPICS)
    for number in range(inbox._DEPTH):
        await box.put("agent-replied", records(number), number)
    await asyncio.wait_for(taken(box, much_follows), 5)


async def test_takes_no_more_in_than_it_has_room_for():
    box = Inbox(TOPICS)
    for number in range(inbox._DEPTH):
        await box.put("agent-replied", records(number), number)
    last = asyncio.create_task(box.put("agent-replied", records(99), "last"))
    await asyncio.sleep(0)
    assert not last.done()
    await taken(box)
    await asyncio.wait_for(last, 5)


async def test_what_waited_for_room_when_the_partition_was_given_away_is_dropped():
    box = Inbox(TOPICS)
    for number in range(inbox._DEPTH):
        await box.put("agent-replied", records(number), number)
    late = asyncio.create_task(box.put("agent-replied", records(99), "late"))
    await asyncio.sleep(0)
    box.clear()
    await asyncio.wait_for(late, 5)
    await box.put("ticket-opened", records(1), "new")
    assert await taken(box) == [("ticket-opened", [1], "new")]


@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.lists(st.integers(0, 50), min_size=1)), min_size=1))
async def test_all_are_handed_out_once_and_in_the_order_of_their_topic(batches):
    box, given_, found, ended = Inbox(TOPICS), {}, {}, []
    for number, (topic, timestamps) in enumerate(batches):
        lane = box._lanes[topic]
        while not lane.room.is_set():
            for portion in await box.round(nothing_follows):
                found.setdefault(portion.topic, []).extend(portion.records)
                ended += [portion.ended] * (portion.ended is not None)
        made = records(*timestamps)
        given_.setdefault(topic, []).extend(made)
        await box.put(topic, made, number)
    while len(ended) < len(batches):
        for portion in await box.round(nothing_follows):
            found.setdefault(portion.topic, []).extend(portion.records)
            ended += [portion.ended] * (portion.ended is not None)
    assert found == given_
    assert sorted(ended) == list(range(len(batches)))
