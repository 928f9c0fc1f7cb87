"""The page of figures: what it says of parts that failed or are missing, its arithmetic, and that it is up to date."""

import json
import random
import sys
import xml.etree.ElementTree as ET

import pytest

from benchmarks import chart, goals, page, parts, sizing
from benchmarks.rivals import JOBS, MOST, NAMES

FIGURES = sizing.Figures(
    us_per_event=50,
    events_per_ticket=5,
    base_bytes=80e6,
    open_bytes=400,
    resolved_bytes=600,
    open_stored=200,
    resolved_stored=300,
    written_per_event=150,
    recovered_per_second=50_000,
    samples=20_000,
)


class TestPage:
    def test_is_what_the_results_say(self):
        results = json.loads(page.RESULTS.read_text())
        drawn = page.charts(results)
        assert page.PAGE.read_text() == page.page(results, drawn), "python -m benchmarks.page"
        for name, picture in drawn.items():
            assert (page.IMAGES / f"{name}.svg").read_text() == picture, "python -m benchmarks.page"

    def test_has_a_place_for_every_part(self):
        text = page.TEMPLATE.read_text()
        assert [name for name in parts.PARTS if name != "growth" and f"{{{{part:{name}}}}}" not in text] == []

    def test_says_which_part_failed_and_why(self):
        about = {
            "date": "2026-03-02",
            "cores": 2,
            "processor": "X",
            "python": "3",
            "load_before": 0,
            "versions": {},
        }
        results = {"hot": {"failed": "too hot\nmore", "machine": about, "took_seconds": 1, "command": ""}}
        text = page.page(results, {})
        assert "| the benchmark failed: too hot | missed |" in text
        assert "not measured: `python -m benchmarks scrape`" in text
        assert "{{" not in text

    def test_every_goal_belongs_to_a_part(self):
        assert {goal.part for goal in goals.GOALS} <= set(parts.PARTS)


class TestSizing:
    def test_a_small_helpdesk_needs_one_worker(self):
        found = sizing.size(1_000, FIGURES)
        assert (found.workers, found.partitions) == (1, 4)
        assert found.memory_each == pytest.approx(80e6 + 2_400 * 400 + 30_000 * 600)

    def test_workers_follow_what_runs_out_first(self):
        busy = sizing.size(1_000_000, FIGURES._replace(us_per_event=50_000))
        assert busy.workers == pytest.approx(
            1_000_000 * 5 / 86_400 * sizing.PEAK * 50_000e-6 / sizing.BUSY, abs=1
        )
        full = sizing.size(1_000_000, FIGURES)
        assert full.workers == 3  # 19 GB of tickets
        assert full.partitions == 8

    def test_the_table_has_readable_units(self):
        text = "\n".join(sizing.table([sizing.size(each, FIGURES) for each in (1_000, 100_000_000)]))
        assert "TB" in text and "MB" in text

    def test_nothing_is_made_of_nothing(self):
        assert sizing.figures({}) is None


class TestChart:
    def test_bars_are_as_long_as_their_values(self):
        picture = ET.fromstring(chart.bars("T & T", [chart.Bar("a", 1, "1"), chart.Bar("b", 2, "2")]))
        widths = [float(each.get("width")) for each in picture.iter() if each.tag.endswith("rect")]
        assert widths[1] == pytest.approx(2 * widths[0])

    def test_lines_keep_to_their_frame(self):
        picture = ET.fromstring(chart.lines("T", [chart.Series("a", [(0, 0), (5, 7), (10, 3)])], "x", "y"))
        (line,) = [each for each in picture.iter() if each.tag.endswith("polyline")]
        points = [tuple(map(float, each.split(","))) for each in line.get("points").split()]
        assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)[:1] + [
            y for _, y in points[1:]
        ]
        assert all(0 <= x <= chart.WIDTH and 0 <= y <= 300 for x, y in points)


class TestPeers:
    @pytest.fixture
    def job(self, monkeypatch):
        monkeypatch.syspath_prepend(str(JOBS))
        sys.modules.pop("job", None)
        import job

        yield job
        sys.modules.pop("job", None)

    def test_measure_the_same_whatever_comes_first(self, job):
        def event(topic: str, minute: int, **more: object) -> dict:
            value = {
                "ticket_id": 7,
                "occurred_at": f"2026-03-02T10:{minute:02}:00Z",
                "team": "a",
                "channel": "web",
                **more,
            }
            return job.read(topic, json.dumps(value).encode())

        story = [
            event("ticket-opened", 0),
            event("agent-replied", 5, waiting_since="2026-03-02T10:00:00Z"),
            event("agent-replied", 9, waiting_since="2026-03-02T10:07:00Z"),
            event("agent-replied", 8, public=False),
            event("ticket-resolved", 20),
            event("survey-answered", 30),
        ]
        expected = {
            ("a/web/first_response", 5),
            ("a/web/response", 5),
            ("a/web/response", 2),
            ("a/web/resolution", 20),
        }
        for seed in range(20):
            order = random.Random(seed).sample(story, len(story))
            if order.index(story[1]) > order.index(story[2]):
                continue  # a measurement once given out is not taken back: the job is the smaller one
            state: dict = {}
            found = [each for one in [*order, *order] for each in job.learn(state, one)]
            assert len(found) == len(expected)
            assert {(each["key"], each["ms"] // 60_000) for each in found} == expected

    def test_each_has_its_program(self):
        assert all((JOBS / f"{name}_job.py").is_file() for name in NAMES)
        assert set(MOST) == set(NAMES)
