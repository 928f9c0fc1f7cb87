"""The catalogue is the contract, and what is exposed is the catalogue."""

import re
from pathlib import Path

import pytest

from cxstream.core.rules import Rules
from cxstream.metrics.catalogue import CATALOGUE, METRICS, document, le
from cxstream.metrics.samples import SOURCES

ROOT = Path(__file__).parents[2]


def test_the_page_of_the_docs_is_generated():
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == document(), (
        "regenerate: python -c 'from cxstream.metrics.catalogue import document as d; print(d(), end=\"\")'"
        " > docs/metrics.md"
    )


def test_every_metric_has_a_source_and_the_other_way_round():
    assert set(SOURCES) == set(METRICS)
    assert len(METRICS) == len(CATALOGUE)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric):
    assert re.fullmatch(r"cxstream_[a-z_]+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert (metric.kind == "info") == metric.name.endswith("_info")
    assert not metric.unit or metric.name.endswith(f"_{metric.unit}")
    for family in metric.families:
        assert family.help.endswith(".")
        assert not set('\\"\n') & set(family.help)  # so that HELP needs no escaping in either format


def test_labels_follow_the_settings():
    rules = Rules(labels=("priority", "source"), window_labels=())
    names = {name: metric.label_names(rules) for name, metric in METRICS.items()}
    assert names["cxstream_tickets_total"] == ("priority", "source", "flow")
    assert names["cxstream_tickets_window"] == ("window", "flow")
    assert names["cxstream_backlog_oldest_timestamp_seconds"] == ()
    assert names["cxstream_orphan_events"] == ()


def test_no_metric_carries_an_id():
    rules = Rules(labels=("team", "channel", "priority", "source", "kind"))
    assert not {
        label for metric in CATALOGUE for label in metric.label_names(rules) if "id" in label.split("_")
    }


def test_bounds_are_floats():
    assert [le(900), le(0.01), le(432_000)] == ["900.0", "0.01", "432000.0"]
