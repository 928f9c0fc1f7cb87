"""What the tests of the command line share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

Run = Callable[..., Result]

TICKET = [
    {"topic": "ticket-opened", "ticket_id": "T-1", "occurred_at": "2026-03-02T08:00:00Z", "team": "billing"},
    {"topic": "agent-replied", "ticket_id": "T-1", "occurred_at": "2026-03-02T08:05:00Z", "event_id": "r1"},
    {"topic": "agent-replied", "ticket_id": "T-1", "occurred_at": "2026-03-02T08:05:00Z", "event_id": "r1"},
    {"topic": "agent-replied", "ticket_id": "T-1", "occurred_at": "2026-03-02T08:06:00Z", "author": "bot"},
    {"topic": "ticket-resolved", "ticket_id": "T-1", "occurred_at": "2026-03-02T09:00:00Z", "event_id": "s1"},
    {
        "topic": "survey-answered",
        "ticket_id": "T-1",
        "occurred_at": "2026-03-02T10:00:00Z",
        "survey": "csat",
        "score": 5,
    },
]
"""A ticket from its opening to the survey, with a duplicate and a bot's reply: six events, one too many."""
OTHER = {"topic": "invoices", "ticket_id": "T-1", "occurred_at": "2026-03-02T08:00:00Z"}
BROKEN = {"topic": "ticket-opened", "ticket_id": "T-2", "occurred_at": "yesterday"}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CXSTREAM_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def run() -> Run:
    """Run a command line; the result has ``exit_code``, ``stdout`` and ``stderr``."""
    from cxstream.cli.program import program

    def invoke(*args: object, input: str | bytes | None = None) -> Result:  # noqa: A002 - the runner's
        return CliRunner().invoke(program, [str(arg) for arg in args], input=input)

    return invoke


@pytest.fixture
def events(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of events."""

    def write(*rows: dict[str, Any]) -> Path:
        path = tmp_path / "events.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        return path

    return write
