"""``cxstream topics`` and ``cxstream check``: what they make of what the broker says."""

from __future__ import annotations

import json

import pytest

from cxstream.core.placement import Placement
from cxstream.stream import sample, topics
from cxstream.stream.topics import Finding

OK = Finding("ticket-opened", "ok", "4 partitions, 1 replicas")
MISSING = Finding("agent-replied", "missing", "source", "cxstream topics create")
WRONG = Finding("ticket-resolved", "mismatch", "8 partitions", "set CXSTREAM_PARTITIONS=8")


@pytest.fixture
def broker(monkeypatch):
    """A broker that answers with the findings given."""

    def answer(*findings: Finding, placed: list[Placement] | None = None) -> None:
        async def look(_: object) -> list[Finding]:
            return list(findings)

        async def sampled(_: object) -> list[Placement]:
            return placed or []

        monkeypatch.setattr(topics, "check", look)
        monkeypatch.setattr(topics, "create", look)
        monkeypatch.setattr(sample, "placements", sampled)

    return answer


@pytest.mark.parametrize("command", ["check", "create"])
def test_good_topics(run, broker, command) -> None:
    broker(OK, Finding("agent-replied", "created"))
    result = run("topics", command)
    assert result.exit_code == 0
    assert "ticket-opened" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["check", "create"])
@pytest.mark.parametrize("finding", [MISSING, WRONG])
def test_bad_topics_are_a_no(run, broker, command, finding) -> None:
    broker(OK, finding)
    result = run("topics", command, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["topics"][1]["state"] == finding.state
    assert finding.topic in result.stderr
    assert finding.remedy in result.stderr
    assert result.stderr.count("\n") == 1


def test_check_prints_everything(run, broker, monkeypatch) -> None:
    broker(OK)
    monkeypatch.setenv("CXSTREAM_TEAMS", "billing,sales")
    monkeypatch.setenv("CXSTREAM_TIMEZONE", "Europe/Rome")
    result = run("check")
    assert result.exit_code == 0
    for text in (
        "TIMEZONE",
        "Europe/Rome",
        "CXSTREAM_TEAMS",
        "ticket-opened",
        "Series of one worker",
        "Fingerprint",
    ):
        assert text in result.stdout


def test_check_json(run, broker, monkeypatch) -> None:
    broker(OK)
    monkeypatch.setenv("CXSTREAM_TEAMS", "billing,sales")
    answer = json.loads(run("check", "--json").stdout)
    assert answer["settings"]["live_lag"] == "1h"
    assert answer["origins"]["teams"] == "CXSTREAM_TEAMS"
    assert answer["broker"] == {"reachable": True, "trouble": None}
    assert answer["series"]["total"] == sum(answer["series"]["by_metric"].values())
    assert answer["warnings"] == []


def test_check_masks_secrets(run, broker, monkeypatch) -> None:
    broker(OK)
    for name, value in {
        "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SASL_MECHANISM": "PLAIN",
        "SASL_USERNAME": "anna-the-user",
        "SASL_PASSWORD": "s3cret",
    }.items():
        monkeypatch.setenv(f"CXSTREAM_{name}", value)
    for args in (["check"], ["check", "--json"]):
        result = run(*args)
        assert result.exit_code == 0
        assert "s3cret" not in result.output
        assert "anna" not in result.output
        assert "********" in result.output


def test_check_warns_of_missing_topics_and_fails_for_wrong_ones(run, broker) -> None:
    broker(OK, MISSING)
    result = run("check")
    assert result.exit_code == 0
    assert "warning: topics are missing: agent-replied: cxstream topics create" in result.stderr
    broker(OK, WRONG)
    result = run("check")
    assert result.exit_code == 1
    assert "set CXSTREAM_PARTITIONS=8" in result.stderr


def test_check_warns_of_too_many_series(run, broker, monkeypatch) -> None:
    broker(OK)
    monkeypatch.setenv("CXSTREAM_MAX_LABEL_VALUES", "5000")
    assert "CXSTREAM_TEAMS" in run("check").stderr


def test_check_warns_of_a_policy_without_its_topics(run, broker, monkeypatch, tmp_path) -> None:
    broker(OK)
    policy = tmp_path / "sla.yml"
    policy.write_text(
        "version: 1\n"
        "calendars: {always: {timezone: UTC, always_open: true}}\n"
        "defaults: {calendar: always}\n"
        "policies: [{name: all, when: {}, targets: {first_reply: {target: 1h}}}]\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("CXSTREAM_SLA_POLICY", str(policy))
    monkeypatch.setenv("CXSTREAM_TEAMS", "billing")
    result = run("check")
    assert "customer-replied, ticket-updated" in result.stderr
    row = next(line for line in result.stdout.splitlines() if "first_reply" in line)
    assert row.split() == ["all", "always", "first_reply", "any", "any", "1h", "always", "-", "45m"]
    assert '"seconds": 3600.0' in run("check", "--json").stdout


@pytest.mark.parametrize("args", [["check"], ["topics", "check"], ["topics", "create"], ["ticket", "T-1"]])
def test_a_broker_that_is_away_is_one_line(run, monkeypatch, args) -> None:
    monkeypatch.setenv("CXSTREAM_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("CXSTREAM_TEAMS", "billing")
    result = run(*args)
    assert result.exit_code == 1
    assert "error: 127.0.0.1:1 refuses connections" in result.stderr
    assert "CXSTREAM_BROKERS" in result.stderr
    assert result.stderr.count("\n") == 1


def test_check_names_topic_and_remedy_of_misplaced_records(run, broker) -> None:
    placed = [
        Placement("ticket-opened", "ok", 200, 0, "murmur2"),
        Placement("agent-replied", "other", 200, 150, "crc32"),
        Placement("ticket-resolved", "mixed", 100, 7, None),
        Placement("survey-answered", "empty", 0, 0, None),
    ]
    broker(OK, placed=placed)
    result = run("check", "--json")
    assert result.exit_code == 0
    told = {each["topic"]: each for each in json.loads(result.stdout)["placement"]}
    assert told["agent-replied"]["misplaced"] == 150
    assert "partitioner=murmur2_random" in told["agent-replied"]["remedy"]
    replied, resolved = result.stderr.splitlines()
    assert replied.startswith("warning: agent-replied: 150 of the last 200 records lie in another partition")
    assert "librdkafka (confluent-kafka, kcat, .NET, Go): partitioner=murmur2_random" in replied
    for client in ("librdkafka", "Java", "kafkajs", "sarama"):
        assert client in resolved
    assert "Placement of keys" in run("check").stdout
