"""The benchmarks run and count what they say; none of their times is judged here."""

import json

import pytest

from benchmarks import __main__ as program
from benchmarks import core, delay, events, scrape, throughput
from cxstream.core.event import REQUIRED_TOPICS
from cxstream.core.ledger import Ledger
from cxstream.core.rules import Rules
from cxstream.core.tally import Tally


def positive(found: dict) -> bool:
    """Whether every number in a result is above 0."""
    return all(value > 0 for value in found.values() if isinstance(value, (int, float)))


class TestEvents:
    def test_are_the_same_every_time_and_of_all_topics(self):
        made = list(events.records(2_000))
        assert made == list(events.records(2_000))
        assert len(made) == 2_000
        assert {record.topic for record in made} == set(REQUIRED_TOPICS)

    def test_catching_up_loses_none(self):
        made = list(events.records(3_000))
        assert sorted(core.by_topic(made, 100)) == sorted(made)


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


class TestScrape:
    def test_samples_grow_with_teams_and_not_with_tickets(self):
        few, more, tickets = scrape.measure(((1, 50), (2, 50), (2, 150)), repeats=1)["sizes"]
        assert few["samples"] < more["samples"] == tickets["samples"]
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

    def test_probes_are_seen_beside_traffic(self, kafka, prefix):
        found = delay.measure(kafka.address, (100,), probes=3, each=1, prefix=prefix, warm=0.5)["100/s"]
        assert found["probes"] == 3
        assert found["load"]["events"] > 0
        assert found["shown_ms"]["p50"] >= found["asked_ms"]["p50"]
        assert set(found["visible_when_asked_after_ms"]) == {str(after) for after in delay.AFTER}
        assert "100 ms" in "\n".join(delay.lines({"100/s": found}))


class TestThroughput:
    def test_loop_and_worker_read_the_same_events(self, kafka, prefix):
        found = throughput.measure(kafka.address, 3_000, rounds=1, prefix=prefix)
        assert found["bare"][0]["events"] == 3_000
        assert found["bare"][0]["invalid"] == 0
        assert sum(found["worker"][0]["results"].values()) == 3_000
        assert "invalid" not in found["worker"][0]["results"]
        assert found["ratio"] > 0
        assert "ratio" in "\n".join(throughput.lines(found))


class TestProgram:
    def test_prints_and_writes(self, tmp_path, capsys):
        path = tmp_path / "found.json"
        assert program.main(["core", "--small", "--events", "500", "--json", str(path)]) == 0
        found = json.loads(path.read_text())
        assert found["core"]["events"] == 500
        assert found["machine"]["cores"] and found["machine"]["versions"]["cxstream"]
        assert "µs per event" in capsys.readouterr().out

    def test_refuses_unknown_names(self, capsys):
        with pytest.raises(SystemExit):
            program.main(["speed"])
        assert "speed" in capsys.readouterr().err
