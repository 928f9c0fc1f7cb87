"""The whole stack over a real Kafka: each panel has its numbers, tiles equal the snapshot, alerts reach people."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest

from cxstream.core.fleet import together
from cxstream.metrics.samples import SOURCES
from tests.stack import Stack
from tests.stack.panels import BOARDS, evaluate, filled, table
from tests.stack.receiver import Receiver, text

ROOT = Path(__file__).parents[1]
MISSING = [name for name, source in SOURCES.items() if getattr(source, "__name__", "") == "not_yet"]
POLICY = str(ROOT / "deploy" / "sla-policy.yml")
pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(420)]


@pytest.fixture
def stack(kafka, prefix, tmp_path, tool):
    for name in ("prometheus", "prometheus-alertmanager"):
        tool(name)

    def make(**settings):
        return Stack(
            tmp_path,
            broker=kafka.address,
            APP=f"{prefix}app",
            TOPIC_PREFIX=prefix,
            SLA_POLICY=POLICY,
            **settings,
        )

    return make


def test_every_panel_has_its_numbers_and_the_tiles_equal_the_snapshot(stack):
    # On the event clock nothing moves once the events are applied; all of them count as new.
    with stack(CLOCK="event", LIVE_LAG="30d") as running:
        for _ in range(2):
            running.add_worker()
        running.wait_until("the workers have their partitions", running.complete)
        running.watch(scrape="1s")
        running.wait_until("the first scrape is there", lambda: running.value("cxstream:complete:bool") == 1)
        published = 0
        for seed in ("1", "2"):  # in two goes: a counter that was never scraped before has not risen
            options = ("--days", "2", "--tickets", "3000", "--seed", seed, "--source", f"desk-{seed}")
            published += json.loads(running.run("simulate", *options, "--json"))["events"]
            running.wait_until("all is applied", lambda number=published: running.applied() == number)
            seen = f"sum(cxstream_events_total) == {published}"
            running.wait_until("Prometheus has seen it", lambda seen=seen: bool(running.ask(seen)))
        running.wait_until("the rules have too", lambda: running.value("cxstream:complete:bool") == 1)

        rows = list(evaluate(running.prometheus))
        print(table(rows))
        assert [row for row in rows if row.error] == []
        silent = [row for row in rows if not row.values and not waits_for_a_metric(row)]
        assert silent == []
        assert len(rows) > 100
        compare_tiles(running, together(running.snapshots()))


def waits_for_a_metric(row):
    """Whether the query asks for what no worker exposes yet."""
    names = [*MISSING, *(["policy_target_team:"] if "cxstream_sla_evaluations_total" in MISSING else [])]
    return any(name in row.expr for name in names)


def compare_tiles(running, told):
    """The headline numbers, as Prometheus gives them for the board, against the sum of the workers' snapshots."""
    board = json.loads((BOARDS[0].parent / "overview.json").read_text())
    variables = board["templating"]["list"]
    (window,) = [each["current"]["value"] for each in variables if each["name"] == "window"]
    asked = {
        (panel["title"], target["legendFormat"]): filled(target["expr"], variables)
        for panel in board["panels"]
        for target in panel.get("targets", ())
    }
    shown, csat = told["windows"][window], told["windows"]["7d"]["csat"]
    expected = {
        ("Open", "open"): told["tickets"]["open"],
        ("Waiting for a first reply", "waiting"): told["tickets"]["awaiting_first_reply"],
        ("First response", "half within"): shown["first_response"]["p50_seconds"],
        ("First response", "90 % within"): shown["first_response"]["p90_seconds"],
        ("Resolution", "half within"): shown["resolution"]["p50_seconds"],
        ("Resolution", "90 % within"): shown["resolution"]["p90_seconds"],
        ("Opened, resolved", "opened"): shown["opened"],
        ("Opened, resolved", "resolved"): shown["resolved"],
        ("CSAT, 7d", "satisfied"): csat["ratio"],
        ("CSAT, 7d", "answers"): csat["answers"],
        ("Complete", "numbers are"): 1,
    }
    found = {tile: running.value(asked[tile]) for tile in expected}
    # Percentiles are interpolated in the same buckets, by Prometheus and by us; a snapshot gives whole milliseconds.
    rounding = {True: 0.000_501, False: 1e-9}
    assert found == {
        tile: pytest.approx(value, rel=1e-6, abs=rounding[tile[1].endswith("within")])
        for tile, value in expected.items()
    }
    oldest = min(row["oldest"] for row in told["backlog"] if row["oldest"])
    age = running.value(asked["Oldest open", "age"])
    assert math.isclose(time.time() - age, instant(oldest), abs_tol=2)


def instant(text):
    from cxstream.core.instant import parse_instant

    return parse_instant(text) / 1_000


def test_a_worker_killed_hides_the_numbers_and_tells_a_person(stack, tmp_path):
    with Receiver(quiet=True) as receiver, stack() as running:
        first, second = running.add_worker(), running.add_worker()
        running.wait_until("the workers have their partitions", running.complete)
        options = ("--worker", first)
        running.run("rules", "--out", str(tmp_path / "own"), *options, "--notify", receiver.url)
        running.watch(scrape="1s", routes=tmp_path / "own" / "alertmanager" / "alertmanager.yml")
        running.run("simulate", "--days", "1", "--tickets", "50")
        open_now = "sum(cxstream_backlog_tickets) and on () (cxstream:complete:bool == 1)"
        running.wait_until("the numbers are shown", lambda: bool(running.ask(open_now)))
        running.workers.pop(second).kill()
        running.wait_until("the numbers are hidden", lambda: not running.ask(open_now))
        running.wait_until("the other has all partitions", running.complete)
        running.wait_until("the numbers are shown again", lambda: bool(running.ask(open_now)))
        alert = receiver.wait_for("CxWorkerDown", 150)
        assert alert["receiver"] == "platform"
        assert alert["status"] == "firing"
        read = text("platform", alert)
        assert f"Worker {second.removeprefix('http://')} cannot be scraped" in read
        assert "Its partitions go to the others" in read
        assert "docs/runbook.md#cxworkerdown" in read
