"""``cxstream report``: JSON, tables, rows of tickets, and what is said beside them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from .conftest import BROKEN, OTHER, TICKET

DATA = Path(__file__).parents[1] / "data"


def test_json(run, events) -> None:
    result = run("report", events(*TICKET, BROKEN, OTHER), "--json", "--by", "team")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["events"] == {"total": 6, "duplicate": 1, "orphan": 0, "negative": 0, "invalid": 1}
    assert answer["first_response"]["mean_seconds"] == 300
    assert answer["by"]["team"]["billing"]["resolved"] == 1
    assert result.stderr.splitlines() == [
        "1 invalid lines left out (1 bad_time): `cxstream validate` says why each",
        "1 lines of other topics skipped (1 invoices)",
    ]


def test_as_of_an_instant(run, events) -> None:
    path = events(*TICKET)
    for instant in ("2026-03-02T09:04:59+01:00", "1772438699"):
        answer = json.loads(run("report", path, "--json", "--at", instant).stdout)
        assert answer["at"] == "2026-03-02T08:04:59Z"
        assert answer["tickets"]["awaiting_first_reply"] == 1
        assert answer["events"]["total"] == 1


def test_standard_input_and_gzip(run, events, tmp_path) -> None:
    plain = events(*TICKET)
    zipped = tmp_path / "events.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    answers = [
        run("report", plain, "--json").stdout,
        run("report", zipped, "--json").stdout,
        run("report", "-", "--json", input=plain.read_bytes()).stdout,
        run("report", "-", "--json", input=zipped.read_bytes()).stdout,
    ]
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["tickets"]["opened"] == 1


def test_table(run, events) -> None:
    result = run("report", events(*TICKET), "--by", "channel")
    assert result.exit_code == 0
    for text in (
        "As of 2026-03-02T10:00:00",
        "Tickets",
        "first response",
        "5m",
        "CSAT",
        "100.0%",
        "By channel",
        "none",
    ):
        assert text in result.stdout


def test_settings_reach_the_calculation(run, events, monkeypatch) -> None:
    monkeypatch.setenv("CXSTREAM_WINDOWS", "2h/1m,today/15m")
    answer = json.loads(run("report", events(*TICKET), "--json").stdout)
    assert list(answer["windows"]) == ["2h", "today"]


def test_rows_as_csv(run, events) -> None:
    result = run("report", events(*TICKET), "--tickets", "csv")
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert row["ticket_id"] == "T-1"
    assert row["first_response_seconds"] == "300.0"


def test_rows_as_json_lines(run, events) -> None:
    result = run("report", events(*TICKET), "--tickets", "jsonl")
    (row,) = map(json.loads, result.stdout.splitlines())
    assert (row["state"], row["duplicate"]) == ("resolved", 1)


@pytest.mark.parametrize("form", [[], ["--json"], ["--tickets", "csv"], ["--tickets", "jsonl"]])
def test_nothing_to_report(run, events, form) -> None:
    result = run("report", events(), *form)
    assert result.exit_code == 0
    assert result.stderr == ""
