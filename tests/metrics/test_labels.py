"""Label values: bounds, and what cannot be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.metrics.labels import Bounds, collect, escape, fit

from .observed import Options


def bounds(live=(), counted=(), **options):
    return Bounds(Options(**options), {"team": set(live)}, {"team": set(counted)})


def test_the_first_live_names_in_sorted_order_are_shown():
    shown = bounds(live=["d", "b", "a", "c"], max_label_values=2)
    assert [shown.value("team", name) for name in "abcd"] == ["a", "b", "other", "other"]


def test_configured_teams_are_shown_whatever_lives():
    shown = bounds(live=["a"], teams=("vip", "tech"), max_label_values=1)
    assert [shown.value("team", name) for name in ("vip", "tech", "a", "none")] == [
        "vip",
        "tech",
        "other",
        "none",
    ]


def test_names_only_counted_fill_what_room_is_left():
    shown = bounds(live=["z"], counted=["a", "b", "z"], max_label_values=2)
    assert [shown.value("team", name) for name in "zab"] == ["z", "a", "other"]


def test_none_and_other_take_no_place():
    shown = bounds(live=["a", "b", "none", "other"], max_label_values=2)
    assert [shown.value("team", name) for name in ("a", "b", "none", "", "other")] == [
        "a",
        "b",
        "none",
        "none",
        "other",
    ]


def test_closed_lists_are_closed():
    shown = bounds()
    assert [shown.value("channel", name) for name in ("email", "fax", "none")] == ["email", "other", "none"]
    assert shown.value("priority", "urgent") == "urgent"
    assert shown.value("kind", "weird") == "other"


@pytest.mark.parametrize(
    "name", ["", "x" * 201, "a\nb", "a\x00", "tab\t", "\x7f", "\x85", "\u2028", "\ud800"]
)
def test_unfit_names_are_never_shown(name):
    assert not fit(name)
    if name:
        assert bounds(live=[name]).value("team", name) == "other"
        assert bounds(teams=(name,)).value("team", name) == "other"


@pytest.mark.parametrize(
    "name", ["x" * 200, "Podpora ž", "a b", '"', "\\", "{}", "%s", "👩\u200d💻", "\u00a0"]
)
def test_other_names_are_shown_as_they_are(name):
    assert bounds(live=[name]).value("team", name) == name


def test_label_sets_are_mapped_by_position():
    shown = bounds(live=["a"], max_label_values=1)
    assert shown.label_set(("team", "channel"), ("b", "fax")) == ("other", "other")
    assert shown.label_set(("channel", "team"), ("email", "a")) == ("email", "a")
    assert shown.label_set((), ()) == ()


def test_names_are_collected_by_label():
    found = {}
    collect(("channel", "source", "team"), [("email", "s", "a"), ("web", "s", "b")], found)
    assert found == {"team": {"a", "b"}, "source": {"s"}}


@given(st.text())
def test_escaping_can_be_undone(value):
    escaped = escape(value)
    assert "\n" not in escaped
    undone = (
        escaped.replace("\\\\", "\x00\x00").replace('\\"', '"').replace("\\n", "\n").replace("\x00\x00", "\\")
    )
    if "\x00" not in value:
        assert undone == value
