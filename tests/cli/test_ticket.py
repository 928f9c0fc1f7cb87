"""``cxstream ticket``: why a ticket counts as it does, from a file."""

from __future__ import annotations

import json

from .conftest import TICKET

TWIN = {**TICKET[0], "source": "zendesk/acme"}


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
