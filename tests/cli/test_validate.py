"""``cxstream validate``: a verdict for each line."""

from __future__ import annotations

import json

import pytest

from cxstream.cli.validate import counts_as
from cxstream.core.event import AgentReplied, CustomerReplied, Opened, Resolved, SurveyAnswered, Updated

from .conftest import BROKEN, OTHER, TICKET


def test_json_lines(run, events) -> None:
    result = run("validate", "--json", events(*TICKET, BROKEN, OTHER))
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert len(verdicts) == 8
    first = verdicts[1]
    assert first["identity"] == {
        "source": "default",
        "topic": "agent-replied",
        "ticket_id": "T-1",
        "event_id": "r1",
    }
    assert first["key"] == "T-1"
    assert 0 <= first["partition"] < 4
    assert first["counts_as"].startswith("qualifying reply")
    assert verdicts[2]["duplicate_of_line"] == 2
    assert verdicts[3]["counts_as"] == "no qualifying reply (by bot): labels"
    assert len(verdicts[3]["identity"]["event_id"]) == 32
    assert verdicts[6]["valid"] is False
    assert verdicts[6]["reason"] == "bad_time"
    assert verdicts[7]["skipped"]
    assert "1 invalid" in result.stderr
    assert result.stderr.count("\n") == 1


def test_text(run, events) -> None:
    result = run("validate", events(*TICKET, BROKEN, OTHER))
    assert result.exit_code == 1
    assert [line.split()[1] for line in result.stdout.splitlines()] == [
        "valid", "valid", "duplicate", "valid", "valid", "valid", "INVALID", "skipped",
    ]  # fmt: skip


def test_all_valid(run, events) -> None:
    result = run("validate", events(*TICKET))
    assert result.exit_code == 0
    assert result.stderr == "5 valid, 1 duplicate\n"


def test_the_partition_depends_on_their_number(run, events, monkeypatch) -> None:
    monkeypatch.setenv("CXSTREAM_PARTITIONS", "1")
    result = run("validate", "--json", events(TICKET[0]))
    assert json.loads(result.stdout)["partition"] == 0


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            Opened(at=0, event_id="e"),
            "opening by customer; of a known ticket a reopening if it is resolved, else labels",
        ),
        (AgentReplied(at=0, event_id="e", public=False), "no qualifying reply (not public): labels"),
        (
            Resolved(at=0, event_id="e"),
            "resolution (solved); of a resolved ticket after an implied reopening",
        ),
        (
            Resolved(at=0, event_id="e", outcome="spam", automatic=True),
            "resolution (spam): makes the ticket void; of a resolved ticket a confirmation without effect",
        ),
        (SurveyAnswered(at=0, event_id="e", survey="nps", score="6"), "nps answer: detractor"),
        (CustomerReplied(at=0, event_id="e"), "customer's message: starts a wait if none runs"),
        (
            Updated(at=0, event_id="e", status="pending", human_since=0),
            "status pending, a hand-off to a human, labels",
        ),
        (Updated(at=0, event_id="e"), "labels"),
    ],
)
def test_what_an_event_counts_as(event, told) -> None:
    assert counts_as(event) == told
