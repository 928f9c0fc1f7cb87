import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core.event import (
    EVENT_TYPES,
    AgentReplied,
    CustomerReplied,
    Opened,
    Resolved,
    SurveyAnswered,
    Updated,
)
from cxstream.core.identity import canonical, fingerprint

MORNING = 1_772_445_600_000  # 2026-03-02T10:00:00Z


def test_the_example_of_the_contract():
    event = SurveyAnswered(MORNING - 3_600_000, "", survey="csat", score="4", scale_min="1")
    text = canonical("default", "7", event)
    assert text == (
        '{"occurred_at":"2026-03-02T09:00:00.000Z","scale_min":1,"score":4,"survey":"csat",'
        '"ticket_id":"7","topic":"survey-answered"}'
    )
    assert fingerprint(text) == "b376b89f8d9c3a2d089a7c45fb5e902c"


@pytest.mark.parametrize("cls", EVENT_TYPES)
def test_defaults_are_left_out(cls):
    extra = {"survey": "nps", "score": "9"} if cls is SurveyAnswered else {}
    members = json.loads(canonical("default", "7", cls(MORNING, "e", **extra)))
    assert set(members) == {"event_id", "occurred_at", "ticket_id", "topic", *extra}


def test_all_else_is_in():
    common = {
        "team": 'Büro "1"\n',
        "channel": "email",
        "priority": "low",
        "kind": "task",
        "agent_id": "a",
        "customer_id": "c",
        "tags": ("x", "é"),
    }
    opened = Opened(
        MORNING, "e", **common, opened_by="agent", human_since=MORNING + 1, escalated_at=MORNING + 2
    )
    assert json.loads(canonical("s/t", "7", opened)) == {
        **common,
        "tags": ["x", "é"],
        "topic": "ticket-opened",
        "source": "s/t",
        "ticket_id": "7",
        "event_id": "e",
        "occurred_at": "2026-03-02T10:00:00.000Z",
        "opened_by": "agent",
        "human_since": "2026-03-02T10:00:00.001Z",
        "escalated_at": "2026-03-02T10:00:00.002Z",
    }


@pytest.mark.parametrize(
    ("event", "members"),
    [
        (
            AgentReplied(0, "e", author="bot", public=False, waiting_since=5),
            '"author":"bot",*"public":false,*"waiting_since":"1970-01-01T00:00:00.005Z"',
        ),
        (Resolved(0, "e", automatic=True, outcome="spam"), '"automatic":true,*"outcome":"spam"'),
        (Updated(0, "e", status="pending"), '"status":"pending"'),
        (CustomerReplied(0, "e", kind="task"), '"kind":"task"'),
        (
            SurveyAnswered(
                0, "e", survey="csat", score="0.5", scale_max="7", survey_id="1", higher_is_better=False
            ),
            '"higher_is_better":false,*"scale_max":7,"score":0.5,*"survey_id":"1"',
        ),
    ],
)
def test_members_of_each_topic(event, members):
    text = canonical("default", "7", event)
    assert all(part in text for part in members.split("*"))


text = st.text(st.characters(codec="utf-8"), max_size=20)


@given(text, text.filter(bool), st.lists(text, max_size=3), text)
def test_it_is_what_the_json_module_would_write(source, ticket_id, tags, event_id):
    event = CustomerReplied(MORNING, event_id, team=source, tags=tuple(tags))
    written = canonical(source, ticket_id, event)
    assert written == json.dumps(
        json.loads(written), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert json.loads(written)["source"] == source


def test_an_id_made_from_the_content_is_no_part_of_it():
    event = CustomerReplied(MORNING, "")
    bare = canonical("default", "7", event)
    event.event_id = fingerprint(bare)
    assert canonical("default", "7", event) == bare
    event.event_id = "x"
    assert canonical("default", "7", event) == bare.replace("{", '{"event_id":"x",', 1)


def test_fingerprint_is_half_a_sha256():
    assert fingerprint("é") == sha256("é".encode()).hexdigest()[:32]
