"""The audit of a ticket: what counts, where only the table can tell, and where not even that."""

import msgspec
import pytest

from cxstream.core import record
from cxstream.core.audit import Case, Doubt, Later, Read, Row, cases, name_of
from cxstream.core.event import AgentReplied, AnyEvent, Opened, Resolved
from cxstream.core.record import owner
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.core.ticket import Ticket

RULES = Rules()
NOW = 1_772_445_600_000
TICKET = name_of("default", "7")
WHOLE = Doubt(NOW, DAY, frozenset())
CUT = WHOLE._replace(cut=frozenset({("ticket-opened", 2)}))

OPENED = Opened(NOW - 5 * HOUR, "o")
REPLIED = AgentReplied(NOW - 4 * HOUR, "r")
RESOLVED = Resolved(NOW - 3 * HOUR, "s")


def read(event: AnyEvent, written: int | None = None) -> Read:
    return Read(TICKET, event, event.at if written is None else written, 2)


def rows(*events: AnyEvent) -> list[Row]:
    """What a worker's table holds of a ticket with these events."""
    ticket = Ticket("default", "7", RULES.max_skew)
    for event in events:
        ticket.insert(event)
    key = record.key_of("default", "7")
    return [Row(TICKET, name, value, 2) for name, value in record.changes(key, ticket)]


def judged(*entries, doubt=WHOLE, with_table=True):
    case = Case(TICKET)
    for entry in entries:
        case.add(entry)
    return case.judge(RULES, doubt, with_table=with_table)


def ids(ticket: Ticket | None) -> list[str]:
    return [] if ticket is None else [event.event_id for event in ticket.timeline]


def held(verdict) -> list[str]:
    """The ids of what the table holds of the ticket, in one partition."""
    (ticket,) = verdict.stored
    return ids(ticket)


def test_the_topics_decide():
    verdict = judged(read(RESOLVED), read(OPENED), read(OPENED), with_table=False)
    assert ids(verdict.expected) == ["o", "s"]
    assert verdict.provable
    assert verdict.stored == []


def test_of_copies_that_differ_the_smaller_stands_whatever_came_first():
    later = Opened(OPENED.at + 1, "o")
    for order in ((OPENED, later), (later, OPENED)):
        assert judged(*map(read, order), with_table=False).expected.frame.opening == OPENED


def test_what_the_table_lacks_or_has_too_much_is_expected_all_the_same():
    verdict = judged(read(OPENED), read(REPLIED), *rows(OPENED, RESOLVED))
    assert ids(verdict.expected) == ["o", "r"]
    assert held(verdict) == ["o", "s"]
    assert verdict.provable


def test_an_opening_that_retention_has_deleted_is_taken_from_the_table():
    verdict = judged(read(REPLIED), *rows(OPENED, REPLIED), doubt=CUT)
    assert ids(verdict.expected) == ["o", "r"]
    assert not verdict.provable


def test_another_topic_that_was_cut_excuses_nothing():
    verdict = judged(read(OPENED), *rows(OPENED, REPLIED), doubt=CUT)
    assert ids(verdict.expected) == ["o"]
    assert verdict.provable


def test_another_partition_that_was_cut_excuses_nothing():
    doubt = WHOLE._replace(cut=frozenset({("ticket-opened", 1)}))
    assert ids(judged(read(REPLIED), *rows(OPENED, REPLIED), doubt=doubt).expected) == ["r"]


def test_what_the_table_learned_later_is_not_expected():
    verdict = judged(read(OPENED), *rows(OPENED, REPLIED), Later(TICKET, REPLIED), doubt=CUT)
    assert ids(verdict.expected) == ["o"]
    assert held(verdict) == ["o"]


def test_a_redelivery_that_comes_later_takes_nothing_away():
    verdict = judged(read(OPENED), *rows(OPENED), Later(TICKET, OPENED))
    assert held(verdict) == ["o"]


def test_a_copy_that_took_the_place_of_another_later_counts_as_the_other():
    earlier = Opened(OPENED.at - 1, "o")
    verdict = judged(read(OPENED), *rows(OPENED, earlier), Later(TICKET, earlier))
    assert verdict.stored[0].frame.opening == OPENED


OLD = [msgspec.structs.replace(event, at=event.at - 31 * DAY) for event in (OPENED, REPLIED, RESOLVED)]


def test_a_forgotten_ticket_is_not_expected():
    verdict = judged(*map(read, OLD))
    assert verdict.expected is None
    assert verdict.forgotten


def test_it_is_expected_as_long_as_the_table_has_it():
    verdict = judged(*map(read, OLD), *rows(*OLD))
    assert ids(verdict.expected) == ["o", "r", "s"]
    assert not verdict.forgotten


def test_what_comes_after_the_forgetting_is_an_orphan():
    verdict = judged(*map(read, OLD), read(REPLIED), *rows(REPLIED))
    assert verdict.expected.summary.orphans == 1
    assert verdict.forgotten


def test_an_open_ticket_may_not_be_forgotten():
    verdict = judged(*map(read, OLD[:2]))
    assert ids(verdict.expected) == ["o", "r"]
    assert not verdict.forgotten


def test_a_backfill_may_not_be_forgotten_before_its_retention_is_over():
    verdict = judged(*(read(event, NOW - DAY) for event in OLD))
    assert ids(verdict.expected) == ["o", "r", "s"]
    assert WHOLE.old(read(OLD[0]), RULES.retention)
    assert not WHOLE.old(read(OLD[0], NOW - DAY), RULES.retention)


@pytest.mark.parametrize("accepted", [True, False])
def test_an_event_far_ahead_counts_if_the_table_has_it(accepted):
    ahead = read(REPLIED, REPLIED.at - DAY - 1)
    assert WHOLE.calls_for_table(ahead, RULES.retention)
    assert not WHOLE.calls_for_table(read(REPLIED, REPLIED.at - DAY), RULES.retention)
    verdict = judged(read(OPENED), ahead, *rows(OPENED, *([REPLIED] if accepted else [])))
    assert ids(verdict.expected) == ["o", "r"][: 1 + accepted]


def test_a_tombstone_deletes():
    verdict = judged(*rows(OPENED), Row(TICKET, record.key_of("default", "7"), None, 2))
    assert verdict.stored == []


def test_long_tickets_are_put_together_from_their_pages():
    replies = [AgentReplied(NOW + n, f"{n:03}") for n in range(100)]
    pages = rows(*replies)
    assert len(pages) > 1
    assert {owner(page.key) for page in pages} == {TICKET}
    assert held(judged(*pages)) == [reply.event_id for reply in replies]


def test_the_marks_belong_to_no_ticket():
    assert owner(b"m") is None


def test_cases_gather_by_ticket():
    other = name_of("zendesk/acme", "7")
    found = {case.source: case for case in cases([read(OPENED), Later(other, OPENED), *rows(REPLIED)])}
    assert (len(found["default"].reads), found["default"].partitions) == (1, {2})
    assert found["zendesk/acme"].later == [OPENED]


def test_a_ticket_in_two_partitions_is_counted_in_two_halves():
    split = [msgspec.structs.replace(row, partition=3) for row in rows(REPLIED)]
    other = msgspec.structs.replace(read(REPLIED), partition=3)
    verdict = judged(read(OPENED), other, *rows(OPENED), *split)
    assert ids(verdict.expected) == ["o", "r"]
    assert [ids(ticket) for ticket in verdict.stored] == [["o"], ["r"]]
