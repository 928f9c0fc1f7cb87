import base64
import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent

from cxstream.core.cloudevents import TYPE_OF_TOPIC, announced, topic_of, unwrap
from cxstream.core.event import TOPICS, AgentReplied
from cxstream.core.reading import Refused, read, read_line

MORNING = 1_772_445_600_000  # 2026-03-02T10:00:00Z
ATTRIBUTES = {
    "specversion": "1.0",
    "type": "cxstream.agent.replied.v1",
    "id": "e-1",
    "source": "zendesk/acme",
    "time": "2026-03-02T10:00:00Z",
    "subject": "7",
}
DATA = {"author": "bot", "team": "billing"}
MESSAGE = (
    "agent-replied",
    "zendesk/acme",
    "7",
    AgentReplied(MORNING, "e-1", team="billing", author="bot"),
)
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def structured(**members):
    return json.dumps({**ATTRIBUTES, **members}).encode()


def binary(**changes):
    attributes = {name: text for name, text in (ATTRIBUTES | changes).items() if text is not None}
    return [(f"ce_{name}", text.encode()) for name, text in attributes.items()]


def read_reply(raw, headers=()):
    return read("agent-replied", raw, b"7", headers, latest=MORNING)


@pytest.mark.parametrize("headers", [(), STRUCTURED, dict(STRUCTURED), [("Content-Type", STRUCTURED[0][1])]])
def test_structured(headers):
    assert read_reply(structured(data=DATA), headers) == MESSAGE


def test_structured_by_its_header_alone():
    envelope = {"subject": "7", "time": MORNING, "id": "e-1", "source": "zendesk/acme", "data": DATA}
    assert read_reply(json.dumps(envelope).encode(), STRUCTURED) == MESSAGE


def test_data_in_base64():
    encoded = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert read_reply(structured(data_base64=encoded)) == MESSAGE
    assert read_reply(structured(data=None, data_base64=encoded)) == MESSAGE


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}, {"data_base64": None}])
def test_no_data(data):
    assert read_reply(structured(**data)).event == AgentReplied(MORNING, "e-1")


def test_binary():
    assert read_reply(json.dumps(DATA).encode(), binary()) == MESSAGE
    assert read_reply(json.dumps(DATA).encode(), dict(binary())) == MESSAGE
    assert (
        read_reply(json.dumps(DATA).encode(), [("Ce_SpecVersion", b"1.0"), *binary()[1:], ("x", None)])
        == MESSAGE
    )
    assert (
        read_reply(json.dumps(DATA).encode(), [*binary(), ("content-type", b"application/json")]) == MESSAGE
    )


def test_binary_behind_the_frame_of_a_schema_registry():
    assert read_reply(b"\0\0\0\0\1" + json.dumps(DATA).encode(), binary()) == MESSAGE


def test_headers_of_others_are_no_event():
    flat = json.dumps({"ticket_id": "7", "occurred_at": MORNING, "event_id": "e-1"}).encode()
    message = read_reply(flat, [("ce_id", b"other"), ("ce_subject", b"8")])  # no specversion
    assert message.event == AgentReplied(MORNING, "e-1")


def test_what_the_data_has_itself_wins():
    own = {"ticket_id": 7, "occurred_at": MORNING, "event_id": "own", "source": "own"}
    message = read_reply(structured(data=own, subject="8", time="?", id="other", source="other"))
    assert message[1:] == ("own", "7", AgentReplied(MORNING, "own"))
    message = read_reply(json.dumps(own).encode(), binary(subject="8", time="?", id="other", source="other"))
    assert message[1:] == ("own", "7", AgentReplied(MORNING, "own"))
    empty = dict.fromkeys(own, "")
    assert read_reply(structured(data=empty)).event == AgentReplied(MORNING, "e-1")


def test_a_flat_event_may_have_fields_of_these_names():
    # CloudEvents has no attribute with an underscore, so that this is no envelope.
    flat = {
        "ticket_id": "7",
        "occurred_at": MORNING,
        "event_id": "e-2",
        "specversion": "9",
        "type": "question",
    }
    assert read_reply(json.dumps(flat).encode()).event == AgentReplied(MORNING, "e-2")
    assert read_reply(json.dumps(flat | {"agent_id": [7]}).encode()).event == AgentReplied(MORNING, "e-2")


def test_lines():
    assert read_line(structured(data=DATA), latest=MORNING) == MESSAGE
    assert read_line(structured(data=DATA, topic="agent-replied"), latest=MORNING) == MESSAGE


@pytest.mark.parametrize(
    ("raw", "headers", "reason", "named"),
    [
        (structured(type="cxstream.ticket.opened.v1"), (), "wrong_type", "type"),
        (structured(type="cxstream.agent.replied.v2"), (), "wrong_type", "type"),
        (structured(type=7), (), "wrong_type", "type"),
        (structured(specversion="0.3"), (), "wrong_type", "specversion"),
        (structured(specversion=1.0), (), "wrong_type", "specversion"),
        (structured(data="{}"), (), "wrong_type", "data"),
        (structured(data=[]), (), "wrong_type", "data"),
        (structured(data_base64="e30"), (), "wrong_type", "data_base64"),
        (structured(data_base64="é"), (), "wrong_type", "data_base64"),
        (structured(data_base64=7), (), "wrong_type", "data_base64"),
        (structured(data_base64="/w=="), (), "not_utf8", "data_base64"),
        (structured(data_base64="ew=="), (), "not_json", "data_base64"),
        (structured(data_base64="W10="), (), "wrong_type", "data_base64"),
        (structured(subject=None), (), "missing_field", "ticket_id"),
        (structured(time=None), (), "missing_field", "occurred_at"),
        (structured(time="soon"), (), "bad_time", "occurred_at"),
        (structured(source=7), (), "wrong_type", "source"),
        (b"[]", STRUCTURED, "wrong_type", "object"),
        (b"{}", binary(type="cxstream.ticket.opened.v1"), "wrong_type", "type"),
        (b"{}", binary(specversion="2"), "wrong_type", "specversion"),
        (b"{}", binary(subject=None), "missing_field", "ticket_id"),
        (b"{}", [*binary(), ("ce_time", None)], "missing_field", "occurred_at"),
        (b"{}", [*binary(), ("ce_id", b"\xff")], "not_utf8", "ce_id"),
        (b"", binary(), "empty", "value"),
    ],
)
def test_what_is_refused(raw, headers, reason, named):
    with pytest.raises(Refused) as caught:
        read_reply(raw, headers)
    assert caught.value.reason == reason
    assert named in caught.value.message


def test_types_and_topics():
    assert [topic_of(TYPE_OF_TOPIC[topic]) for topic in TOPICS] == list(TOPICS)
    assert TYPE_OF_TOPIC["ticket-opened"] == "cxstream.ticket.opened.v1"
    assert topic_of("cxstream.survey.sent.v1") == "survey-sent"
    assert topic_of("org.example.x") == "org.example.x"


def test_announced():
    assert announced(STRUCTURED)
    assert announced(binary())
    assert not announced([("content-type", b"application/json"), ("content-type", None), ("b3", b"0")])


def test_a_plain_event_has_no_type():
    document = {"ticket_id": "7", "type": "x"}
    assert unwrap(document) == (None, document)


@pytest.mark.parametrize("write", [kafka.to_structured_event, kafka.to_binary_event])
def test_what_the_official_library_writes(write):
    made = CloudEvent(
        {
            **ATTRIBUTES,
            "time": datetime(2026, 3, 2, 10, tzinfo=UTC),
            "partitionkey": "7",
            "datacontenttype": "application/json",
        },
        DATA,
    )
    record = write(made)
    headers = [(name, value) for name, value in record.headers.items()]
    key = record.key.encode() if isinstance(record.key, str) else record.key
    assert read("agent-replied", record.value, key, headers, latest=MORNING) == MESSAGE
