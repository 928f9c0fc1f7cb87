import pytest
from pydantic import ValidationError

from cxstream.core.event import EVENT_OF_TOPIC, TOPICS
from cxstream.core.models import PAYLOADS, SPELLINGS
from cxstream.core.spelling import Spelling

EVERY = pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.topic)


def test_there_is_one_for_every_topic():
    assert tuple(payload.topic for payload in PAYLOADS) == TOPICS


@EVERY
def test_it_has_the_fields_of_the_facts(payload):
    known = {"ticket_id", "source"}
    known |= {
        "occurred_at" if name == "at" else name for name in EVENT_OF_TOPIC[payload.topic].__struct_fields__
    }
    assert set(payload.model_fields) == known


@EVERY
def test_every_field_is_described_and_has_a_spelling(payload):
    for name, field in payload.model_fields.items():
        assert field.description.endswith(".")
        assert isinstance(SPELLINGS[payload.topic][name], Spelling)


@EVERY
def test_defaults_are_those_of_the_facts(payload):
    cls = EVENT_OF_TOPIC[payload.topic]
    defaults = dict(zip(reversed(cls.__struct_fields__), reversed(cls.__struct_defaults__), strict=False))
    for name, spelling in SPELLINGS[payload.topic].items():
        if spelling.default is not None and name != "source":
            assert defaults[name] == spelling.default


@EVERY
def test_the_example_is_valid_and_native(payload):
    assert payload.model_validate(payload.example)


@EVERY
def test_it_takes_no_numbers_as_text_or_the_other_way_round(payload):
    with pytest.raises(ValidationError):
        payload.model_validate(payload.example | {"ticket_id": True})
    with pytest.raises(ValidationError):
        payload.model_validate(payload.example | {"source": 7})
