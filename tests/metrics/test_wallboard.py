"""The wallboard of a snapshot: what is shown, bounded, with nothing left to calculate."""

import re
from importlib.resources import files

from cxstream.cli import screen
from cxstream.core.event import AgentReplied
from cxstream.core.policy import PolicyHistory, built_in
from cxstream.core.rules import Rules
from cxstream.core.snapshot import snapshot
from cxstream.metrics.board import promised
from cxstream.metrics.definitions import DEFINITIONS
from cxstream.metrics.wallboard import ROWS, wallboard

from .observed import MINUTE, NOON, Worker, busy, late


def told(worker):
    return snapshot(list(worker.owned.values()), worker.rules, worker.clock)


def test_a_table_has_the_rows_with_most_open_tickets_in_the_order_of_their_names():
    worker = Worker()
    for team in range(ROWS + 10):
        for number in range(team % 3 + 1):
            worker.opens(f"{team}-{number}", NOON - MINUTE, team=f"team {team:02}")
    table = wallboard(told(worker))["team"]
    names = [row["name"] for row in table["rows"]]
    assert len(names) == ROWS
    assert names == sorted(names)
    assert table["more"] == 10
    least = min(row["open"] for row in table["rows"])
    left_out = {
        f"team {team:02}": team % 3 + 1 for team in range(ROWS + 10) if f"team {team:02}" not in names
    }
    assert max(left_out.values()) <= least


def test_rows_of_one_label_are_the_sum_over_the_others():
    worker = busy(Worker(), tickets=60)
    board = wallboard(told(worker))
    for label in ("team", "channel"):
        for window, whole in board["windows"].items():
            rows = [row["windows"].get(window) for row in board[label]["rows"]]
            for flow in ("opened", "resolved", "reopened"):
                assert sum(row[flow] for row in rows if row) == whole[flow]
            for measure in ("first_response", "response", "resolution"):
                assert sum(row[measure]["n"] for row in rows if row) == whole[measure]["n"]
            assert sum(row["csat"]["answers"] for row in rows if row) == whole["csat"]["answers"]
        assert sum(row["open"] for row in board[label]["rows"]) == board["open"]


def test_ages():
    worker = Worker()
    worker.opens("old", NOON - 26 * 60 * MINUTE, opened_by="agent")
    worker.opens("waits", NOON - 7 * MINUTE)
    worker.opens("ahead", NOON + MINUTE)
    board = wallboard(told(worker))
    assert (board["longest"], board["oldest"], board["aged"]) == (7 * 60, 26 * 3_600, 1)
    assert (board["open"], board["awaiting"], board["in_progress"]) == (3, 2, 1)


def test_of_nothing():
    board = wallboard(told(Worker(rules=Rules())))
    assert (board["longest"], board["oldest"], board["open"], board["team"], board["sla"]) == (
        None,
        None,
        0,
        None,
        None,
    )
    assert board["windows"]["1h"]["first_response"] == {"n": 0, "p50": None, "p90": None}


def test_service_targets_are_the_clocks_that_run_and_what_was_judged_in_each_window():
    worker = late(Worker(), tickets=40)
    worker.fire(NOON + 12 * MINUTE)
    for name in ("T-000", "T-001", "T-020"):
        worker.apply(name, AgentReplied(at=NOON + 12 * MINUTE, event_id="r"))
    worker.lives("old", at=NOON - 26 * 60 * MINUTE)
    worker.fire(NOON + 12 * MINUTE)
    for ledger in worker.owned.values():
        ledger.advance(worker.clock)
    board = wallboard(told(worker))
    running = board["sla"]["targets"]["first_reply"]
    # Due NOON + 5 m each: three were late, two of them are answered; at risk from an hour before.
    assert running == {"ok": 24, "at_risk": 12, "breached": 1}
    assert (board["sla"]["at_risk"], board["sla"]["breached"]) == (12, 1)
    for ledger in worker.owned.values():
        assert all(count >= 0 for count in ledger.clocks.values())
    hour, week = (board["windows"][name]["targets"]["first_reply"] for name in ("1h", "7d"))
    assert (hour["met"], hour["breached"], hour["met_late"], hour["attainment"]) == (1, 3, 2, 0.25)
    assert (week["met"], week["breached"]) == (2, 3)


def test_what_the_policies_allow():
    assert promised(None) == {}
    assert promised(PolicyHistory(built_in())) == {"first_reply": [120, 86_400]}
    assert promised(Worker().rules.policies)["resolution"] == [144_000, 144_000]


def test_every_number_that_is_shown_has_a_definition():
    script = (files("cxstream.metrics") / "static" / "show.js").read_text()
    named = set(re.findall(r'\b(?:term|title)\("(\w+)"', script))
    columns = set(re.findall(r'"(\w+)"', re.search(r"const COLUMNS = (.*);", script)[1]))
    times = set(re.findall(r'"(\w+)"', re.search(r"const TIMES = (.*);", script)[1]))
    tiles = set(re.findall(r'\["(\w+)", (?:numeral|span)\(', script))
    assert len(named) > 3 and len(columns) > 3 and len(times) == 3 and len(tiles) == 7
    assert {*named, *columns, *times, *tiles, *screen._TILES} <= DEFINITIONS.keys()
    assert len({one.title for one in DEFINITIONS.values()}) == len(DEFINITIONS)
    assert all(one.text.endswith(".") and len(one.text) < 300 for one in DEFINITIONS.values())
