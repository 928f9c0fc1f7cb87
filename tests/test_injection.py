"""What publishers write, read back from a worker's paths: no field can forge a sample, a line or a series."""

import json
import subprocess

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cxstream.metrics import application, serve
from cxstream.stream import topics
from cxstream.stream.worker import Worker
from tests.stream.helpdesk import NOW, event, publish, settings_for, until

HOSTILE = (
    'billing"} 1\ncxstream_backlog_tickets{team="forged',
    "a\nb",
    "a\rb",
    "back\\slash",
    "\\",
    '\\"',
    'quote"',
    "# HELP forged x",
    "# EOF",
    "{}",
    "a=b,c=d",
    "\u2028",
    "\u202egnillib",
    "\x00",
    "\x1b[31mred",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "{{ $labels.team }}",
    "'; drop table tickets; --",
    "../../etc/passwd",
    "ünïcödé 🎫",
)
TEAMS = 10_000


@pytest.fixture
async def told(kafka, prefix):
    """The text of /metrics and the JSON of /api/snapshot, after all of it."""
    settings = settings_for(kafka.address, prefix)
    sent = [event("ticket-opened", f"h{n}", NOW, team=name) for n, name in enumerate(HOSTILE)]
    for field in (
        "channel",
        "priority",
        "source",
        "kind",
        "tags",
        "agent_id",
        "customer_id",
        "event_id",
        "opened_by",
    ):
        for n, name in enumerate(HOSTILE):
            value = [name] if field == "tags" else name
            row = event("ticket-opened", f"{field}{n}", NOW, **{field: value})
            sent.append((row[0], f"{name}/{field}{n}".encode(), row[2]) if field == "source" else row)
    sent.append(event("ticket-opened", "huge", NOW, team="x" * 900_000))
    sent += [event("ticket-opened", f"t{n}", NOW, team=f"team {n}") for n in range(TEAMS)]
    await topics.create(settings)
    async with Worker(settings) as worker:
        await publish(settings, sent)
        await until(lambda: worker.tally.results.total() == len(sent), 120)
        runner, port = await serve(application(worker, settings), "127.0.0.1", 0)
        async with aiohttp.ClientSession() as session:
            bodies = []
            for path in ("/metrics", "/api/snapshot"):
                async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    assert answer.status == 200
                    bodies.append(await answer.text())
        await runner.cleanup()
        applied = sum(count for (_, result), count in worker.tally.results.items() if result != "invalid")
    return bodies[0], json.loads(bodies[1]), applied


def promtool(path: str, metrics: str) -> tuple[int, bytes]:
    checked = subprocess.run(
        [path, "check", "metrics"], input=metrics.encode(), capture_output=True, check=False
    )
    return checked.returncode, checked.stdout + checked.stderr


async def test_nothing_is_forged_and_nothing_is_missing(told, tool):
    metrics, snapshot, applied = told
    assert promtool(tool("promtool"), metrics) == (0, b"")
    found = [sample for family in text_string_to_metric_families(metrics) for sample in family.samples]
    assert all(sample.name.startswith(("cxstream_", "process_", "python_")) for sample in found)
    assert not [
        line for line in metrics.splitlines() if line.startswith("cxstream") and "forged" in line[:30]
    ]
    teams = {sample.labels["team"] for sample in found if sample.name == "cxstream_backlog_tickets"}
    assert len(teams) <= 52
    assert "forged" not in teams
    opened = sum(sample.value for sample in found if sample.name == "cxstream_backlog_tickets")
    assert opened == snapshot["tickets"]["open"] == applied
    assert len(metrics) < 4_000_000
    assert max(len(team) for team in teams) <= 200
