"""Encrypted, with passwords, certificates and access rights, on a broker that lets nobody do anything else."""

import asyncio
import re
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cxstream.settings import Settings
from cxstream.stream import topics
from cxstream.stream.policies import remembered
from cxstream.stream.worker import Worker, WorkerFailedError
from tests.kafka import obstacle
from tests.kafka.secured import PASSWORD, Right, SecuredBroker
from tests.stream.helpdesk import NOW, SESSION, caught_up, event, publish, records_of, until

pytestmark = pytest.mark.broker

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| ([A-Z_]+) \| `([\w*-]+)` \| ([A-Z]+) \|", re.MULTILINE)
APP = "cxstream"  # the rights are written down for the default names
PATIENCE = 90.0


def documented() -> list[Right]:
    """The table in `docs/operations.md`, row by row."""
    return [
        Right(resource, operation, name.removesuffix("*"), "PREFIXED" if name.endswith("*") else "LITERAL")
        for resource, name, operation in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    ]


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    if reason := obstacle():
        pytest.skip(f"no real Kafka: {reason}")
    with SecuredBroker(tmp_path_factory.mktemp("secured")) as broker:
        asyncio.run(topics.create(open_settings(broker)))
        asyncio.run(remembered(open_settings(broker)))
        broker.allow("worker", *documented())
        yield broker


def open_settings(broker) -> Settings:
    """Those of the administrator."""
    return Settings(brokers=(broker.address,), clock="event")


def settings_of(broker, way: str, **more: object) -> Settings:
    return Settings(**{**broker.environment(way), "clock": "event", **more})


@asynccontextmanager
async def running(settings: Settings):
    async with Worker(settings, session=SESSION) as worker:
        yield worker


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM-SHA-512", "clear", "TLS"])
async def test_a_worker_with_the_documented_rights_works(secured, way):
    """An event, a refused one, state written and read back, a clock told: everything a worker ever does."""
    settings, administrator = settings_of(secured, way), open_settings(secured)
    name = f"{way}-{time.monotonic_ns()}"
    async with running(settings) as worker:
        await until(lambda: worker.ready() is None, PATIENCE)
        await caught_up(worker)  # with what another test may have left
        before = worker.tally.results["ticket-opened", "applied"]
        await publish(administrator, [event("ticket-opened", name, NOW, channel="email")])
        await publish(administrator, [("agent-replied", name.encode(), b"no JSON of " + name.encode())])
        await caught_up(worker)
        assert worker.tally.results["ticket-opened", "applied"] == before + 1
        found = [ledger.ticket("default", name) for ledger in worker.ledgers().values()]
        assert sum(ticket is not None for ticket in found) == 1
    letters = await records_of(administrator, administrator.dead_letters_topic)
    assert [row.key for row in letters if row.value == b"no JSON of " + name.encode()] == [name.encode()]
    rows = await records_of(administrator, administrator.changelog_topic)
    assert any(name.encode() in row.key for row in rows)
    notices = await records_of(administrator, administrator.sla_events_topic)
    assert name.encode() in {row.key for row in notices}


RIGHTS = documented()


def words(right: Right) -> str:
    """How a worker names it."""
    what = {
        "TOPIC": "topic",
        "GROUP": "consumer group",
        "TRANSACTIONAL_ID": "transactional ids that begin with",
    }
    return f"on the {what[right.resource]} {right.name}"


def test_the_document_names_every_topic_and_nothing_else():
    wanted = {topic.name for topic in topics.wanted(Settings())}
    assert {right.name for right in RIGHTS if right.resource == "TOPIC"} == wanted
    assert len(RIGHTS) == 12


@pytest.mark.parametrize(
    "right", [right for right in RIGHTS if right.name not in {"agent-replied", "ticket-resolved"}], ids=str
)
async def test_a_worker_with_one_right_less_names_it_and_goes_on_when_it_is_given(secured, right, tmp_path):
    settings = settings_of(secured, "PLAIN", **new_policy(tmp_path, right))
    secured.forbid("worker", right)
    try:
        async with running(settings) as worker:
            if right == Right("TOPIC", "WRITE", settings.changelog_topic):
                await until(lambda: worker.ready() is None, PATIENCE)
                await publish(open_settings(secured), [event("ticket-opened", str(time.monotonic_ns()), NOW)])
                with pytest.raises(WorkerFailedError, match=f"lacks the right READ and WRITE {words(right)}"):
                    await asyncio.wait_for(worker.run_forever(), PATIENCE)
                return
            await until(lambda: "lacks the right" in str(worker.ready()), PATIENCE)
            said = str(worker.ready())
            assert right.operation in said
            assert right.name in said
            assert worker.alive()
            secured.allow("worker", right)
            await until(lambda: worker.ready() is None, PATIENCE)
    finally:
        secured.allow("worker", right)


def new_policy(folder: Path, right: Right) -> dict[str, Path]:
    """A setting that makes a worker remember a policy, where that is what it may not do."""
    if (right.operation, right.name) != ("WRITE", Settings().policies_topic):
        return {}
    path = folder / "policy.yml"
    targets = f"{{first_reply: {time.monotonic_ns() % 10**8 + 1}s}}"
    path.write_text(f"version: 1\npolicies:\n  - name: standard\n    when: {{}}\n    targets: {targets}\n")
    return {"sla_policy": path}


@pytest.mark.parametrize("way", ["taken away", "only to see"])
async def test_the_right_to_tell_of_clocks_is_missed_when_one_is_to_be_told(secured, way):
    """In the transaction that would have stored the ticket: so nothing of it is stored, and nothing lost."""
    settings, administrator = settings_of(secured, "PLAIN"), open_settings(secured)
    right, seen = (
        Right("TOPIC", operation, settings.sla_events_topic) for operation in ("WRITE", "DESCRIBE")
    )
    name = f"{way}-{time.monotonic_ns()}"
    async with running(settings) as worker:
        await until(lambda: worker.ready() is None, PATIENCE)
        secured.forbid("worker", right)
        if way == "only to see":
            secured.allow("worker", seen)
        try:
            await publish(administrator, [event("ticket-opened", name, NOW, channel="email")])
            with pytest.raises(WorkerFailedError, match=f"lacks the right WRITE on the topic {right.name}"):
                await asyncio.wait_for(worker.run_forever(), PATIENCE)
        finally:
            secured.allow("worker", right)
    async with running(settings) as worker:
        await until(lambda: worker.ready() is None, PATIENCE)
        await caught_up(worker)
    notices = await records_of(administrator, administrator.sla_events_topic)
    assert [row.key for row in notices].count(name.encode()) == 1


async def told(settings: Settings) -> str:
    async with running(settings) as worker:
        await until(lambda: worker.ready() not in {None, "starting"}, PATIENCE)
        return str(worker.ready())


async def test_a_stranger_is_told_so_and_no_secret_is(secured, tmp_path, capfd):
    wrong = tmp_path / "password"
    wrong.write_text("not-this-one")
    said = await told(settings_of(secured, "SCRAM-SHA-512", sasl_password_file=wrong))
    assert "does not accept the user: correct CXSTREAM_SASL_USERNAME, CXSTREAM_SASL_PASSWORD" in said
    out = "".join(capfd.readouterr())
    for secret in ("not-this-one", PASSWORD, "worker"):
        assert secret not in said
        assert secret not in out.replace("worker  ", "").replace("cxstream.stream.worker", "")


async def test_a_certificate_of_somebody_else_is_refused(secured):
    other = secured.certificates.folder / "stranger.pem"
    said = await told(settings_of(secured, "PLAIN", ssl_cafile=other))
    assert "shows a certificate that is not trusted" in said
    assert "CXSTREAM_SSL_CAFILE" in said


async def test_tls_where_there_is_none_is_told(secured):
    said = await told(settings_of(secured, "TLS", brokers=(secured.address,)))
    assert "TLS" in said
    assert "CXSTREAM_SECURITY_PROTOCOL" in said


async def test_a_host_that_is_none_is_told():
    said = await told(Settings(brokers=("broker.invalid:9092",)))
    assert "broker.invalid:9092 is no known host" in said


async def test_without_a_certificate_of_ours_a_broker_that_wants_one_does_not_answer(secured):
    said = await told(settings_of(secured, "TLS", ssl_certfile=None, ssl_keyfile=None))
    assert "client's certificate" in said or "TLS" in said
