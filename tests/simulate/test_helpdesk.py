"""The helpdesk as a whole: repeatable, bounded, shaped like a week, and coupled to its load."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from hashlib import sha256
from io import BytesIO
from itertools import islice
from statistics import mean, median

import pytest

from cxstream.simulate import NO_FAULTS, Faults, Helpdesk, Scenario, write_lines

from .rules import check, instant

HOUR = 3_600_000
DAY = 24 * HOUR
DIGEST = "ea2c2770507d0cdd388d85694a875e2253a8ad82dde330987c6efd46c4eef3ad"


def lines(scenario, seed, start):
    file = BytesIO()
    write_lines(Helpdesk(scenario, seed, start).deliveries(), file)
    return file.getvalue()


def human(delivery):
    value = delivery.value
    return (
        delivery.topic == "agent-replied"
        and value.get("public", True)
        and value.get("author", "agent") == "agent"
    )


def first_waits(deliveries):
    """Per (team, channel) of the opening: ms from the opening by a customer to the first human reply."""
    opened, waits = {}, defaultdict(list)
    for delivery in deliveries:
        value = delivery.value
        if delivery.topic == "ticket-opened" and "opened_by" not in value:
            opened.setdefault(delivery.key, (instant(value["occurred_at"]), value["team"], value["channel"]))
        elif human(delivery) and (opening := opened.get(delivery.key)) and opening[0] is not None:
            at, *labels = opening
            waits[tuple(labels)].append(instant(value["occurred_at"]) - at)
            opened[delivery.key] = (None, *labels)
    return waits


# -- repeatable


def test_same_seed_same_bytes(start):
    scenario = Scenario(tickets=300)
    assert lines(scenario, 1, start) == lines(scenario, 1, start)
    assert lines(scenario, 1, start) != lines(scenario, 2, start)


def test_the_bytes_are_those_of_every_other_machine(start):
    """A new digest is right only after a deliberate change of the simulation."""
    assert sha256(lines(Scenario(tickets=500), 2026, start)).hexdigest() == DIGEST


PROGRAM = """
import sys
from cxstream.simulate import Helpdesk, Scenario, write_lines
write_lines(Helpdesk(Scenario(tickets=200), 5, int(sys.argv[1])).deliveries(), sys.stdout.buffer)
"""


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_the_order_of_hashes_does_not_matter(start, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(start)], env=environment, capture_output=True, check=True
    )
    assert run.stdout == lines(Scenario(tickets=200), 5, start)


def test_faults_leave_the_helpdesk_as_it_is(start):
    def history(faults):
        seen = {}
        for delivery in Helpdesk(Scenario(tickets=400, faults=faults), 3, start).deliveries():
            if "event_id" in delivery.value:
                seen.setdefault((delivery.topic, delivery.key, delivery.value["event_id"]))
        return set(seen)

    assert history(NO_FAULTS) == history(Faults(duplicates=0.2, late=0.1, disordered=0.2))


def test_without_optional_topics_the_history_is_the_same_and_replies_name_their_waits(start):
    def replies(*topics):
        scenario = Scenario(tickets=600, optional_topics=topics, faults=NO_FAULTS)
        events = list(Helpdesk(scenario, 3, start).deliveries())
        assert {d.topic for d in events} & {"customer-replied", "ticket-updated"} == set(topics)
        return [d for d in events if human(d)]

    full, bare = replies("customer-replied", "ticket-updated"), replies()
    assert [(d.key, d.deliver_at) for d in full] == [(d.key, d.deliver_at) for d in bare]
    named = [sum("waiting_since" in d.value for d in some) for some in (full, bare)]
    assert named[1] > 2 * named[0] > 0


def test_numbers_of_later_runs_lie_above_those_of_earlier_ones(start):
    first, second = (
        {int(d.key) for d in Helpdesk(Scenario(tickets=50), 1, start + after).deliveries()}
        for after in (0, 60_000)
    )
    assert max(first) < min(second)
    numbered = Helpdesk(Scenario(tickets=3, first_ticket=100), 1, start).deliveries()
    assert {d.key for d in numbered} == {"101", "102", "103"}


# -- valid and bounded


def test_every_event_is_valid(fortnight):
    for delivery in fortnight:
        check(delivery.topic, delivery.key, delivery.value)


def test_deliveries_come_in_their_order(fortnight):
    times = [d.deliver_at for d in fortnight]
    assert times == sorted(times)


def test_tickets_bound_the_openings_and_all_are_finished(start):
    helpdesk = Helpdesk(Scenario(tickets=250, faults=NO_FAULTS), 1, start)
    keys = {d.key for d in helpdesk.deliveries()}
    assert len(keys) == 250
    assert (helpdesk.open_tickets, helpdesk.waiting_tickets, helpdesk.known_tickets) == (0, 0, 0)


@pytest.mark.parametrize("bound", ["days", "until"])
def test_time_bounds_what_happens(start, bound):
    scenario = (
        Scenario(days=1.5, faults=NO_FAULTS) if bound == "days" else Scenario(until=start + DAY * 3 // 2)
    )
    events = list(Helpdesk(scenario, 1, start).deliveries())
    last = max(instant(d.value["occurred_at"]) for d in events)
    assert start + 1.4 * DAY < last <= start + 1.5 * DAY + 60_000  # clocks may run fast


def test_memory_holds_open_and_just_resolved_tickets_only(start):
    helpdesk = Helpdesk(Scenario(tickets_per_day=600), 1, start)
    known, seen = [], set()
    for number, delivery in enumerate(islice(helpdesk.deliveries(), 130_000)):
        seen.add(delivery.key)
        if number % 1_000 == 0:
            known.append(helpdesk.known_tickets)
    assert len(seen) > 15_000
    half = len(known) // 2
    assert max(known[half:]) < 1.3 * max(known[:half])
    assert max(known) < 8 * 600  # some days' worth
    assert len(helpdesk._transport) < 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"tickets_per_day": 0},
        {"utilisation": 0},
        {"rush": -1},
        {"source": ""},
        {"teams": ()},
        {"optional_topics": ("survey-sent",)},
    ],
)
def test_a_scenario_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"above 0|source|optional topics"):
        Scenario(**wrong)


# -- shape


def test_a_fortnight_has_the_tickets_it_should(fortnight):
    tickets = {d.key for d in fortnight}
    assert 0.97 < len(tickets) / (14 * 2_000) < 1.03


def test_weekdays_are_busier_than_weekends_and_days_than_nights(fortnight, start):
    days, hours = Counter(), Counter()
    for delivery in fortnight:
        if delivery.topic == "ticket-opened":
            since = instant(delivery.value["occurred_at"]) - start
            days[since // DAY % 7] += 1
            if since // DAY % 7 < 5:
                hours[since // HOUR % 24] += 1
    assert min(days[day] for day in range(5)) > 1.5 * max(days[5], days[6])
    assert mean(hours[hour] for hour in (9, 10, 11, 14, 15)) > 8 * mean(hours[hour] for hour in range(5))


def test_chat_is_faster_than_email(fortnight):
    waits = first_waits(fortnight)
    for team in ("billing", "technical", "retail"):
        chat, email = waits[team, "chat"], waits[team, "email"]
        assert len(chat) > 500 and len(email) > 500
        assert median(chat) * 3 < median(email)


def test_urgent_work_is_taken_first(start):
    opened, waits = {}, defaultdict(list)
    for d in Helpdesk(Scenario(days=10, rush=1.15, faults=NO_FAULTS), 1, start).deliveries():
        if d.topic == "ticket-opened" and d.value["channel"] == "email":
            opened.setdefault(d.key, (d.deliver_at, d.value["priority"]))
        elif human(d) and d.key in opened:
            at, priority = opened.pop(d.key)
            waits[priority].append(d.deliver_at - at)
    assert mean(waits["urgent"]) < mean(waits["high"]) < mean(waits["normal"]) < mean(waits["low"])


def test_load_makes_customers_wait_and_leave(start):
    figures = []
    for rush in (0.7, 1.0, 1.25):
        events = list(
            Helpdesk(
                Scenario(days=8, tickets_per_day=1_200, rush=rush, faults=NO_FAULTS), 4, start
            ).deliveries()
        )
        waits = [wait for some in first_waits(events).values() for wait in some]
        abandoned = sum(d.value.get("outcome") == "abandoned" for d in events)
        figures.append((mean(waits), abandoned / len({d.key for d in events})))
    (quiet, few), (usual, some), (busy, many) = figures
    assert quiet * 1.3 < usual and usual * 1.3 < busy
    assert few < some < many


def test_waits_are_longer_while_few_are_on_duty(fortnight, start):
    by_hour = defaultdict(list)
    opened = {}
    for d in fortnight:
        if d.topic == "ticket-opened" and d.value["channel"] == "email" and d.value["team"] == "billing":
            opened.setdefault(d.key, instant(d.value["occurred_at"]))
        elif human(d) and d.key in opened:
            at = opened.pop(d.key)
            by_hour[(at - start) // HOUR % 24].append(instant(d.value["occurred_at"]) - at)
    night = [wait for hour in (21, 22, 23, 0, 1, 2) for wait in by_hour[hour]]
    day = [wait for hour in (9, 10, 11) for wait in by_hour[hour]]
    assert median(night) > 5 * median(day)


def test_whoever_waited_is_less_content(start):
    def csat(rush):
        events = Helpdesk(Scenario(days=14, rush=rush), 4, start).deliveries()
        answers = [d.value for d in events if d.topic == "survey-answered" and d.value["team"] == "billing"]
        return mean(v["score"] for v in answers if v["survey"] == "csat")

    assert csat(0.6) > csat(1.4) + 0.2


def test_local_time_moves_the_week(start):
    def peak(offset):
        scenario = Scenario(days=5, utc_offset=offset, faults=NO_FAULTS)
        events = Helpdesk(scenario, 1, start).deliveries()
        hours = Counter((d.deliver_at - start) // HOUR % 24 for d in events if d.topic == "ticket-opened")
        return mean(hours[hour] for hour in (0, 1, 2, 3))

    assert peak(9 * HOUR) > 3 * peak(0)  # 0:00 UTC is 9:00 there
