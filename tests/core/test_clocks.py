"""SLA clocks: the worked timeline of the specification, its rules one by one, and what time does with no event."""

from __future__ import annotations

import random
from itertools import permutations
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from cxstream.core.calendar import AlwaysOpen, Calendar
from cxstream.core.condition import Every, Field
from cxstream.core.cycle import BREACHED, MET, MET_LATE, TRANSITIONS
from cxstream.core.event import AgentReplied, AnyEvent, CustomerReplied, Opened, Resolved, Updated
from cxstream.core.policy import Policies, Policy, PolicyHistory
from cxstream.core.rules import HOUR
from tests.core.sla import MINUTE, OFFICE, PAUSES, WEEK, at, local, policies, standard, target, ticket, told

if TYPE_CHECKING:
    from cxstream.core.ticket import Ticket

ALWAYS = AlwaysOpen("always", ZoneInfo("UTC"))

# target, cycle: start, first deadline, outcome and when, elapsed minutes (business)
TIMELINE = [
    ("first_reply", 1, "02 16:00", "03 12:00", "met", "03 11:30", 210),
    ("next_reply", 1, "03 13:00", "03 15:00", "met_late", "03 15:30", 150),
    ("next_reply", 2, "09 09:30", "09 11:30", "met", "09 11:00", 90),
    ("periodic_update", 1, "03 11:30", "04 11:30", "met", "03 15:30", 240),
    ("periodic_update", 2, "03 15:30", "04 15:30", "met", "03 16:00", 30),
    ("periodic_update", 3, "03 16:00", "04 16:00", "met_late", "06 11:00", 19 * 60),
    ("periodic_update", 4, "06 11:00", "09 11:00", "cancelled", "06 16:00", 300),
    ("periodic_update", 5, "09 11:00", "10 11:00", "cancelled", "09 12:00", 60),
    ("requester_wait", 1, "02 16:00", "06 16:00", "met", "06 16:00", 30 * 60 + 30),
    ("requester_wait", 2, "09 09:30", "09 11:00", "met_late", "09 12:00", 33 * 60),
    ("agent_work", 1, "02 16:00", "05 12:00", "met_late", "06 16:00", 20 * 60 + 30),
    ("agent_work", 2, "09 09:30", "09 09:30", "met_late", "09 12:00", 23 * 60),
    ("resolution", 1, "02 16:00", "09 16:00", "met", "06 16:00", 32 * 60),
    ("resolution", 2, "09 09:30", "10 09:30", "met", "09 12:00", 34 * 60 + 30),
    ("first_resolution", 1, "02 16:00", "05 16:00", "met_late", "06 16:00", 32 * 60),
]


@pytest.mark.parametrize(("name", "cycle", "start", "due", "outcome", "when", "minutes"), TIMELINE)
def test_the_worked_timeline(
    name: str, cycle: int, start: str, due: str, outcome: str, when: str, minutes: int
) -> None:
    moves = [t for t in ticket(WEEK).transitions() if (t.target.name, t.cycle) == (name, cycle)]
    assert (local(moves[0].started), local(moves[0].due)) == (start, due)
    last = moves[-1]
    assert (TRANSITIONS[last.kind].removeprefix("sla."), local(last.at)) == (outcome, when)
    assert last.used == minutes * MINUTE


def test_the_worked_timeline_has_seven_met_and_five_breached() -> None:
    moves = ticket(WEEK).transitions()
    assert sum(t.counts and t.kind == MET for t in moves) == 7
    assert [(t.target.name, t.cycle, local(t.at)) for t in moves if t.kind == BREACHED and t.counts] == [
        ("next_reply", 1, "03 15:00"),
        ("periodic_update", 3, "04 16:00"),
        ("first_resolution", 1, "05 16:00"),
        ("agent_work", 1, "06 15:30"),
        ("requester_wait", 2, "09 11:00"),
    ]


def test_warnings_and_deadlines_of_the_worked_timeline() -> None:
    found = ticket(WEEK)
    assert told(found.transitions(), "next_reply") == [
        (1, "applied", "03 13:00"),
        (1, "warning", "03 14:30"),
        (1, "warning", "03 14:45"),
        (1, "breached", "03 15:00"),
        (1, "met_late", "03 15:30"),
        (2, "applied", "09 09:30"),
        (2, "met", "09 11:00"),
    ]
    due = [local(t.due) for t in found.transitions() if (t.target.name, t.cycle) == ("agent_work", 1)]
    assert due[:5] == ["05 12:00", None, "05 13:30", None, "06 15:30"]


def test_an_update_that_a_status_pauses() -> None:
    pausing = policies(Policy("standard", Every(()), standard(PAUSES | {"periodic_update": ("on_hold",)})))
    moves = [
        t for t in ticket(WEEK, pausing).transitions() if (t.target.name, t.cycle) == ("periodic_update", 3)
    ]
    assert told(moves, "periodic_update")[1:] == [
        (3, "resumed", "05 10:00"),
        (3, "warning", "05 16:00"),
        (3, "warning", "06 09:45"),
        (3, "breached", "06 10:00"),
        (3, "met_late", "06 11:00"),
    ]
    assert moves[-1].used == 9 * HOUR


def test_the_measures_of_the_contract_do_not_change() -> None:
    from cxstream.core.pane import FIRST_RESPONSE, RESOLUTION, RESPONSE

    found = ticket(WEEK).measurements()
    assert [m[3] for m in found if m[0] == FIRST_RESPONSE] == [70_200_000]
    assert [m[3] for m in found if m[0] == RESPONSE] == [70_200_000, 9_000_000, 5_400_000]
    assert [m[3] for m in found if m[0] == RESOLUTION] == [590_400_000]


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_arrival_gives_the_same(seed: int) -> None:
    rng = random.Random(seed)
    events = [*WEEK, *rng.choices(WEEK, k=4)]
    rng.shuffle(events)
    straight, shuffled = ticket(WEEK), ticket(events)
    assert shuffled.transitions() == straight.transitions()
    assert sorted(shuffled.measurements()) == sorted(straight.measurements())


# -- the deadline decides


def one(name: str, hours: int = 1, *events: AnyEvent, until: str | None = None) -> list[tuple[object, ...]]:
    found = ticket(
        events,
        policies(Policy("standard", Every(()), standard(PAUSES, **{name: hours}))),
        until and at(until),
    )
    return told(found.transitions(), name)


def test_a_reply_after_the_deadline_is_late_even_if_nothing_has_elapsed_since() -> None:
    assert one("first_reply", 1, Opened(at("02 16:00"), "o"), AgentReplied(at("02 20:00"), "r")) == [
        (1, "applied", "02 16:00"),
        (1, "warning", "02 16:45"),
        (1, "breached", "02 17:00"),
        (1, "met_late", "02 20:00"),
    ]


def test_a_reply_at_the_deadline_is_in_time() -> None:
    moves = one("first_reply", 1, Opened(at("02 16:00"), "o"), AgentReplied(at("02 17:00"), "r"))
    assert moves[-1] == (1, "met", "02 17:00")


def test_silence_is_a_breach_with_no_event() -> None:
    opened = Opened(at("02 16:00"), "o")
    assert one("first_reply", 1, opened, until="02 16:44")[1:] == []
    assert one("first_reply", 1, opened, until="02 16:45")[1:] == [(1, "warning", "02 16:45")]
    assert one("first_reply", 1, opened, until="09 09:00")[2:] == [(1, "breached", "02 17:00")]


def test_a_reply_known_later_takes_the_breach_back() -> None:
    found = ticket([Opened(at("02 16:00"), "o")], until=at("02 18:00"))
    change = found.insert(AgentReplied(at("02 16:30"), "r"))
    assert change is not None
    assert told(change.transitions, "first_reply") == [(1, "met", "02 16:30")]
    assert change.disproved == []
    found = ticket([Opened(at("02 09:00"), "o")], until=at("02 18:00"))
    change = found.insert(AgentReplied(at("02 10:00"), "r"))
    assert change is not None
    assert told(change.disproved, "first_reply") == [(1, "breached", "02 13:00")]
    assert told(change.transitions, "first_reply") == [(1, "met", "02 10:00")]


def test_what_has_been_fired_is_told_once() -> None:
    found = ticket([Opened(at("02 09:00"), "o")])
    change = found.fire(at("02 18:00"))
    assert change is not None
    assert told(change.transitions, "first_reply") == [
        (1, "warning", "02 12:00"),
        (1, "warning", "02 12:45"),
        (1, "breached", "02 13:00"),
    ]
    assert found.fire(at("02 18:00")) is None
    late = found.insert(AgentReplied(at("02 19:00"), "r"))
    assert late is not None
    assert told(late.transitions, "first_reply") == [(1, "met_late", "02 19:00")]
    assert late.disproved == []


# -- rules


def test_a_resolution_makes_the_first_reply_needless() -> None:
    found = ticket([Opened(at("02 09:00"), "o"), Resolved(at("02 10:00"), "x")], policies())
    last = next(t for t in found.transitions() if t.target.name == "first_reply" and t.kind == MET)
    assert last.needless and not last.counts


def test_of_two_messages_the_first_starts_and_of_two_replies_the_first_ends_the_clock() -> None:
    moves = one(
        "next_reply", 2,
        Opened(at("02 09:00"), "o"), AgentReplied(at("02 09:10"), "1"),
        CustomerReplied(at("02 10:00"), "2"), CustomerReplied(at("02 11:00"), "3"),
        AgentReplied(at("02 11:30"), "4"), AgentReplied(at("02 12:30"), "5"),
    )  # fmt: skip
    assert moves == [(1, "applied", "02 10:00"), (1, "warning", "02 11:30"), (1, "met", "02 11:30")][::2]


def test_the_first_reply_is_no_next_reply() -> None:
    assert (
        one(
            "next_reply",
            1,
            Opened(at("02 09:00"), "o"),
            CustomerReplied(at("02 09:30"), "c"),
            AgentReplied(at("02 12:00"), "r"),
        )
        == []
    )


def test_a_resolution_cancels_the_next_reply_and_a_customer_who_reopens_starts_it() -> None:
    moves = one(
        "next_reply", 8,
        Opened(at("02 09:00"), "o"), AgentReplied(at("02 09:10"), "r"), CustomerReplied(at("02 10:00"), "c"),
        Resolved(at("02 11:00"), "x"), Opened(at("03 10:00"), "again"),
    )  # fmt: skip
    assert moves == [(1, "applied", "02 10:00"), (1, "cancelled", "02 11:00"), (2, "applied", "03 10:00")]


def test_a_message_on_a_resolved_ticket_waits_for_the_reopening() -> None:
    moves = one(
        "next_reply", 8,
        Opened(at("02 09:00"), "o"), AgentReplied(at("02 09:10"), "r"), Resolved(at("02 11:00"), "x"),
        CustomerReplied(at("02 12:00"), "c"), Opened(at("03 10:00"), "again", opened_by="agent"),
    )  # fmt: skip
    assert moves == [(1, "applied", "03 10:00")]


def test_a_wait_of_which_only_the_reply_tells_is_judged_at_the_reply() -> None:
    moves = one(
        "next_reply", 1,
        Opened(at("02 09:00"), "o"), AgentReplied(at("02 09:10"), "1"),
        AgentReplied(at("02 13:00"), "2", waiting_since=at("02 10:00")),
        AgentReplied(at("02 15:00"), "3", waiting_since=at("02 12:00")),
        AgentReplied(at("02 15:30"), "4", waiting_since=at("02 15:10")),
    )  # fmt: skip
    assert moves == [
        (1, "applied", "02 10:00"), (1, "warning", "02 10:45"), (1, "breached", "02 11:00"),
        (1, "met_late", "02 13:00"), (2, "applied", "02 15:10"), (2, "met", "02 15:30"),
    ]  # fmt: skip


def test_a_ticket_of_an_agent_has_no_first_reply_and_the_next_one_comes_after_it() -> None:
    events: list[AnyEvent] = [
        Opened(at("02 09:00"), "o", opened_by="agent"),
        CustomerReplied(at("02 10:00"), "c"),
    ]
    assert one("first_reply", 1, *events) == []
    assert one("next_reply", 1, *events) == []
    events += [AgentReplied(at("02 11:00"), "r"), CustomerReplied(at("02 12:00"), "d")]
    assert one("next_reply", 1, *events) == [(1, "applied", "02 12:00")]


def test_without_a_first_reply_updates_are_due_from_the_opening() -> None:
    assert one("periodic_update", 1, Opened(at("02 09:00"), "o")) == [(1, "applied", "02 09:00")]
    both = policies(Policy("standard", Every(()), standard({}, first_reply=1, periodic_update=1)))
    assert told(ticket([Opened(at("02 09:00"), "o")], both).transitions(), "periodic_update") == []


def test_a_hand_off_from_a_bot_starts_the_first_reply() -> None:
    events = [
        Opened(at("02 09:00"), "o"),
        Updated(at("02 11:05"), "u", human_since=at("02 11:00")),
        AgentReplied(at("02 11:30"), "r"),
    ]
    found = ticket(events, policies(Policy("standard", Every(()), standard({}, first_reply=1))))
    assert told(found.transitions(), "first_reply") == [(1, "applied", "02 11:00"), (1, "met", "02 11:30")]
    applied, met = found.transitions()
    assert (local(applied.started), local(applied.due), met.used) == ("02 11:00", "02 12:00", 30 * MINUTE)


@pytest.mark.parametrize(
    ("second", "reply", "moves"),
    [
        ("09:50", "10:30", [(1, "applied", "02 09:50"), (1, "met", "02 10:30")]),
        ("11:00", "11:30", [(1, "applied", "02 11:00"), (1, "met", "02 11:30")]),
        ("11:00", "10:00", [(1, "applied", "02 09:10"), (1, "met", "02 10:00")]),
        (
            "11:00",
            "10:30",
            [(1, "applied", "02 09:10"), (1, "breached", "02 10:10"), (1, "met_late", "02 10:30")],
        ),
    ],
)
def test_the_last_hand_off_not_after_the_first_reply_starts_its_clock(
    second: str, reply: str, moves: list[tuple[object, ...]]
) -> None:
    events: list[AnyEvent] = [
        Opened(at("02 09:00"), "o", human_since=at("02 09:10")),
        Updated(at("02 12:00"), "u", human_since=at(f"02 {second}")),
        AgentReplied(at(f"02 {reply}"), "r"),
    ]
    for order in permutations(events):
        found = one("first_reply", 1, *order)
        assert [move for move in found if move[1] != "warning"] == moves


def test_a_reply_before_every_hand_off_counts_from_the_opening() -> None:
    events: list[AnyEvent] = [Opened(at("02 09:00"), "o"), AgentReplied(at("02 09:30"), "r")]
    handed = Updated(at("02 12:00"), "u", human_since=at("02 11:00"))
    moves = [(1, "applied", "02 09:00"), (1, "met", "02 09:30")]
    assert one("first_reply", 1, *events, handed) == one("first_reply", 1, handed, *events) == moves


def test_an_implied_reopening_changes_no_clock() -> None:
    moves = one(
        "resolution", 8,
        Opened(at("02 09:00"), "o"), Resolved(at("02 10:00"), "1"), Resolved(at("02 12:00"), "2"),
        Resolved(at("02 13:00"), "3", automatic=True),
    )  # fmt: skip
    assert moves == [(1, "applied", "02 09:00"), (1, "met", "02 10:00")]


def test_a_pause_lasts_over_nothing_but_its_status() -> None:
    moves = one(
        "requester_wait", 8,
        Opened(at("02 09:00"), "o"), Updated(at("02 10:00"), "1", status="pending"),
        Updated(at("02 11:00"), "2", status="pending"), Updated(at("02 12:00"), "3", status="on_hold"),
        Updated(at("02 13:00"), "4", status="pending"), Resolved(at("02 14:00"), "5"),
        Opened(at("03 09:00"), "6"),
    )  # fmt: skip
    assert moves == [
        (1, "applied", "02 09:00"), (1, "paused", "02 10:00"), (1, "resumed", "02 12:00"),
        (1, "paused", "02 13:00"), (1, "met", "02 14:00"), (2, "applied", "03 09:00"),
    ]  # fmt: skip


def test_a_pause_at_the_deadline_comes_too_late() -> None:
    opened, paused = Opened(at("02 09:00"), "o"), Updated(at("02 10:00"), "u", status="pending")
    assert one("requester_wait", 1, opened, paused, until="02 10:00")[-2:] == [
        (1, "paused", "02 10:00"),
        (1, "breached", "02 10:00"),
    ]
    before = Updated(at("02 10:00") - 1, "u", status="pending")
    assert one("requester_wait", 1, opened, before, until="03 10:00")[-1][1] == "paused"


def test_a_void_ticket_leaves_all_targets_and_comes_back() -> None:
    events = WEEK[:9]
    found = ticket(events, until=at("03 17:00"))
    outcomes = {t.key for t in found.transitions() if t.kind in {BREACHED, MET, MET_LATE}}
    assert len(outcomes) == 4
    change = found.insert(Resolved(at("03 15:45"), "spam", outcome="spam"))
    assert change is not None
    assert {t.key for t in change.disproved} == outcomes
    assert {t[:2] for t in told(change.transitions)} == {
        (name, 1) for name in ("requester_wait", "agent_work", "resolution", "first_resolution")
    } | {("periodic_update", 2)}
    assert {t[2] for t in told(change.transitions)} == {"cancelled"}
    assert not found.running
    back = found.insert(Opened(at("04 09:00"), "again"))
    assert back is not None
    assert {t.key for t in back.transitions if t.kind in {BREACHED, MET, MET_LATE}} == outcomes
    assert set(found.clocks.running) == {1, 3, 4, 5, 6}  # type: ignore[union-attr]


# -- changes of labels and policies


URGENT = {
    "first_reply": target("first_reply", HOUR),
    "requester_wait": target("requester_wait", 8 * HOUR, "pending"),
}
LOW = {
    "first_reply": target("first_reply", 8 * HOUR),
    "requester_wait": target("requester_wait", 16 * HOUR, calendar=ALWAYS),
}
BY_PRIORITY = policies(
    Policy(
        "standard",
        Every(()),
        {},
        {"urgent": URGENT, "low": LOW, "high": {"first_reply": URGENT["first_reply"]}},
    )
)


def changing(priority: str, when: str, *more: AnyEvent, until: str | None = None) -> Ticket:
    events = [Opened(at("02 09:00"), "o", priority="low"), Updated(at(when), "u", priority=priority), *more]
    return ticket(events, BY_PRIORITY, until and at(until))


def test_a_new_priority_moves_the_open_deadlines_and_keeps_what_has_elapsed() -> None:
    found = changing("urgent", "02 09:40")
    changed = [t for t in found.transitions() if TRANSITIONS[t.kind] == "sla.changed"]
    assert [(t.target.name, local(t.due), t.used) for t in changed] == [
        ("first_reply", "02 10:00", 40 * MINUTE),
        ("requester_wait", "02 17:00", 40 * MINUTE),
    ]


def test_a_deadline_that_a_change_puts_into_the_past_is_breached_at_the_change() -> None:
    found = changing("urgent", "02 12:00", until="02 12:00")
    assert told(found.transitions(), "first_reply") == [
        (1, "applied", "02 09:00"), (1, "changed", "02 12:00"), (1, "breached", "02 12:00"),
    ]  # fmt: skip


def test_of_two_calendars_in_turn_each_counts_for_its_stretch() -> None:
    found = changing("urgent", "02 21:00", Resolved(at("03 10:00"), "x"), until="04 12:00")
    waits = [t for t in found.transitions() if t.target.name == "requester_wait"]
    assert waits[-1].used == 12 * HOUR + HOUR, "until 21:00 around the clock, then in office hours"


def test_an_outcome_is_never_rewritten_by_a_change() -> None:
    found = changing("low", "02 12:00")
    events = [Opened(at("02 09:00"), "o", priority="urgent"), Updated(at("02 12:00"), "u", priority="low")]
    found = ticket([*events, AgentReplied(at("02 13:00"), "r")], BY_PRIORITY)
    assert told(found.transitions(), "first_reply")[-2:] == [
        (1, "breached", "02 10:00"),
        (1, "met_late", "02 13:00"),
    ]


def test_a_target_that_is_no_longer_promised_is_cancelled_and_a_new_one_counts_from_the_start() -> None:
    found = changing("high", "02 10:00")
    assert told(found.transitions(), "requester_wait")[-1] == (1, "cancelled", "02 10:00")
    events = [
        Opened(at("02 09:00"), "o", priority="high"), Updated(at("02 09:10"), "u", priority="low"),
        Resolved(at("02 10:00"), "x"), Opened(at("02 11:00"), "again"),
    ]  # fmt: skip
    assert told(ticket(events, BY_PRIORITY).transitions(), "requester_wait") == [
        (1, "applied", "02 09:10"),
        (1, "met", "02 10:00"),
        (2, "applied", "02 11:00"),
    ]


def test_tags_choose_the_policy_and_the_earliest_hold_before() -> None:
    vip = Policy("vip", Field("tags", ("vip",)), {"first_reply": target("first_reply", HOUR, policy="vip")})
    rest = Policy("rest", Every(()), {"first_reply": target("first_reply", 8 * HOUR, policy="rest")})
    history = policies(vip, rest)
    for events in (
        [Opened(at("02 09:00"), "o", tags=("x", "vip"))],
        [Opened(at("02 09:00"), "o"), Updated(at("02 11:00"), "u", tags=("vip",))],
    ):
        for order in (events, events[::-1]):
            (applied, *_) = ticket(order, history).transitions()
            assert applied.target.policy == "vip"
    later = [Opened(at("02 09:00"), "o", tags=()), Updated(at("02 09:30"), "u", tags=("vip",))]
    changed = ticket(later, history).transitions()[-1]
    assert (changed.target.policy, local(changed.at), local(changed.due)) == ("vip", "02 09:30", "02 10:00")


def test_a_new_policy_moves_open_deadlines_and_lets_past_outcomes_stand() -> None:
    def promising(hours: int) -> Policies:
        return Policies(
            [Policy("standard", Every(()), standard({}, first_reply=hours, next_reply=hours))],
            calendar=OFFICE,
        )

    events: list[AnyEvent] = [
        Opened(at("02 09:00"), "o"), AgentReplied(at("02 11:00"), "r"), CustomerReplied(at("02 12:00"), "c"),
    ]  # fmt: skip
    history = PolicyHistory(promising(1), (at("02 12:30"), promising(4)), (at("02 13:00"), promising(4)))
    found = ticket(events, history, at("03 09:00"))
    assert told(found.transitions(), "first_reply")[-1] == (1, "met_late", "02 11:00")
    assert told(found.transitions(), "next_reply") == [
        (1, "applied", "02 12:00"), (1, "changed", "02 12:30"), (1, "warning", "02 15:00"),
        (1, "warning", "02 15:45"), (1, "breached", "02 16:00"),
    ]  # fmt: skip
    assert ticket(events, history).upcoming == at("02 12:30"), "the change is something that time does"


def test_a_split_shift_and_nights_are_left_out_of_warnings() -> None:
    shifts = Calendar("shifts", OFFICE.zone, dict.fromkeys(range(5), ((480, 720), (780, 1020))))
    history = policies(
        Policy("standard", Every(()), {"first_reply": target("first_reply", 2 * HOUR, calendar=shifts)})
    )
    found = ticket([Opened(at("02 11:00"), "o")], history, at("03 09:00"))
    assert told(found.transitions(), "first_reply") == [
        (1, "applied", "02 11:00"), (1, "warning", "02 13:30"), (1, "warning", "02 13:45"),
        (1, "breached", "02 14:00"),
    ]  # fmt: skip


def test_a_ticket_without_a_known_opening_has_no_clocks() -> None:
    assert ticket(WEEK[1:14], until=at("31 09:00")).clocks is None
