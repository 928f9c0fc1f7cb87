import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cxstream.core.cloudevents import TYPE_OF_TOPIC
from cxstream.core.event import TOPICS
from cxstream.core.models import PAYLOAD_OF_TOPIC, PAYLOADS
from cxstream.core.reading import Refused, read, read_line
from cxstream.core.refusal import REASONS
from cxstream.core.schema import ASYNCAPI_FILE, DEAD_LETTERS, asyncapi, documents, json_schema
from tests.core import test_reading as reading

SCHEMAS = Path(__file__).parents[2] / "schemas"
VALIDATORS = {
    topic: Draft202012Validator(json_schema(payload)) for topic, payload in PAYLOAD_OF_TOPIC.items()
}
BEYOND_SCHEMAS = {"future", "bad_score", "bad_time", "too_large"}  # too_large: of integers


def test_the_files_are_up_to_date():
    generated = documents()
    assert {path.name for path in SCHEMAS.iterdir() if path.suffix in {".json", ".yaml"}} == set(generated)
    for name, text in generated.items():
        assert (SCHEMAS / name).read_text("utf-8") == text, "run `cxstream schemas`"


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.topic)
def test_they_are_schemas(payload):
    schema = json_schema(payload)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{payload.topic}.json"
    assert all(field["description"] for field in schema["properties"].values())
    for example in schema["examples"]:
        VALIDATORS[payload.topic].validate(example)
        read_line(json.dumps(example | {"topic": payload.topic}).encode(), latest=10**15)


def test_defaults_are_shown():
    properties = json_schema(PAYLOAD_OF_TOPIC["agent-replied"])["properties"]
    assert {name: field["default"] for name, field in properties.items() if "default" in field} == {
        "source": "default",
        "author": "agent",
        "public": True,
    }


def accepts(topic, raw):
    return VALIDATORS[topic].is_valid(json.loads(raw))


@pytest.mark.parametrize(
    ("reason", "topic", "raw"),
    [
        (reason, topic, raw)
        for reason in ("missing_field", "wrong_type", "unknown_survey", "bad_time")
        for topic, raw in reading.BAD[reason]
        if not any(token in raw for token in (b"NaN", b"Infinity", b"1e999", b"-1000000", b"02-30"))
        if not any(number in raw for number in (b"1000000000000000.0", b"-1e+300", b"7.0"))
    ],
    ids=lambda part: repr(part)[:60],
)
def test_what_the_reader_refuses_they_refuse(reason, topic, raw):
    assert not accepts(topic, raw)


@given(reading.events(), st.randoms(use_true_random=False))
def test_what_the_reader_accepts_they_accept(event, chance):
    topic, fields = event
    assert accepts(topic, reading.spell(topic, fields, chance))


@given(st.sampled_from(TOPICS), reading.likely)
def test_they_say_no_more_and_no_less_than_the_reader(topic, fields):
    fields = {
        name: content for name, content in fields.items() if name not in {"specversion", "type", "data"}
    }
    raw = json.dumps(fields).encode("utf-8", "surrogatepass")
    try:
        read(topic, raw, str(fields["ticket_id"]).encode("utf-8", "replace"), latest=10**15)
    except Refused as refused:
        if (
            refused.reason not in {*BEYOND_SCHEMAS, "key_mismatch", "not_json"}
            and b"NaN" not in raw
            and b"Inf" not in raw
        ):
            assert not accepts(topic, raw) or isinstance(fields["ticket_id"], float)
    else:
        assert accepts(topic, raw)


def test_asyncapi_names_every_topic():
    document = yaml.safe_load(documents()[ASYNCAPI_FILE])
    assert document == asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in document["channels"].values()} == {
        *TOPICS,
        "sla-events",
        DEAD_LETTERS,
    }
    messages = {message["name"]: message for message in document["components"]["messages"].values()}
    for topic in TYPE_OF_TOPIC:
        reference = messages[topic]["payload"]["schema"]["$ref"]
        assert (SCHEMAS / reference).is_file()


def test_references_of_asyncapi_lead_somewhere():
    document = asyncapi()

    def references(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for inner in node.values():
                yield from references(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from references(inner)

    for reference in references(document):
        if reference.startswith("#/"):
            target = document
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]


def test_dead_letters_list_the_reasons():
    headers = asyncapi()["components"]["messages"]["deadLetter"]["headers"]
    assert headers["properties"]["cx-error-reason"]["enum"] == list(REASONS)
