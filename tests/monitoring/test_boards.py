"""The boards: what Grafana's linter asks, what its model knows, and what the house asks of a number."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from cxstream.core.rules import Rules
from cxstream.metrics.catalogue import METRICS
from cxstream.monitoring.boards import documents
from cxstream.monitoring.goals import goals_of
from cxstream.monitoring.query import COMPLETE, FOREIGN, Query
from cxstream.monitoring.recording import names
from cxstream.settings.policy import load

from .promql import parsed, ranged, selectors, windows

GRID = 24  # columns
FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "cxstream"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
each_panel = pytest.mark.parametrize("panel", PANELS)
RECORDED = names(Query(Rules()))
# Instant numbers say how much in a fixed time; bars and comparisons of weeks need hours. All else follows the step.
FIXED_RANGES = {"15m", "1h"}


def metric_of(series):
    """The metric of the catalogue that a series belongs to, or None."""
    for suffix in ("", "_bucket", "_gsum", "_gcount", "_sum", "_count"):
        if series.endswith(suffix) and (found := METRICS.get(series.removesuffix(suffix))):
            return found
    return None


def test_the_five_boards_are_there():
    assert set(BOARDS) == {"overview", "sla", "groups", "surveys", "pipeline"}


@each_board
def test_grafanas_own_model_knows_every_word_of_it(board):
    """What it does not know it would drop, what it misses it would refuse."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    assert json.loads(JSONEncoder().encode(Dashboard.from_json(board))) == board
    assert board["schemaVersion"] == 42


@each_board
def test_it_is_found_and_cannot_be_edited(board):
    assert re.fullmatch(r"cx-[a-z]+", board["uid"])
    assert board["editable"] is False
    assert "Generated" in board["description"]
    assert len({other["uid"] for other in BOARDS.values()}) == len(BOARDS)


@each_board
def test_its_variables_are_those_of_the_linter_and_used(board):
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert list(variables)[:3] == ["datasource", "job", "instance"]
    source = variables["datasource"]
    assert (source["type"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")
    for name, variable in variables.items():
        if variable["type"] == "query":
            assert variable["label"].lower() == name
            assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".+")
            assert variable["refresh"] == 2  # when the range of time changes
            assert variable["datasource"]["uid"] == "${datasource}"
            assert re.fullmatch(rf"label_values\((.*), {name}\)", variable["query"])
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(board)))
    assert set(variables) == {name for name in used if not name.startswith("__")}


@each_board
def test_no_panel_lies_on_another(board):
    taken = Counter(
        (x, y)
        for panel in board["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    assert max(taken.values()) == 1
    assert max(x for x, _ in taken) < GRID
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@each_panel
def test_each_number_is_framed(panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["noValue"] == "no data"
    assert defaults["thresholds"]["steps"][0]["value"] is None
    assert len(panel["description"]) > 20
    assert panel["description"].endswith(".")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


@each_panel
def test_colour_is_never_alone(panel):
    defaults = panel["fieldConfig"]["defaults"]
    colours = {step["color"] for step in defaults["thresholds"]["steps"]}
    for mapping in defaults.get("mappings", ()):
        for result in mapping["options"].values():
            assert result["text"]
            colours.add(result["color"])
    assert colours <= {"blue", "orange", "dark-red", "text"}  # apart for who sees red and green alike
    if panel["type"] == "stat":
        assert panel["options"]["textMode"] == "value_and_name"
    if panel["type"] == "timeseries":
        assert panel["options"]["legend"]["displayMode"] == "table"


@each_panel
def test_its_queries_are_promql_and_ask_what_there_is(panel):
    for target in panel["targets"]:
        assert parsed(target["expr"])
        for series, matchers in selectors(target["expr"]):
            if series in RECORDED:
                continue
            metric = metric_of(series)
            assert metric or series in FOREIGN, series
            labels = {label for label, _, _ in matchers}
            assert {"job", "instance"} <= labels, f"{series} ignores the variables"
            if metric:
                known = {*metric.label_names(Rules()), "le", "job", "instance"}
                assert labels <= known, series  # a matcher on another label matches nothing
                assert {"team", "channel"} & known <= labels, f"{series} ignores the variables"


@each_panel
def test_live_numbers_are_hidden_while_partitions_are_unserved(panel):
    for target in panel["targets"]:
        asked = [series for series, _ in selectors(target["expr"])]
        metrics = [metric for series in asked if (metric := metric_of(series))]
        if any(metric.group == "live" for metric in metrics):
            assert target["expr"].endswith(f" and on () ({COMPLETE} == 1)")
            assert asked[-1] == COMPLETE


@each_panel
def test_a_number_of_now_is_asked_of_now(panel):
    """Of a range, a stat would go on to show the last value before a partition was lost."""
    if panel["type"] in {"stat", "bargauge", "table"}:
        assert all(target.get("instant") and not target.get("range") for target in panel["targets"])


@each_panel
def test_counters_are_only_asked_how_fast_they_rise(panel):
    for target in panel["targets"]:
        functions = dict(ranged(target["expr"]))
        for series, _ in selectors(target["expr"]):
            metric = metric_of(series)
            if metric and metric.kind in {"counter", "histogram"}:
                assert functions[series] in {"rate", "increase"}
        for width in windows(target["expr"]):
            assert width == "$__rate_interval" or width in FIXED_RANGES


def test_windows_and_thresholds_are_those_of_the_settings():
    from cxstream.core.window import parse_windows
    from cxstream.monitoring.goals import Goal, Goals, Satisfaction

    rules = Rules(windows=parse_windows("30m/1m,30d/6h"))
    goals = Goals(goals=(Goal("p", "first_reply", 120_000),), satisfaction=Satisfaction(minimum=0.7))
    overview = json.loads(documents(rules, goals)["overview.json"])
    (window,) = [each for each in overview["templating"]["list"] if each["name"] == "window"]
    assert window["query"] == "30m,30d"
    panels = {panel["title"]: panel for panel in overview["panels"]}
    steps = panels["First response"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 120, 120]
    steps = panels["CSAT, 30m"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [
        (None, "dark-red"), (0.7, "orange"), (0.76, "blue"),
    ]  # fmt: skip


def test_the_committed_boards_are_the_generated_ones():
    goals = goals_of(load(FOLDER.parents[2] / "sla-policy.yml"))
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == documents(Rules(), goals), (
        "run CXSTREAM_SLA_POLICY=deploy/sla-policy.yml cxstream dashboards"
    )


def test_the_documentation_names_every_board_and_every_recorded_number():
    text = (FOLDER.parents[3] / "docs" / "monitoring.md").read_text()
    assert [board["uid"] for board in BOARDS.values() if f"`{board['uid']}`" not in text] == []
    stems = {re.sub(r"(ratio_rate|increase)\d+\w$", r"\1…", name) for name in RECORDED}
    assert [stem for stem in stems if f"`{stem}`" not in text] == []
