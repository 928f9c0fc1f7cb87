"""Publishing: lines, pacing by a clock that no one waits for, and history that goes over into the present."""

import json
from io import BytesIO

import pytest

from cxstream.simulate import (
    NO_FAULTS,
    Delivery,
    Helpdesk,
    Scenario,
    history_then_live,
    paced,
    publish,
    write_lines,
)
from cxstream.simulate.publish import BATCH

START = 1_772_452_800_000  # 2026-03-02T12:00:00Z
DAY = 86_400_000


class Clock:
    """A wall clock that only sleeping moves, and that reading moves by `costs` ms."""

    def __init__(self, at=START, costs=0):
        self.at = at
        self.costs = costs
        self.slept = []

    def now(self):
        self.at += self.costs
        return int(self.at)

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.at += seconds * 1_000


def at(*times):
    return [Delivery(START + time, "ticket-opened", "1", {"ticket_id": "1"}) for time in times]


async def test_lines_have_the_topic_first():
    file = BytesIO()
    deliveries = [Delivery(5, "ticket-opened", "7", {"ticket_id": "7", "team": "Zürich"})]
    assert write_lines(deliveries, file) == 1
    assert file.getvalue() == '{"topic":"ticket-opened","ticket_id":"7","team":"Zürich"}\n'.encode()


async def test_deliveries_wait_for_their_time():
    clock = Clock(START + DAY)
    batches = paced(at(0, 0, 1_500, 4_000, 4_000), 1.0, clock.now, clock.sleep)
    given = [(clock.at - START - DAY, len(batch)) async for batch in batches]
    assert given == [(0, 2), (1_500, 1), (4_000, 2)]


async def test_speed_shortens_the_waits():
    clock = Clock()
    batches = paced(at(0, 60_000, 120_000), 60.0, clock.now, clock.sleep)
    given = [(clock.at - START, len(batch)) async for batch in batches]
    assert given == [(0, 1), (1_000, 1), (2_000, 1)]


async def test_without_a_speed_nothing_waits_and_batches_are_bounded():
    clock = Clock()
    batches = [b async for b in paced(at(*range(0, 1_100_000, 1_000)), None, clock.now, clock.sleep)]
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 100]
    assert not any(clock.slept)
    assert len(clock.slept) == 2  # others have had their turn


async def test_long_waits_are_taken_in_naps():
    clock = Clock()
    batches = [b async for b in paced(at(0, 60_000), 1.0, clock.now, clock.sleep)]
    assert len(batches) == 2
    assert max(clock.slept) <= 5
    assert sum(clock.slept) == 60


async def test_whoever_falls_behind_catches_up():
    clock, given = Clock(), []
    async for batch in paced(at(*range(0, 10_000, 1_000)), 1.0, clock.now, clock.sleep):
        given.append(len(batch))
        clock.at += 3_500  # the reader is slow
    assert sum(given) == 10
    assert max(given) >= 3


async def test_nothing_to_deliver():
    clock = Clock()
    assert [b async for b in paced([], 1.0, clock.now, clock.sleep)] == []


@pytest.mark.parametrize("speed", [0, -1.0])
async def test_a_speed_that_is_none(speed):
    clock = Clock()
    with pytest.raises(ValueError, match="speed"):
        await anext(paced(at(0), speed, clock.now, clock.sleep))


async def test_history_goes_over_into_the_present_without_a_seam():
    clock = Clock(costs=0.5)
    scenario = Scenario(tickets_per_day=3_000, days=3.1)
    received, at_once = [], 0
    async for batch in history_then_live(scenario, 1, clock.now, days=3, sleep=clock.sleep):
        for delivery in batch:
            assert delivery.deliver_at <= clock.at
            if delivery.deliver_at > START:
                assert clock.at - delivery.deliver_at < 2_000  # ms: live
        received.extend(batch)
        at_once += not any(clock.slept)
    expected = list(Helpdesk(scenario, 1, START - 3 * DAY).deliveries())
    assert [(d.deliver_at, d.key) for d in received] == [(d.deliver_at, d.key) for d in expected]
    assert at_once > 10  # the history came without a wait


async def test_publishing_sends_topic_key_and_value():
    sent = []

    async def send(topic, key, value):
        sent.append((topic, key, json.loads(value)))

    clock = Clock()
    deliveries = list(Helpdesk(Scenario(tickets=20, faults=NO_FAULTS), 1, START).deliveries())
    count = await publish(paced(deliveries, None, clock.now, clock.sleep), send)
    assert count == len(sent) == len(deliveries)
    assert sent == [(d.topic, d.key.encode(), d.value) for d in deliveries]
