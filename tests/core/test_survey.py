from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cxstream.core.pane import POINT
from cxstream.core.survey import CATEGORIES, SCALES, classify


@pytest.mark.parametrize(
    ("survey", "score", "options", "category", "points"),
    [
        ("csat", "5", {}, "positive", 5),
        ("csat", "4", {}, "positive", 4),  # s = 3/4
        ("csat", "3.999999999999999999999", {}, "neutral", 4),  # just below, though its points round up
        ("csat", "3", {}, "neutral", 3),
        ("csat", "2.000000000000000000001", {}, "neutral", 2),
        ("csat", "2", {}, "negative", 2),  # s = 1/4
        ("csat", "1", {}, "negative", 1),
        ("csat", "1", {"higher_is_better": False}, "positive", 5),
        ("csat", "75", {"scale_min": "0", "scale_max": "100"}, "positive", 4),
        ("csat", "1", {"scale_min": "0", "scale_max": "1"}, "positive", 5),
        ("csat", "7", {"scale_max": "9"}, "positive", 4),  # from 1, the default
        ("csat", "0", {"scale_min": "-1"}, "negative", Fraction(5, 3)),  # to 5, the default
        (
            "csat",
            "0.1",
            {"scale_min": "0", "scale_max": "0.4"},
            "negative",
            2,
        ),  # floats: 0.25 and 0.3/0.4 < 3/4
        ("csat", "0.3", {"scale_min": "0", "scale_max": "0.4"}, "positive", 4),
        ("nps", "9", {}, "promoter", 9),
        ("nps", "8.9999", {}, "passive", Decimal("8.9999")),
        ("nps", "6.0001", {}, "passive", Decimal("6.0001")),
        ("nps", "6", {}, "detractor", 6),
        ("nps", "0", {}, "detractor", 0),
        ("nps", "0", {"higher_is_better": False}, "promoter", 10),
        ("nps", "4.6", {"scale_min": "1", "scale_max": "5"}, "promoter", 9),
        ("nps", "3.4", {"scale_min": "1", "scale_max": "5"}, "detractor", 6),
        ("ces", "5.5", {}, "positive", Decimal("5.5")),
        ("ces", "5.49", {}, "neutral", Decimal("5.49")),
        ("ces", "2.5", {}, "negative", Decimal("2.5")),
        ("ces", "1", {}, "negative", 1),
    ],
)
def test_definitions(survey, score, options, category, points):
    index, billionths = classify(survey, score, **options)
    assert CATEGORIES[survey][index] == category
    assert billionths == round(Fraction(points) * POINT)


@pytest.mark.parametrize(
    ("survey", "score", "options"),
    [
        ("csat", "0", {}),
        ("csat", "5.0000000000000000001", {}),
        ("nps", "11", {}),
        ("nps", "-1", {}),
        ("ces", "8", {}),
        ("csat", "3", {"scale_min": "3", "scale_max": "3"}),
        ("csat", "3", {"scale_min": "4", "scale_max": "3"}),
        ("csat", "6", {"scale_min": "6"}),  # the default 5 ends before
        ("csat", "1", {"scale_max": "1"}),
    ],
)
def test_scores_and_scales_that_are_invalid(survey, score, options):
    with pytest.raises(ValueError, match="scale"):
        classify(survey, score, **options)


def test_points_are_rounded_half_to_even():
    # A share of n / (2 * 10^10) on the nps scale is n / 2 billionths.
    assert [classify("nps", str(n), "0", str(2 * 10**10))[1] for n in range(6)] == [0, 0, 1, 2, 2, 2]


numbers = st.decimals(-1_000, 1_000, places=3)


@given(st.sampled_from(sorted(SCALES)), numbers, numbers, numbers)
def test_rescaling_changes_nothing_and_mirroring_is_its_own_inverse(survey, a, b, c):
    low, score, high = sorted((a, b, c))
    assume(low < high)
    found = classify(survey, str(score), str(low), str(high))
    assert found == classify(survey, str(score * 10), str(low * 10), str(high * 10))
    assert found == classify(survey, str(score + 5), str(low + 5), str(high + 5))
    assert found == classify(survey, str(low + high - score), str(low), str(high), higher_is_better=False)
    first, last = SCALES[survey]
    assert first * POINT <= found[1] <= last * POINT


@given(st.sampled_from(sorted(SCALES)), st.decimals(0, 1, places=6), st.decimals(0, 1, places=6))
def test_categories_are_in_the_order_of_scores(survey, one, other):
    worse, better = sorted((one, other))
    low, high = "0", "1"
    assert classify(survey, str(worse), low, high)[0] >= classify(survey, str(better), low, high)[0]
