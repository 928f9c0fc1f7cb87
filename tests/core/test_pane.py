"""The algebra of cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cxstream.core.pane import (
    BOUNDS,
    FIRST_RESPONSE,
    OPENED,
    POINT,
    REOPENED,
    RESOLUTION,
    SCORE_BOUNDS,
    Cell,
    answer_code,
)

MEASUREMENTS = st.lists(
    st.one_of(
        st.tuples(st.integers(OPENED, REOPENED), st.just(0)),
        st.tuples(
            st.integers(FIRST_RESPONSE, RESOLUTION), st.integers(0, 2 * BOUNDS[-1]) | st.sampled_from(BOUNDS)
        ),
        st.tuples(st.just(answer_code("csat", 0)), st.integers(POINT, 5 * POINT)),
        st.tuples(st.just(answer_code("nps", 2)), st.integers(0, 10 * POINT)),
    )
)


def cell(measurements: list[tuple[int, int]]) -> Cell:
    total = Cell()
    for what, value in measurements:
        total.put(what, value)
    return total


@given(MEASUREMENTS, MEASUREMENTS)
def test_adding_commutes_and_taking_out_undoes_it(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    both, other = cell(a), cell(b)
    both.merge(cell(b))
    other.merge(cell(a))
    assert both == other
    both.merge(cell(b), -1)
    assert both == cell(a)


@given(MEASUREMENTS)
def test_what_is_taken_out_one_by_one_leaves_nothing(a: list[tuple[int, int]]) -> None:
    total, empty = cell(a), Cell()
    for what, value in a:
        total.put(what, value, -1)
    empty.merge(total)
    assert not empty


@given(MEASUREMENTS)
def test_what_is_read_equals_a_naive_count(a: list[tuple[int, int]]) -> None:
    total = cell(a)
    assert total.flow("reopened") == sum(what == REOPENED for what, _ in a)
    for name, code in (("first_response", FIRST_RESPONSE), ("resolution", RESOLUTION)):
        values = [value for what, value in a if what == code]
        counts, summed = total.histogram(name)
        assert summed == sum(values)
        lower = (-1, *BOUNDS)
        assert counts == [
            sum(low < v <= high for v in values) for low, high in zip(lower, (*BOUNDS, 1 << 60), strict=True)
        ]
    points = [value for what, value in a if what == answer_code("nps", 2)]
    categories, counts, summed = total.survey("nps")
    assert (categories, summed) == ((0, 0, len(points)), sum(points))
    assert [sum(counts[: i + 1]) for i in range(11)] == [
        sum(p <= b * POINT for p in points) for b in SCORE_BOUNDS["nps"]
    ]
