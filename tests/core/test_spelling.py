import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cxstream.core import models
from cxstream.core.reading import Refused
from cxstream.core.spelling import (
    NUMBER_PATTERN,
    TIME_PATTERN,
    Hint,
    Meanings,
    Number,
    Spelling,
    Text,
    Word,
    any_case,
    plain,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (4, "4"),
        (4.0, "4"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (10**20, "1" + "0" * 20),
        (Decimal("4.500"), "4.5"),
        (Decimal("40e-1"), "4"),
        (Decimal("-0e999999999"), "0"),
        (Decimal("0.00"), "0"),
        (Decimal(100), "100"),
        (Decimal("1." + "0" * 5_000), "1"),
    ],
)
def test_plain(number, text):
    assert plain(number) == text


@pytest.mark.parametrize(
    "number",
    [float("nan"), float("-inf"), 10**401, Decimal("1e401"), Decimal("1e-401"), Decimal("1." + "1" * 1_023)],
)
def test_what_cannot_be_plain(number):
    with pytest.raises(ValueError, match="number"):
        plain(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_plain_changes_no_value_and_is_the_only_spelling(number):
    text = plain(number)
    assert Fraction(text) == Fraction(number)
    assert plain(Decimal(text)) == text
    assert re.fullmatch(NUMBER_PATTERN, text)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**50), 10**50))
def test_numbers_as_text_are_the_same_in_the_native_type(number):
    native = (
        TypeAdapter(models._AnyNumber).validator.validate_json(repr(number).encode())
        if plain(number) != "0"
        else "0"
    )
    assert native == plain(number) == Text().mend(number)


def test_words_mean_the_same_in_any_case():
    meanings = Word(("agent", "bot"), default="agent").meanings()
    assert [meanings[word] for word in ("bot", "BOT", "Bot", "agent", "", None)] == ["bot"] * 3 + [
        "agent"
    ] * 3
    assert set(meanings) == {"agent", "bot", "", None}  # what is read leaves nothing behind
    with pytest.raises(ValueError, match="no word"):
        meanings["human"]


def test_a_word_without_default_must_be_there():
    meanings = Word(("csat",)).meanings()
    for absent in ("", None):
        with pytest.raises(ValueError, match="no word"):
            meanings[absent]


def test_hints_are_dropped_or_other():
    assert isinstance(Hint(("low",)).meanings(), Meanings)
    assert [Hint(("low",)).meanings()[word] for word in ("LOW", "x", "", None)] == ["low", None, None, None]
    other = Hint(("web", "other"), other="other").meanings()
    assert [other[word] for word in ("Web", "x", "", None)] == ["web", "other", None, None]


def test_numbers_are_refused_by_what_is_wrong_with_them():
    for value, reason in (("4", "wrong_type"), (True, "wrong_type"), (Decimal("1e999"), "bad_score")):
        with pytest.raises(Refused) as caught:
            Number().mend(value)
        assert caught.value.reason == reason


def test_patterns_of_words_know_every_case():
    pattern = re.compile(any_case(("no_response", "x")))
    assert all(pattern.fullmatch(word) for word in ("no_response", "NO_RESPONSE", "No_Response", "X"))
    assert not any(pattern.search(word) for word in ("no-response", "xx", " x", ""))


@pytest.mark.parametrize("text", ["2026-03-02T10:00:00Z", "2026-03-02 10:00:00.123456+01:00"])
def test_the_pattern_of_times(text):
    assert re.search(TIME_PATTERN, text)
    assert not re.search(TIME_PATTERN, text[:-1])


def test_a_spelling_must_say_what_it_takes():
    with pytest.raises(NotImplementedError):
        Spelling().mend(1)
    with pytest.raises(NotImplementedError):
        Spelling().schema()
