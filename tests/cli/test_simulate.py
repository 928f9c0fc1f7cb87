"""``cxstream simulate``: files that repeat, and what does not go together."""

from __future__ import annotations

import gzip
import json

import pytest

END = "2026-03-02T00:00:00Z"
SMALL = ["simulate", "--days", "1", "--tickets", "30", "--until", END]


def test_a_file_is_the_same_for_the_same_seed(run, tmp_path) -> None:
    first, second, third = (tmp_path / name for name in ("1.jsonl", "2.jsonl", "3.jsonl"))
    for path, seed in ((first, 7), (second, 7), (third, 8)):
        result = run(*SMALL, "--seed", seed, "--to", path)
        assert result.exit_code == 0
        assert result.stdout.endswith(f" events to {path}\n")
    assert first.read_bytes() == second.read_bytes() != third.read_bytes()


def test_gzip_is_the_same_too(run, tmp_path) -> None:
    plain, zipped, again = tmp_path / "e.jsonl", tmp_path / "e.jsonl.gz", tmp_path / "f.jsonl.gz"
    for path in (plain, zipped, again):
        assert run(*SMALL, "--to", path).exit_code == 0
    assert gzip.decompress(zipped.read_bytes()) == plain.read_bytes()
    assert zipped.read_bytes() == again.read_bytes()


def test_standard_output_holds_events_only(run) -> None:
    result = run(*SMALL, "--source", "zendesk/acme", "--json", "--to", "-")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["source"] for row in rows} == {"zendesk/acme"}
    told = json.loads(result.stderr)
    assert told["events"] == len(rows) == sum(told["by_topic"].values())
    assert set(told["by_topic"]) <= {"ticket-opened", "agent-replied", "ticket-resolved", "survey-answered"}


def test_optional_topics_are_those_of_the_settings(run, monkeypatch) -> None:
    monkeypatch.setenv("CXSTREAM_OPTIONAL_TOPICS", "customer-replied")
    rows = [json.loads(line) for line in run(*SMALL, "--to", "-").stdout.splitlines()]
    topics = {row["topic"] for row in rows}
    assert "customer-replied" in topics
    assert "ticket-updated" not in topics


def test_a_report_can_read_it(run) -> None:
    events = run(*SMALL, "--to", "-").stdout
    answer = json.loads(run("report", "-", "--json", input=events).stdout)
    assert 0 < answer["tickets"]["opened"] <= 30


@pytest.mark.parametrize(
    "args",
    [
        ["--live", "--to", "-"],
        ["--live", "--until", END],
        ["--live", "--speed", "2"],
        ["--days", "0"],
        ["--speed", "2", "--to", "-"],
        ["--until", "soon"],
        ["--to", "/nowhere/x.jsonl"],
        ["--tickets", "0"],
    ],
)
def test_what_does_not_go_together(run, args) -> None:
    result = run("simulate", *args)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
