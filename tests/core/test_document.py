import json
from decimal import Decimal
from math import inf, isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core.document import LARGEST, parse_object, read_document, without_frame
from cxstream.core.reading import Refused


def test_numbers_are_exact():
    document = read_document(b'{"a":4.0000000000000000001,"b":9007199254740993,"c":1e-400,"d":1.50}')
    assert document == {
        "a": Decimal("4.0000000000000000001"),
        "b": 9007199254740993,
        "c": Decimal("1e-400"),
        "d": Decimal("1.5"),
    }


def test_what_is_no_number_or_beyond_all_decimals():
    document = read_document(b'{"a":NaN,"b":-Infinity,"c":1e9999999999999999999,"d":-1e-9999999999999999999}')
    assert isnan(document["a"])
    assert document["b"] == -inf
    assert document["c"] == inf
    assert document["d"] == 0


def test_the_last_of_repeated_names_counts():
    assert read_document(b'{"a":1,"a":2}') == {"a": 2}


def test_the_largest_message():
    text = b'{"a":"' + b"x" * (LARGEST - 8) + b'"}'
    assert len(text) == LARGEST
    assert read_document(text)
    with pytest.raises(Refused) as caught:
        read_document(text + b" ")
    assert caught.value.reason == "too_large"


def test_frames():
    assert without_frame(b"\0abcd{}") == b"{}"
    assert without_frame(b"{}") == b"{}"
    assert read_document(b"\0abcd{}") == {}


def test_what_was_to_be_an_object_is_named():
    with pytest.raises(Refused, match="data_base64 is an array, not an object"):
        parse_object(b"[]", "data_base64")


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.booleans() | st.none()))
def test_any_object(document):
    assert read_document(json.dumps(document, ensure_ascii=True).encode()) == document
