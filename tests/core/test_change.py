"""What one event changes, against multisets."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core import change
from cxstream.core.change import difference
from cxstream.core.measure import Measurement

LABELS = ("billing", "email", "none", "default", "none")

measurements = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 2), st.just(LABELS), st.integers(0, 1), st.sampled_from("ab")
    ),
    max_size=12,
)


@pytest.mark.parametrize("many", [0, change.MANY])
@given(old=measurements, new=measurements)
def test_the_difference_is_that_of_multisets(
    many: int, old: list[Measurement], new: list[Measurement]
) -> None:
    before, after = list(old), list(new)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(change, "MANY", many)
        removed, added = difference(old, new)
    assert Counter(removed) == Counter(old) - Counter(new)
    assert Counter(added) == Counter(new) - Counter(old)
    assert (old, new) == (before, after), "neither list is touched"


def test_what_stands_twice_is_taken_out_once() -> None:
    twice: Measurement = (2, 5, LABELS, 0, "x")
    other: Measurement = (1, 5, LABELS, 0, "x")
    assert difference([twice, twice], [other, twice]) == ([twice], [other])
