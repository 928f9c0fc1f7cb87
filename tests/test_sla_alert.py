"""A promise that is broken reaches a person: ticket, silence, deadline, `sla-events`, metrics, alert, notification."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import yaml

from tests.stack import Stack
from tests.stack.receiver import Receiver, text
from tests.stack.stack import fetch
from tests.stream.helpdesk import event, publish, settings_for
from tests.stream.test_sla import now, told

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(300)]

PROMISED = 5_000  # ms until the first reply
SOON = 3_000  # ms that a machine with everything on it may take to notice a breach
LATE = 'sum(cxstream_sla_tickets{policy="desk", target="first_reply", state="breached", team="billing"})'
MISSED = 'sum(cxstream_sla_evaluations_total{policy="desk", target="first_reply", outcome="breached"})'
IN_THE_HOUR = 'sum(cxstream_sla_evaluations_window{window="1h", policy="desk", outcome="breached"})'
POLICY = f"""
version: 1
policies:
  - name: desk
    when: {{}}
    targets: {{first_reply: {PROMISED // 1_000}s}}
"""


@pytest.fixture
def desk(kafka, prefix, tmp_path, tool):
    """A worker under the policy above, whose lists of tickets are open and link to the helpdesk."""
    for name in ("prometheus", "prometheus-alertmanager"):
        tool(name)
    (tmp_path / "policy.yml").write_text(POLICY)
    with Stack(
        tmp_path,
        broker=kafka.address,
        APP=f"{prefix}app",
        TOPIC_PREFIX=prefix,
        SLA_POLICY=str(tmp_path / "policy.yml"),
        TICKET_API="1",
        TICKET_URL="https://desk.example/{source}/tickets/{id}",
    ) as running:
        yield running


def watched(running: Stack, worker: str, receiver: Receiver) -> None:
    """Start Prometheus and Alertmanager on the generated files, but for how long they hold and gather alerts."""
    own = running.folder / "own"
    running.run("rules", "--out", str(own), "--worker", worker, "--notify", receiver.url)
    hasten(own / "prometheus" / "cxstream.rules.yml", {"keep_firing_for": "1s"})
    hasten(own / "alertmanager" / "alertmanager.yml", {"group_wait": "0s", "group_interval": "1s"})
    routes = own / "alertmanager" / "alertmanager.yml"
    running.watch(scrape="1s", rules=own / "prometheus", routes=routes)


def hasten(path: Path, durations: dict[str, str]) -> None:
    """Write other durations into a file, wherever it has some of these names."""

    def changed(part: object) -> object:
        if isinstance(part, list):
            return [changed(each) for each in part]
        if isinstance(part, dict):
            return {name: durations.get(name, changed(value)) for name, value in part.items()}
        return part

    path.write_text(yaml.safe_dump(changed(yaml.safe_load(path.read_text()))))


def test_silence_past_a_deadline_reaches_a_person_and_ends_with_the_reply(desk, kafka, prefix):
    settings = settings_for(kafka.address, prefix)
    with Receiver(quiet=True) as receiver:
        worker = desk.add_worker()
        watched(desk, worker, receiver)
        desk.wait_until("the numbers are complete", lambda: desk.value("cxstream:complete:bool") == 1)
        assert (desk.value(LATE) or 0, desk.value(MISSED) or 0) == (0, 0)

        opened = now()
        asyncio.run(publish(settings, [event("ticket-opened", "T 1", opened, source="acme")]))
        alert = receiver.wait_for("CxTicketsBreachingNow", 120)
        noticed = now()
        assert noticed >= opened + PROMISED
        assert (alert["status"], alert["receiver"]) == ("firing", "support")
        assert alert["labels"] == {
            "alertname": "CxTicketsBreachingNow",
            "component": "sla",
            "severity": "warning",
            "policy": "desk",
            "target": "first_reply",
            "team": "billing",
        }
        read = text("support", alert)
        assert "billing: open tickets are past their first_reply deadline" in read
        assert "run past their deadline: 1. Answer or resolve these tickets first." in read
        assert "docs/runbook.md#cxticketsbreachingnow" in read
        (ticket,) = fetch(alert["annotations"]["tickets_url"])["tickets"]
        assert ticket["ticket_id"] == "T 1"
        assert ticket["url"] == "https://desk.example/acme/tickets/T%201"
        assert (desk.value(LATE), desk.value(MISSED), desk.value(IN_THE_HOUR)) == (1, 1, 1)
        (breach,) = asyncio.run(told(settings, "sla.breached"))
        assert breach["due_at"] == breach["occurred_at"]
        assert breach["elapsed_business_s"] * 1_000 == PROMISED
        assert 0 <= breach["lag_s"] * 1_000 <= SOON
        print(
            f"breached, told after {breach['lag_s']} s, read {noticed - opened - PROMISED} ms late:\n{read}"
        )

        asyncio.run(publish(settings, [event("agent-replied", "T 1", now(), source="acme")]))
        replied = time.monotonic()
        over = receiver.wait_for("CxTicketsBreachingNow", 120, status="resolved")
        print(f"resolved {time.monotonic() - replied:.1f} s after the reply:\n{text('support', over)}")
        assert over["labels"] == alert["labels"]
        assert (desk.value(LATE) or 0, desk.value(MISSED)) == (0, 1)
        assert fetch(alert["annotations"]["tickets_url"])["tickets"] == []
        kinds = [notice["type"] for notice in asyncio.run(told(settings))]
        assert [kinds.count(kind) for kind in ("sla.breached", "sla.met_late", "sla.met")] == [1, 1, 0]
