"""Rules by promtool, routes by amtool; and each rule broken in turn, which a test must notice."""

import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from cxstream.core.calendar import Calendar
from cxstream.core.policy import built_in
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.metrics.catalogue import METRICS
from cxstream.monitoring.alert import Places
from cxstream.monitoring.burn import PeriodError
from cxstream.monitoring.goals import Goal, Goals, Objective, goals_of
from cxstream.monitoring.query import FOREIGN, Query
from cxstream.monitoring.recording import names
from cxstream.monitoring.routes import configuration
from cxstream.monitoring.ruleset import OPERATOR, ROUTES, RULES, documents, groups
from cxstream.settings.policy import load

from .promql import parsed, selectors

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NOW, WEEKS = HERE / "now.test.yml", HERE / "weeks.test.yml"
LINKS = ("tickets_url", "dashboard_url", "runbook_url")
OFFICE = Calendar(
    "office",
    ZoneInfo("Europe/Ljubljana"),
    {**{day: [(480, 720), (780, 1_020)] for day in range(4)}, 4: [(480, 900)]},
    {date(2026, 12, 24): [(480, 720)], date(2026, 12, 25): [], date(2026, 12, 26): [(540, 600)]},
)
GOALS = Goals(
    goals=(
        Goal("standard", "first_reply", HOUR, "office"),
        Goal("standard", "resolution", 3 * DAY, "office"),
        Goal("vip", "first_reply", HOUR // 12),
        Goal("mixed", "first_reply", HOUR, "office"),
        Goal("mixed", "first_reply", HOUR // 12),
    ),
    objectives=(Objective("standard", "first_reply", 0.9), Objective("standard", "resolution", 0.8)),
    calendars=(OFFICE,),
)


def made():
    return groups(Rules(), GOALS, Places())


def rules():
    return [rule for group in made() for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
pytestmark = pytest.mark.prometheus


def promtool(tool, *arguments, cwd=None):
    return subprocess.run(
        [tool("promtool"), *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


def verdict(tool, folder, found, file, alert=None):
    """Run promtool's tests against these groups, without the links of their annotations; `alert`: only its own."""
    content = yaml.safe_load(file.read_text())
    if alert:
        content["tests"] = [
            only for test in content["tests"] if (only := about(alert, test))["alert_rule_test"]
        ]
        found = [{**group, "rules": rules} for group in found if (rules := needed(alert, group))]
    for group in found:
        for rule in group["rules"]:
            for link in LINKS:
                rule.get("annotations", {}).pop(link, None)
    (folder / "cxstream.rules.yml").write_text(yaml.safe_dump({"groups": found}))
    (folder / file.name).write_text(yaml.safe_dump(content))
    return promtool(tool, "test", "rules", file.name, cwd=folder)


def about(alert, test):
    """What a test says of one alert."""
    asked = [each for each in test["alert_rule_test"] if each["alertname"] == alert]
    return {**{key: test[key] for key in ("name", "interval", "input_series")}, "alert_rule_test": asked}


def needed(alert, group):
    """The alert's own rules, and what they may read."""
    recorded = {"cxstream-complete"} | (
        {"cxstream-sla-windows"} if alert == "CxSlaErrorBudgetBurn" else set()
    )
    return [rule for rule in group["rules"] if group["name"] in recorded or rule.get("alert") == alert]


def test_promtool_finds_nothing_to_blame(tool, tmp_path):
    for text in (documents(Rules(), GOALS, Places())[RULES], (ROOT / "deploy" / RULES).read_text()):
        (tmp_path / "rules.yml").write_text(text)
        done = promtool(tool, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("test", [NOW, WEEKS], ids=lambda path: path.name)
def test_the_rules_do_what_they_say(tool, tmp_path, test):
    # 3,000 evaluations of ranges of 30 days would take a minute, and no test of weeks asks for them.
    found = [group for group in made() if test == NOW or "sla" not in group["name"]]
    done = verdict(tool, tmp_path, found, test)
    assert done.returncode == 0, done.stdout + done.stderr


def broken():
    """Each alert with a part changed: it never fires, does not wait, forgets a condition, has a laxer limit."""
    for number, rule in enumerate(ALERTS):
        if rule["labels"].get("target") == "resolution" or rule["labels"].get("long_window", "1h") != "1h":
            continue  # rungs differ in numbers only; the first stands for all
        name, expr = rule["alert"], rule["expr"]
        yield pytest.param(number, {"expr": "vector(0) > 1"}, id=f"{name} never fires")
        if "for" in rule:
            yield pytest.param(number, {"for": None}, id=f"{name} without waiting")
        for found in re.finditer(r"\s+and on \(\) \([^()]*\)|\nand\n[^\n]*(?=\n|\)|$)|\nor\n[^\n]*", expr):
            rest = expr[: found.start()] + expr[found.end() :]
            if rest.count("(") == rest.count(")"):
                yield pytest.param(
                    number, {"expr": rest}, id=f"{name} without {' '.join(found[0].split())[:60]}"
                )
        for found in re.finditer(r"([<>])=? (\d[\d.]*)(?![\d.]| \*)", expr):
            looser = f"{float(found[2]) * (0.1 if found[1] == '>' else 10):g}"
            if float(found[2]):
                rest = expr[: found.start(2)] + looser + expr[found.end(2) :]
                yield pytest.param(number, {"expr": rest}, id=f"{name}: {found[2]} as {looser}")


@pytest.mark.parametrize(("number", "change"), list(broken()))
def test_a_broken_rule_is_noticed(tool, tmp_path, number, change):
    found = made()
    rule = [rule for group in found for rule in group["rules"] if "alert" in rule][number]
    rule.update(change)
    for key in [key for key, value in change.items() if value is None]:
        del rule[key]
    name = rule["alert"]
    done = verdict(tool, tmp_path, found, WEEKS if name in WEEKS.read_text() else NOW, name)
    assert done.returncode != 0, f"no test notices {name} with {change}"
    assert f"alertname: {name}" in done.stdout + done.stderr  # this one has failed, not the file


def test_every_alert_is_verdict():
    text = NOW.read_text() + WEEKS.read_text()
    assert [rule["alert"] for rule in ALERTS if f"alertname: {rule['alert']}" not in text] == []


def test_rules_ask_only_what_there_is():
    known = names(Query(Rules()))
    for rule in rules():
        assert parsed(rule["expr"])
        for series, matchers in selectors(rule["expr"]):
            base = re.sub(r"_(bucket|gsum|gcount)$", "", series)
            assert series in known or series in FOREIGN or base in METRICS, series
            if base in METRICS:
                assert {label for label, _, _ in matchers} <= {*METRICS[base].label_names(Rules()), "le"}


def test_what_hides_incomplete_numbers_is_evaluated_with_every_scrape():
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["global"]
    (group,) = [group for group in made() if group["name"] == "cxstream-complete"]
    assert group["interval"] == scrape["scrape_interval"]


def test_an_alert_has_an_owner_a_text_and_a_section_of_the_runbook():
    sections = re.findall(r"^## (Cx\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sections == list(dict.fromkeys(rule["alert"] for rule in ALERTS))
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["labels"]["component"] in {"sla", "support", "pipeline"}
        notes = rule["annotations"]
        assert notes["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert notes["dashboard_url"].startswith("http://localhost:3000/d/cx-")
        assert len(notes["summary"]) < 120
        assert notes["description"].endswith(".")
        board = notes["dashboard_url"].partition("/d/cx-")[2].partition("?")[0]
        assert (ROOT / "deploy" / "grafana" / "dashboards" / "cxstream" / f"{board}.json").exists()


def test_the_thresholds_of_the_ladder_stop_where_a_share_can_reach_them():
    asked = {
        (rule["labels"]["target"], rule["labels"]["long_window"]): float(
            re.search(r"> ([\d.]+)", rule["expr"])[1]
        )
        for rule in ALERTS
        if rule["alert"] == "CxSlaErrorBudgetBurn"
    }
    assert asked == {
        ("first_reply", "1h"): 0.8, ("first_reply", "6h"): 0.6, ("first_reply", "1d"): 0.3, ("first_reply", "3d"): 0.1,
        ("resolution", "1h"): 0.8, ("resolution", "6h"): 0.8, ("resolution", "1d"): 0.6, ("resolution", "3d"): 0.2,
    }  # fmt: skip


def test_an_objective_too_short_for_the_ladder_is_refused():
    week = Goals(objectives=(Objective("standard", "first_reply", 0.9, period=7 * DAY),))
    with pytest.raises(
        PeriodError, match=r"first_reply of policy standard has a period of 7d.*set it to 30d"
    ):
        groups(Rules(), week, Places())


def test_the_goals_are_those_of_the_policy():
    goals = goals_of(load(ROOT / "deploy" / "sla-policy.yml"))
    # Chat; and one of the working days of which a week has five, whatever their hours.
    assert goals.spans("first_reply") == (HOUR // 30, 7 * DAY // 5)
    assert goals.attainment("resolution") == 0.8
    assert goals.satisfaction.minimum == 0.85
    assert [calendar.name for calendar in goals.calendars] == ["office"]
    first = {goal.calendar for goal in goals.goals if goal.target == "first_reply"}
    assert first == {None, "office"}
    assert goals_of(built_in()).objectives == ()
    assert goals_of(built_in()).spans("resolution")[0] > 0  # nothing is promised: what is usual


def test_the_committed_files_are_the_generated_ones():
    wanted = documents(Rules(), goals_of(load(ROOT / "deploy" / "sla-policy.yml")), Places())
    assert {name: (ROOT / "deploy" / name).read_text() for name in wanted} == wanted, (
        "run CXSTREAM_SLA_POLICY=deploy/sla-policy.yml cxstream rules"
    )


def test_the_operators_rules_are_the_same():
    found = documents(Rules(), GOALS, Places())
    assert yaml.safe_load(found[OPERATOR])["spec"] == yaml.safe_load(found[RULES])


# --------------------------------------------------------------------------------------------------- routes


@pytest.fixture
def routes(tmp_path):
    path = tmp_path / "alertmanager.yml"
    path.write_text(documents(Rules(), GOALS, Places(), "http://localhost:9")[ROUTES])
    return path


def test_amtool_accepts_them(tool, routes):
    for path in (routes, ROOT / "deploy" / ROUTES):
        done = subprocess.run(
            [tool("amtool"), "check-config", path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("component=pipeline severity=critical", "platform"),
        ("component=pipeline severity=warning topic=agent-replied", "platform"),
        ("component=sla severity=critical policy=standard target=first_reply", "support-oncall"),
        ("component=sla severity=critical policy=vip target=first_reply", "support-oncall"),
        ("component=sla severity=warning policy=standard target=resolution", "support"),
        ("component=sla severity=info policy=vip target=first_reply", "support"),
        ("component=support severity=warning team=billing", "support"),
    ],
)
def test_an_alert_reaches_its_owner(tool, routes, labels, receiver):
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={routes}", *labels.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == receiver


def told_at(config, intervals, instant):
    """Whether Alertmanager's intervals hold at an instant, read as its documentation says."""
    for interval in config["time_intervals"]:
        if interval["name"] not in intervals:
            continue
        for each in interval["time_intervals"]:
            local = instant.astimezone(ZoneInfo(each["location"]))
            minute = f"{local.hour:02}:{local.minute:02}"
            dated = "years" not in each or (
                each["years"] == [str(local.year)]
                and each["months"] == [str(local.month)]
                and each["days_of_month"] == [str(local.day)]
            )
            weekly = "weekdays" not in each or local.strftime("%A").lower() in each["weekdays"]
            if dated and weekly and any(t["start_time"] <= minute < t["end_time"] for t in each["times"]):
                return True
    return False


def test_a_policys_alerts_wait_while_its_calendar_is_closed():
    """Minute by minute over Christmas and a change of the clocks, against the calendar itself."""
    config = configuration(GOALS, None)
    (route,) = [
        route
        for route in config["route"]["routes"]
        if 'policy="standard"' in route["matchers"] and 'severity=~"critical"' in route["matchers"]
    ]
    assert 'target=~"first_reply|resolution"' in route["matchers"]
    wrong = []
    for start in (datetime(2026, 12, 21, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
        for step in range(0, 7 * 1_440, 10):
            instant = start + timedelta(minutes=step)
            ms = int(instant.timestamp() * 1_000)
            told = told_at(config, route["active_time_intervals"], instant) and not told_at(
                config, route.get("mute_time_intervals", ()), instant
            )
            if told != bool(OFFICE.elapsed(ms, ms + 60_000)):
                wrong.append(instant.isoformat())
    assert wrong == []


def test_a_clock_that_never_stops_is_told_at_any_hour():
    config = configuration(GOALS, None)
    kept = [route for route in config["route"]["routes"] if "active_time_intervals" in route]
    assert not any('policy="vip"' in route["matchers"] for route in kept)
    assert not any('policy="mixed"' in route["matchers"] for route in kept)
    always = configuration(Goals(), None)
    assert always["time_intervals"] == []
    assert not any("active_time_intervals" in route for route in always["route"]["routes"])
