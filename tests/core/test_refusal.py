from decimal import Decimal

import pytest

from cxstream.core.refusal import LONGEST_MESSAGE, REASONS, Refused, UnknownTopic, show


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ({"secret": 1}, "an object"),
        (["secret"], "an array"),
        (7, "7"),
        (Decimal("7.50"), "7.50"),
        ("x", '"x"'),
        ("a\nb\x00", '"a\\nb\\x00"'),
        ("x" * 100, '"' + "x" * 39 + '…"'),
        (10**100, "1" + "0" * 38 + "…"),
    ],
)
def test_show(value, text):
    assert show(value) == text


def test_messages_are_short():
    refused = Refused("wrong_type", "x" * 1_000)
    assert len(refused.message) == LONGEST_MESSAGE
    assert str(refused) == f"wrong_type: {refused.message}"


def test_an_unknown_topic_is_a_refusal_that_can_be_told_apart():
    unknown = UnknownTopic("survey-sent")
    assert isinstance(unknown, Refused)
    assert unknown.reason in REASONS
    assert unknown.topic == "survey-sent"
    assert '"survey-sent"' in unknown.message
