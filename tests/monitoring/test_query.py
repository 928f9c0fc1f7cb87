"""A query that no worker answers cannot be written."""

import pytest

from cxstream.core.rules import Rules
from cxstream.core.window import parse_windows
from cxstream.monitoring.query import Query, UnknownSeriesError, live

from .promql import parsed, ranged, selectors

FRT = "cxstream_first_response_window_seconds"
QUERY = Query(Rules())
BOARD = Query(Rules(), board=True)


@pytest.mark.parametrize(
    ("name", "matchers", "said"),
    [
        ("cxstream_ticket_backlog", {}, "no series of the catalogue"),
        (FRT, {}, "no series"),  # the parts of a window histogram have suffixes
        ("cxstream_first_response_seconds_gsum", {}, "no series"),
        ("cxstream_backlog_tickets", {"status": "open"}, "no label 'status'"),
        ("cxstream_survey_answers_window", {"priority": "high"}, "no label 'priority'"),
        ("cxstream_backlog_tickets", {"state": "waiting"}, "does not occur"),
        ("cxstream_sla_tickets", {"state": ("breached", "late")}, "state='late' does not occur"),
        ("cxstream_tickets_window", {"window": "5m", "flow": "opened"}, "does not occur"),
        (f"{FRT}_bucket", {"le": "900"}, "does not occur"),  # bounds are floats
        (f"{FRT}_bucket", {"le": "901.0"}, "does not occur"),
        (f"{FRT}_gcount", {"le": "900.0"}, "no label 'le'"),
        ("cxstream_orphan_events", {"topic": "agent-replied"}, "it has none"),
    ],
)
def test_what_no_worker_exposes_is_refused(name, matchers, said):
    with pytest.raises(UnknownSeriesError, match=said):
        QUERY.series(name, **matchers)


def test_a_board_keeps_its_variables_only_where_the_metric_has_the_label():
    def labels(name, **matchers):
        ((_, found),) = selectors(BOARD.series(name, **matchers))
        return [label for label, _, _ in found]

    assert labels("cxstream_backlog_tickets") == ["job", "instance", "team", "channel"]
    assert labels("cxstream_sla_tickets", state="ok") == ["job", "instance", "team", "state"]
    assert labels("cxstream_events_total") == ["job", "instance"]
    assert labels("process_cpu_seconds_total") == ["job", "instance"]


def test_labels_follow_the_settings():
    poor = Query(Rules(labels=("priority",), window_labels=()), board=True)
    assert "team" not in poor.series("cxstream_backlog_tickets")
    assert "team" not in poor.series("cxstream_tickets_window")
    with pytest.raises(UnknownSeriesError, match="no label 'team'"):
        poor.total("cxstream_tickets_window", "flow, team")
    with pytest.raises(UnknownSeriesError, match="no label 'team'"):
        poor.series("cxstream_backlog_tickets", team="billing")


def test_the_nearest_window_is_found_whatever_the_settings():
    rules = Rules(windows=parse_windows("5m/10s,today/15m,24h/15m,30d/6h"))
    near = {span: Query(rules).window_near(span * 3_600_000) for span in (0, 1, 24, 7 * 24, 30 * 24)}
    assert near == {0: "5m", 1: "5m", 24: "24h", 168: "24h", 720: "30d"}


def test_a_value_of_several_is_matched_as_each_of_them():
    series = QUERY.series("cxstream_sla_tickets", state=("at_risk", "breached"))
    assert series == 'cxstream_sla_tickets{state=~"at_risk|breached"}'


def test_the_reader_of_these_tests_sees_every_selector():
    expr = "topk(3, sum by (a) (rate(w[5m])) / (x > 0)) and on () (label_replace(y offset 1w, 'a', '', '', '') or -z)"
    assert [name for name, _ in selectors(expr)] == ["w", "x", "y", "z"]
    assert list(ranged(expr)) == [("w", "rate")]


@pytest.mark.parametrize(
    "expr",
    [
        QUERY.quantile(0.9, FRT, "team", window="1h"),
        QUERY.mean(FRT, "team, channel", window="1h"),
        QUERY.within(900, FRT, window="7d"),
        QUERY.share("cxstream_survey_answers_window", {"category": "positive"}, survey="csat", window="7d"),
        QUERY.rate("cxstream_events_total", "5m", "topic"),
        QUERY.increase("cxstream_tickets_total", "1h", flow="opened"),
    ],
)
def test_the_usual_expressions_are_promql_alone_and_guarded(expr):
    assert parsed(expr)
    assert [name for name, _ in selectors(live(expr))][-1] == "cxstream:complete:bool"
