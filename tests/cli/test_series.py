"""The worst-case number of series: what labels and windows multiply to."""

from __future__ import annotations

from cxstream.cli.series import worst_case
from cxstream.core.pane import BOUNDS
from cxstream.metrics.catalogue import CATALOGUE
from cxstream.settings import load


def test_every_metric_is_there() -> None:
    assert set(worst_case(load())) == {metric.name for metric in CATALOGUE}


def test_products() -> None:
    settings = load(teams=["billing", "sales"], window_labels=["team"], labels=["team", "channel"])
    series = worst_case(settings)
    teams, channels, windows, buckets = 2 + 2, 7 + 1, 4, len(BOUNDS) + 3
    assert series["cxstream_first_response_window_seconds"] == teams * windows * buckets
    assert series["cxstream_first_response_seconds"] == teams * channels * buckets
    assert series["cxstream_tickets_window"] == teams * windows * 3
    assert series["cxstream_survey_answers_window"] == teams * windows * 9
    assert series["cxstream_survey_score_window"] == teams * windows * (5 + 11 + 7 + 3 * 3)
    assert series["cxstream_topic_partitions"] == 4
    assert series["cxstream_orphan_events"] == 1


def test_unnamed_teams_count_as_many_as_may_be_shown() -> None:
    series = worst_case(load(max_label_values=10, labels=["team"], window_labels=[]))
    assert series["cxstream_backlog_tickets"] == (10 + 2) * 2
    assert series["cxstream_tickets_window"] == 4 * 3
