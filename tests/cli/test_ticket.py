"""``cxstream ticket``: why a ticket counts as it does, from a file."""

from __future__ import annotations

import json

from .conftest import TICKET

TWIN = {**TICKET[0], "source": "zendesk/acme"}
PHONE = {**TICKET[0], "channel": "phone"}
POLICY = """
version: 1
calendars: {office: {timezone: UTC, hours: {mon: ["07:00-17:00"]}}}
defaults: {calendar: office}
policies: [{name: office, when: {}, targets: {first_reply: 3m, resolution: 40h}}]
"""


def test_json(run, events) -> None:
    result = run("ticket", "T-1", "--file", events(*TICKET), "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["ticket_id"], answer["state"], answer["team"]) == ("T-1", "resolved", "billing")
    assert [event["stands"] for event in answer["events"]].count(False) == 1
    (response,) = (m for m in answer["events"][1]["completes"] if m["what"] == "first_response")
    assert response["seconds"] == 300


def test_text(run, events) -> None:
    result = run("ticket", "T-1", "--file", events(*TICKET))
    assert result.exit_code == 0
    for text in ("Ticket T-1", "the opening", "ignored", "first_response", "5m", "team billing"):
        assert text in result.stdout


def test_as_of_an_instant(run, events) -> None:
    result = run("ticket", "T-1", "--file", events(*TICKET), "--json", "--at", "2026-03-02T08:00:00Z")
    assert json.loads(result.stdout)["state"] == "awaiting_first_reply"


def test_an_id_in_two_sources_needs_a_choice(run, events) -> None:
    path = events(*TICKET, TWIN)
    result = run("ticket", "T-1", "--file", path)
    assert result.exit_code == 2
    assert "default, zendesk/acme: choose one with --source" in result.stderr
    result = run("ticket", "T-1", "--file", path, "--source", "zendesk/acme", "--json")
    assert json.loads(result.stdout)["source"] == "zendesk/acme"


def test_a_ticket_that_is_not_there(run, events) -> None:
    path = events(*TICKET)
    for args in (["T-9"], ["T-1", "--at", "2020-01-01T00:00:00Z"], ["T-1", "--source", "zendesk/acme"]):
        result = run("ticket", *args, "--file", path)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1


def test_sla_clocks_as_of_the_last_event_of_the_file(run, events) -> None:
    later = {"topic": "ticket-opened", "ticket_id": "T-2", "occurred_at": "2026-03-02T12:00:00Z"}
    answer = json.loads(run("ticket", "T-1", "--file", events(PHONE, later), "--json").stdout)
    assert answer["as_of"] == "2026-03-02T12:00:00.000Z"
    (clock,) = answer["sla"]
    assert (clock["policy"], clock["target"], clock["state"]) == ("default", "first_reply", "breached")
    assert (clock["due_at"], clock["breached_at"]) == ("2026-03-02T08:04:00.000Z",) * 2
    assert (clock["elapsed_business_s"], clock["running"], clock["warned_at"]) == (
        4 * 3_600,
        True,
        ["2026-03-02T08:03:00.000Z"],
    )


def test_sla_clocks_as_of_an_instant(run, events) -> None:
    path = events(PHONE)
    for at, state in (("08:03:00", "ok"), ("08:03:30", "at_risk"), ("08:04:01", "breached")):
        answer = json.loads(
            run("ticket", "T-1", "--file", path, "--json", "--at", f"2026-03-02T{at}Z").stdout
        )
        assert [clock["state"] for clock in answer["sla"]] == [state]


def test_sla_clocks_for_people(run, events, tmp_path, monkeypatch) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    monkeypatch.setenv("CXSTREAM_SLA_POLICY", str(policy))
    shown = run("ticket", "T-1", "--file", events(*TICKET)).stdout
    assert "SLA clocks, as of 2026-03-02T10:00:00.000Z" in shown
    (reply,) = (line for line in shown.splitlines() if "first_reply 3m" in line)
    for text in ("office", "2026-03-02T08:03:00Z", "met late", "5m"):
        assert text in reply
    (resolution,) = (line for line in shown.splitlines() if "resolution 40h" in line)
    assert resolution.split()[-4:] == ["met", "1h", "1h", "-"]


def test_without_a_target_there_are_no_clocks(run, events) -> None:
    result = run("ticket", "T-1", "--file", events(*TICKET))
    assert "SLA clocks" not in result.stdout
    assert json.loads(run("ticket", "T-1", "--file", events(*TICKET), "--json").stdout)["sla"] == []
