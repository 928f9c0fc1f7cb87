"""Cumulative numbers never go down and never get lost, whatever names are shown."""

from hypothesis import given
from hypothesis import strategies as st

from cxstream.metrics.counted import Counted, configured

NAMES = "abcdef"


def place_by(shown):
    def place(labels):
        return tuple(name if name in shown else "other" for name in labels)

    return place


def first(totals):
    return {labels: numbers[0] for labels, numbers in totals.items()}


def vector(count):
    return [count, *[0] * 89]


def test_a_name_pushed_out_takes_its_past_along():
    counted = Counted()
    assert first(counted.show({("z",): vector(5)}, [], place_by("z"))) == {("z",): 5}
    assert first(counted.show({("z",): vector(6), ("a",): vector(1)}, [], place_by("a"))) == {
        ("a",): 1,
        ("other",): 6,
    }


def test_a_name_that_comes_out_of_other_starts_at_zero():
    counted = Counted()
    counted.show({("z",): vector(5)}, [], place_by(""))
    assert first(counted.show({("z",): vector(7)}, [], place_by("z"))) == {("z",): 0, ("other",): 7}
    assert first(counted.show({("z",): vector(9)}, [], place_by("z"))) == {("z",): 2, ("other",): 7}
    assert first(counted.show({("z",): vector(9)}, [], place_by(""))) == {("other",): 9}


def test_known_label_sets_stand_at_zero_for_good():
    counted = Counted()
    assert first(counted.show({}, [("a",)], place_by("ab"))) == {("a",): 0}
    assert first(counted.show({("b",): vector(1)}, [], place_by("ab"))) == {("a",): 0, ("b",): 1}


def test_configured_label_sets_are_few_or_none():
    assert len(list(configured(("team", "channel", "priority"), ("a", "b")))) == 2 * 7 * 4
    assert list(configured(("team", "channel", "priority"), tuple("abcdefgh"))) == []
    assert list(configured(("team",), ())) == []
    assert list(configured((), ("a",))) == [()]


@given(
    st.lists(
        st.tuples(
            st.dictionaries(
                st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), st.integers(1, 9), max_size=6
            ),
            st.sets(st.sampled_from(NAMES)),
        ),
        max_size=8,
    )
)
def test_sums_stay_right_and_series_that_go_on_never_go_down(steps):
    counted, raw, before = Counted(), {}, {}
    for increments, shown in steps:
        for labels, more in increments.items():
            raw[labels] = raw.get(labels, 0) + more
        now = first(
            counted.show({labels: vector(count) for labels, count in raw.items()}, [], place_by(shown))
        )
        assert sum(now.values()) == sum(raw.values())
        assert all(place_by(shown)(labels) == labels for labels in now)
        assert all(now[labels] >= count for labels, count in before.items() if labels in now)
        before = now
