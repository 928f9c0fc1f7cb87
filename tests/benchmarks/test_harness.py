"""The benchmarks run and count what they say; none of their times is judged here."""

import json
import xml.etree.ElementTree as ET
from itertools import islice

import pytest

from benchmarks import __main__ as program
from benchmarks import (
    clocks,
    core,
    delay,
    events,
    fill,
    footprint,
    goals,
    growth,
    hot,
    machine,
    page,
    parts,
    rivals,
    scrape,
    soak,
    state,
    throughput,
    workers,
)
from benchmarks.running import Failed, default_rules
from cxstream.core.event import REQUIRED_TOPICS
from cxstream.core.ledger import Ledger
from cxstream.core.rules import DEFAULT_WINDOWS, Rules
from cxstream.core.tally import Tally

NOW = fill.START


def positive(found: dict) -> bool:
    """Whether every number in a result is above 0."""
    return all(value > 0 for value in found.values() if isinstance(value, (int, float)))


def told(name: str, found: dict) -> str:
    """What page and terminal say of a part's result, which they must be able to."""
    result = {"command": "", "took_seconds": 1.0, "machine": machine.describe(), **found}
    results = {name: result}
    for picture in page.charts(results).values():
        assert ET.fromstring(picture).tag.endswith("svg")
    rows = [row for goal, row in zip(goals.GOALS, goals.table(results)[2:], strict=True) if goal.part == name]
    assert all(("reached" in row or "missed" in row) for row in rows)
    assert "{{" not in page.page(results, page.charts(results))
    return "\n".join([*parts.PARTS[name].lines(result), *rows])


class TestEvents:
    def test_are_the_same_every_time_and_of_all_topics(self):
        made = list(events.records(2_000))
        assert made == list(events.records(2_000))
        assert len(made) == 2_000
        assert {record.topic for record in made} == set(REQUIRED_TOPICS)

    def test_catching_up_loses_none(self):
        made = list(events.records(3_000))
        assert sorted(core.by_topic(made, 100)) == sorted(made)

    def test_of_so_many_tickets(self):
        assert len({record.key for record in footprint.of_tickets(40)}) == 40

    def test_a_hot_ticket_has_the_same_events_as_many(self):
        one, many = list(hot.lives(100, hot=True)), list(hot.lives(100, hot=False))
        assert {record.key for record in one} == {b"1"}
        assert len({record.key for record in many}) == 10
        ledger = Ledger(Rules(), Tally(Rules()), {})
        core.applying(ledger, core.reading_of(one))
        assert ledger.counts.entries == 1
        assert [record.topic for record in one] == [record.topic for record in many]


class TestFill:
    @pytest.mark.parametrize("stories", [fill.open_tickets, fill.resolved_tickets])
    def test_rows_are_those_a_ledger_writes(self, stories):
        stored: dict[bytes, bytes] = {}
        ledger = Ledger(default_rules(), Tally(default_rules()), stored)
        for ticket, story in stories(50):
            for event in story:
                assert ledger.apply(fill.SOURCE, ticket, event, now=NOW, arrived=NOW) != "duplicate"
        ledger.drain()
        assert stored == dict(fill.rows(stories(50), NOW))

    def test_tickets_are_open_and_resolved(self):
        for stories, opened in ((fill.open_tickets, 50), (fill.resolved_tickets, 0)):
            rules = default_rules()
            ledger = Ledger(rules, Tally(rules), dict(fill.rows(stories(50), NOW)))
            assert list(ledger.rebuild(NOW))[-1] == 50
            assert ledger.counts.opened + ledger.counts.reopened - ledger.counts.resolved == opened


class TestCore:
    def test_every_stage_is_measured(self):
        found = core.stages(list(events.records(1_000)), repeats=1)
        assert min(found.values()) >= 0
        assert found["sum_us"] == pytest.approx(
            sum(found[f"{name}_us"] for name in ("reading", "apply", "advance", "drain")), abs=0.01
        )

    def test_an_order_of_delivery_changes_the_cost_and_not_the_answer(self):
        made = list(events.records(2_000))
        totals = []
        for order in (made, list(core.by_topic(made, 500))):
            ledger = Ledger(Rules(), Tally(Rules()), {})
            core.applying(ledger, core.reading_of(order))
            totals.append((ledger.counts, ledger.retained))
        assert totals[0] == totals[1]

    def test_long_tickets(self):
        found = core.long_ticket(200)
        assert all(positive(row) for row in found.values() if isinstance(row, dict))
        assert found["ratio_of_bytes"] < 10  # a fact of the format, not of the machine's mood

    def test_state_is_that_of_the_tickets(self):
        found = core.state(core._open_tickets(300))
        assert found["tickets"] == 300
        assert found["stored_bytes_per_ticket"] > 50

    def test_profiles_name_no_path(self, tmp_path):
        for path in core.profile(500, tmp_path):
            text = path.read_text()
            assert "function calls" in text
            assert str(tmp_path) not in text and "site-packages" not in text

    def test_growth_names_what_grows(self):
        found = growth.measure(300, repeats=1)
        assert set(found["partitions"]) == {"1", "4", "16", "64"}
        assert DEFAULT_WINDOWS in told("growth", found)


class TestScrape:
    def test_samples_grow_with_teams_and_not_with_tickets_or_panes(self):
        sizes = (
            (1, 50, DEFAULT_WINDOWS),
            (2, 50, DEFAULT_WINDOWS),
            (2, 150, DEFAULT_WINDOWS),
            (2, 50, scrape.MANY_PANES),
        )
        few, more, tickets, panes = scrape.measure(sizes, repeats=1)["sizes"]
        assert few["samples"] < more["samples"] == tickets["samples"] == panes["samples"]
        assert panes["panes"] > 5 * more["panes"]
        assert positive(few)


class TestDelay:
    def test_probes_are_counted_by_their_team_and_flow(self):
        body = (
            b"# TYPE cxstream_tickets_total counter\n"
            b'cxstream_tickets_total{team="probes",channel="none",priority="none",flow="opened"} 3\n'
            b'cxstream_tickets_total{team="probes",channel="none",priority="none",flow="resolved"} 2\n'
            b'cxstream_tickets_total{team="billing",channel="none",priority="none",flow="opened"} 9\n'
        )
        assert delay.opened(body) == 3

    def test_a_delay_is_the_age_of_the_newest_probe_shown(self):
        published = [10.0, 10.1, 10.2]
        found = delay._told([delay.Scrape(10.15, 10.25, 2), delay.Scrape(9.0, 9.1, 0)], published)
        assert found["scrapes"] == 1
        assert found["asked_ms"]["p50"] == pytest.approx(50)
        assert found["shown_ms"]["p50"] == pytest.approx(150)

    def test_probes_are_seen_beside_traffic(self, kafka, prefix):
        found = delay.measure(
            kafka.address, (200,), seconds=1, pressed=0.3, warm=0.5, prefix=prefix, compiling=False
        )
        run = found["200/s"]
        assert run["load"]["events"] >= run["load"]["probes"] > 0
        for kind in ("by_name", "realistic", "back_to_back"):
            assert run[kind]["shown_ms"]["p50"] >= run[kind]["asked_ms"]["p50"]
        assert run["samples"] > 1_000
        assert "asked" in "\n".join(delay.lines(found))


class TestThroughput:
    def test_loop_and_worker_read_the_same_events(self, kafka, prefix):
        found = throughput.measure(kafka.address, 3_000, rounds=1, prefix=prefix, peers=(), compiling=False)
        assert found["bare"][0]["events"] == 3_000
        assert found["bare"][0]["invalid"] == 0
        assert sum(found["worker"][0]["results"].values()) == 3_000
        assert "invalid" not in found["worker"][0]["results"]
        assert found["ratio"] > 0
        assert "ratio" in told("throughput", found)

    def test_a_run_is_compared_with_the_loops_beside_it(self):
        def run(events: int, cpu: float) -> dict:
            return {"events_per_second": events, "cpu_us_per_event": cpu}

        ours = throughput._middle([throughput._beside(run(50, 20.0), run(100, 4.0), run(300, 6.0))])
        assert (ours["ratio"], ours["cpu_ratio"]) == (0.25, 0.25)
        theirs = throughput._middle([throughput._beside(run(50, 20.0), run(400, 2.0), run(600, 2.0))])
        found = throughput._compared(theirs, {"worker": ours})
        assert (found["worker_is_faster"], found["worker_needs_less_cpu"]) == (2.5, 2.5)

    def test_a_peer_that_fails_says_why_and_the_others_go_on(self, kafka, prefix, monkeypatch):
        def fails(*_: object) -> dict:
            raise Failed("no luck")

        monkeypatch.setattr(rivals, "run", fails)
        found = throughput.measure(
            kafka.address, 1_000, rounds=2, prefix=prefix, peers=("quix",), compiling=False
        )
        assert found["peers"] == {"quix": {"failed": "no luck"}}
        assert (len(found["worker"]), len(found["bare"])) == (2, 3)


class TestState:
    def test_what_was_written_is_recovered(self, kafka, prefix):
        found = state.measure(kafka.address, 300, 200, 500, prefix=prefix, compiling=False)
        assert found["open"]["tickets"] == 300
        assert found["all"]["recovery"]["tickets"] == 500
        assert (
            found["all"]["stored_bytes_per_resolved_ticket"] > found["open"]["stored_bytes_per_ticket"] > 100
        )
        assert "tickets/s" in told("state", found)


class TestClocks:
    def test_each_waiting_ticket_has_a_clock_and_each_that_is_due_is_told_once(self, kafka, prefix):
        found = clocks.measure(kafka.address, 200, 30, 1_000, prefix=prefix)
        for run in (found["spread"], found["at_once"]):
            assert 0 <= run["noticed_ms"]["p50"] <= run["told_ms"]["p50"]
        assert "clocks run" in told("clocks", found)

    def test_rows_are_those_a_ledger_writes(self):
        stored: dict[bytes, bytes] = {}
        ledger = Ledger(default_rules(), Tally(default_rules()), stored)
        for ticket, story in clocks.waiting(50, NOW):
            ledger.apply(fill.SOURCE, ticket, story[0], now=NOW, arrived=NOW)
        ledger.drain()
        assert stored == dict(fill.rows(clocks.waiting(50, NOW), NOW))


class TestWorkers:
    def test_two_share_the_events(self, kafka, prefix):
        found = workers._run(kafka.address, 2, list(events.records(500)), f"{prefix}workers")
        assert found["events"] == 500
        assert len(found["cpu_seconds_each"]) == 2


class TestSoak:
    def test_tickets_are_forgotten_as_days_go_by(self, kafka, prefix):
        found = soak.measure(kafka.address, seconds=4, rate=700, prefix=prefix)
        assert found["days"] > soak.FULL
        assert sum(found["results"].values()) == 2_800
        most = max(look["tickets"] for look in found["looks"])
        opened = len({record.key for record in events.records(2_800, 2_800 / 4.9 / soak.DAYS)})
        assert most < opened  # those of the first days are gone before the last come
        assert "days" in told("soak", found)

    def test_growth_is_judged_when_all_is_full(self):
        names = ("lag", "files", "answer_ms", "tickets", "cpu_seconds")
        looks = [
            {
                "seconds": day * 10.0,
                "day": day,
                "resident_mb": 100 + max(0, 31 - day) + day,
                **dict.fromkeys(names, 1),
            }
            for day in range(46)
        ]
        full = soak.judged(looks)["full"]
        assert full["mb_per_simulated_day"] == pytest.approx(1.0)
        assert full["growth"] == pytest.approx(14 / 138, abs=1e-4)
        assert soak.judged(looks[:9])["full"] is None


class TestProgram:
    def test_prints_and_writes(self, tmp_path, capsys):
        path = tmp_path / "found.json"
        assert program.main(["growth", "scrape", "--small", "--json", str(path)]) == 0
        found = json.loads(path.read_text())
        assert found["growth"]["events"] == growth.SMALL
        assert found["scrape"]["machine"]["versions"]["cxstream"]
        assert "scrape (2 of 2)" in capsys.readouterr().out

    def test_goes_on_after_a_part_that_fails_and_says_so(self, tmp_path, capsys, monkeypatch):
        def fails(_: str) -> dict:
            raise Failed("no luck")

        monkeypatch.setitem(parts.PARTS, "core", parts.PARTS["core"]._replace(small=fails))
        path = tmp_path / "found.json"
        assert program.main(["core", "growth", "--small", "--json", str(path)]) == 1
        found = json.loads(path.read_text())
        assert found["core"]["failed"] == "no luck"
        assert "windows" in found["growth"]
        assert "failed: core" in capsys.readouterr().err

    def test_gives_up_what_takes_too_long(self):
        with pytest.raises(Failed, match="not done after 1 s"), parts.limited(1):
            for _ in islice(iter(int, 1), 10**10):
                pass

    def test_refuses_unknown_names(self, capsys):
        with pytest.raises(SystemExit):
            program.main(["speed"])
        assert "speed" in capsys.readouterr().err

    def test_small_figures_are_not_written(self, capsys):
        assert program.main(["growth", "--small", "--write"]) == 2
        assert "--write" in capsys.readouterr().err
