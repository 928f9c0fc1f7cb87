"""Everything that the contract knows happens in a simulated fortnight, and about as often as it should."""

from collections import Counter, defaultdict

import pytest

from cxstream.simulate import NO_FAULTS, Habits, Helpdesk, Scenario

from .rules import CHANNELS, PRIORITIES, instant

VOID = {"spam", "duplicate", "merged", "deleted"}


def features(deliveries):  # noqa: PLR0912 - a branch per feature
    """How many events (or tickets) show each feature."""
    found = Counter()
    life = defaultdict(
        lambda: {"open": False, "resolved": None, "team": None, "priority": None, "surveys": set()}
    )
    for d in deliveries:
        value, ticket = d.value, life[d.key]
        found[d.topic] += 1
        found["channel", value["channel"]] += 1
        found["priority", value["priority"]] += 1
        found["team", value["team"]] += 1
        for field in ("event_id", "tags", "kind", "agent_id"):
            found[field if field in value else f"no {field}"] += 1
        for field in ("author", "outcome", "status", "opened_by"):
            if field in value:
                found[field, value[field]] += 1
        found["note"] += value.get("public") is False
        found["waiting_since"] += "waiting_since" in value
        found["escalated"] += "escalated_at" in value
        found["hand-off", d.topic] += "human_since" in value
        found["reassigned"] += d.topic == "ticket-updated" and ticket["team"] not in (None, value["team"])
        found["reprioritised"] += d.topic == "ticket-updated" and ticket["priority"] not in (
            None,
            value["priority"],
        )
        ticket["team"], ticket["priority"] = value["team"], value["priority"]
        if d.topic == "ticket-opened":
            if ticket["open"]:
                found["labels by opened"] += 1
            elif ticket["resolved"] in VOID:
                found["void reopened"] += 1
            elif ticket["resolved"]:
                found["reopened"] += 1
            ticket["open"] = True
        elif d.topic == "ticket-resolved":
            if not ticket["open"]:
                found["confirmation" if value.get("automatic") else "implied reopening"] += 1
            elif value.get("automatic"):
                found["resolved by the system"] += 1
            ticket["open"] = False
            ticket["resolved"] = value.get("outcome", "solved")
        elif d.topic == "customer-replied":
            found["reply after resolution"] += not ticket["open"]
        elif d.topic == "survey-answered":
            scale = (value.get("scale_min"), value.get("scale_max"), value.get("higher_is_better", True))
            found[value["survey"], *scale] += 1
            question = (value["survey"], value.get("survey_id"))
            found["answered again"] += question in ticket["surveys"]
            ticket["surveys"].add(question)
    return found


def test_everything_occurs(start):
    scenario = Scenario(days=14, faults=NO_FAULTS)
    found = features(Helpdesk(scenario, 7, start).deliveries())
    expected = [
        *("ticket-opened", "agent-replied", "ticket-resolved", "survey-answered"),
        *("customer-replied", "ticket-updated"),
        *(("channel", channel) for channel in CHANNELS),
        *(("priority", priority) for priority in PRIORITIES),
        *(("team", team.name) for team in scenario.teams),
        *(("author", author) for author in ("bot", "system")),
        *(("outcome", outcome) for outcome in ("no_response", "abandoned", *VOID)),
        *(("status", status) for status in ("open", "pending", "on_hold", "closed")),
        *(("opened_by", opener) for opener in ("agent", "system")),
        *(("hand-off", topic) for topic in ("ticket-opened", "ticket-updated")),
        *("event_id", "no event_id", "tags", "no tags", "kind", "agent_id", "no agent_id"),
        *("note", "waiting_since", "escalated", "reassigned", "reprioritised", "labels by opened"),
        *("reopened", "void reopened", "implied reopening", "confirmation", "resolved by the system"),
        *("reply after resolution", "answered again"),
        ("csat", None, None, True),
        ("csat", 0, 10, True),
        ("csat", 1, 5, True),
        ("nps", None, None, True),
        ("ces", None, None, True),
        ("ces", 1, 7, False),
    ]
    assert [feature for feature in expected if found[feature] < 10] == []
    events = found["event_id"] + found["no event_id"]
    assert 0.015 < found["no event_id"] / events < 0.025
    tickets = found["ticket-opened"] - found["reopened"] - found["void reopened"] - found["labels by opened"]
    assert 6 < events / tickets < 9


def test_habits_set_how_often(start):
    habits = Habits(
        by_agent=0.5, by_system=0, void=0, reopened=0, implied=0, thanks=0, no_event_id=0, confirmed=0
    )
    scenario = Scenario(tickets=1_000, habits=habits, faults=NO_FAULTS)
    found = features(Helpdesk(scenario, 1, start).deliveries())
    assert 400 < found["opened_by", "agent"] < 600
    never = [
        "reopened",
        "void reopened",
        "implied reopening",
        "reply after resolution",
        "confirmation",
        "no event_id",
    ]
    assert {feature: found[feature] for feature in never} == dict.fromkeys(never, 0)
    assert found["opened_by", "system"] == 0


@pytest.mark.parametrize("topics", [(), ("customer-replied",), ("ticket-updated",)])
def test_hand_offs_are_told_with_any_topics(start, topics):
    scenario = Scenario(tickets=1_000, optional_topics=topics, faults=NO_FAULTS)
    found = features(Helpdesk(scenario, 1, start).deliveries())
    assert found["hand-off", "ticket-opened"] > 0
    assert (found["hand-off", "ticket-updated"] > 0) == ("ticket-updated" in topics)


def test_a_ticket_begins_with_its_opening_and_time_goes_on(start):
    last, first = {}, {}
    for d in Helpdesk(Scenario(tickets=2_000, faults=NO_FAULTS), 2, start).deliveries():
        at = instant(d.value["occurred_at"])
        assert at == d.deliver_at
        assert first.setdefault(d.key, d.topic) == "ticket-opened"
        assert last.get(d.key, 0) <= at
        last[d.key] = at
        if "waiting_since" in d.value:
            assert instant(d.value["waiting_since"]) <= at


def test_resolutions_and_openings_take_turns(start):
    """The helpdesk's own count of open tickets is what its events say."""
    helpdesk = Helpdesk(Scenario(days=10, faults=NO_FAULTS), 2, start)
    open_ = set()
    for d in helpdesk.deliveries():
        if d.topic == "ticket-opened":
            open_.add(d.key)
        elif d.topic == "ticket-resolved":
            open_.discard(d.key)
    assert helpdesk.open_tickets == len(open_) > 0
