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


def test_a_period(run, events) -> None:
    path = events(*TICKET)
    whole = json.loads(run("report", path, "--json", "--from", "2026-03-02T08:30:00Z", "--by", "team").stdout)
    period = whole["period"]
    assert (period["from"], period["to"]) == ("2026-03-02T08:30:00Z", "2026-03-02T10:00:00Z")
    assert (period["opened"], period["resolved"]) == (0, 1)
    assert (period["first_response"]["count"], period["resolution"]["sum_seconds"]) == (0, 3_600)
    assert period["csat"]["answers"] == whole["csat"]["answers"] == 1
    assert whole["first_response"]["count"] == 1
    assert whole["by"]["team"]["billing"]["first_response"]["count"] == 0
    text = run("report", path, "--from", "2026-03-02T08:30:00Z").stdout
    assert "2026-03-02T08:30:00Z to 2026-03-02T10:00:00Z" in text


def test_a_period_is_half_open_and_in_local_time(run, events) -> None:
    path = events(*TICKET)  # opened at nine in Rome, resolved at ten, answered at eleven

    def of(*args: str) -> tuple[int, int, int]:
        told = json.loads(run("report", path, "--json", "--tz", "Europe/Rome", *args).stdout)["period"]
        return told["opened"], told["resolved"], told["csat"]["answers"]

    assert of("--from", "2026-03-02T09:00", "--to", "2026-03-02T10:00") == (1, 0, 0)
    assert of("--from", "2026-03-02T10:00", "--to", "2026-03-02T11:00") == (0, 1, 0)
    assert of("--from", "2026-03-02", "--to", "2026-03-03") == (1, 1, 1)
    assert of("--from", "2026-03-02T08:00:00Z", "--to", "1772442000") == (1, 0, 0)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "name a FILE of events or give --kafka"),
        (["FILE", "--kafka"], "name a FILE of events or give --kafka"),
        (["FILE", "--at", "0", "--to", "0"], "--at and --to both say where the report ends"),
        (["FILE", "--from", "2026-03-03", "--to", "2026-03-02"], "--from 2026-03-03 is not before the end"),
        (["FILE", "--from", "noon"], "--from 'noon' is no instant"),
        (["FILE", "--tz", "Rome"], "'Rome' is no time zone"),
    ],
)
def test_wrong_usage(run, events, args, told) -> None:
    path = events(*TICKET)
    result = run("report", *[path if arg == "FILE" else arg for arg in args])
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_of_kafka(run, kafka, prefix, events, monkeypatch) -> None:
    monkeypatch.setenv("CXSTREAM_BROKERS", kafka.address)
    monkeypatch.setenv("CXSTREAM_TOPIC_PREFIX", prefix)
    result = run("report", "--kafka")
    assert result.exit_code == 1
    assert "is missing: create it with: cxstream topics create" in result.stderr
    path = events(*TICKET)
    for command in (["topics", "create"], ["replay", path]):
        assert run(*command).exit_code == 0
    args = ("--json", "--from", "2026-03-02", "--by", "team")
    told = run("report", "--kafka", *args)
    assert json.loads(told.stdout) == json.loads(run("report", path, *args).stdout)
    assert told.stderr == ""


def test_sla_targets_and_open_hours(run, events, tmp_path, monkeypatch) -> None:
    policy = tmp_path / "sla.yml"
    policy.write_text(
        "version: 1\n"
        'calendars: {office: {timezone: Europe/Ljubljana, hours: {mon: ["09:02-17:00"]}}}\n'
        "policies: [{name: all, first_reply: 2m, resolution: 8h}]\n"
    )
    monkeypatch.setenv("CXSTREAM_SLA_POLICY", str(policy))
    answer = json.loads(run("report", events(*TICKET), "--json").stdout)
    assert answer["sla"]["all"]["first_reply"]["breached"] == 1
    assert answer["first_response_business"]["sum_seconds"] == 180  # 09:00 to 09:05, open from 09:02 on
    shown = run("report", events(*TICKET)).stdout
    assert "all: first_reply" in shown
    assert "first response, open hours" in shown


def test_without_a_policy_what_customers_expect_of_a_channel_holds(run, events) -> None:
    answer = json.loads(run("report", events(*TICKET), "--json").stdout)
    assert answer["sla"].keys() == {"default"}
    assert "first_response_business" not in answer
