"""What all tests share: hypothesis' profiles, the brokers, and one line on what was left out."""

import os
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka
import hypothesis
import pytest

from tests.kafka import RealBroker, obstacle

# A loaded machine is slow, which is no fault of the code under test.
_PATIENT = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("ci", max_examples=200, derandomize=False, print_blob=True, **_PATIENT)
hypothesis.settings.register_profile("deep", max_examples=20_000, print_blob=True, **_PATIENT)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

REQUIRED = os.environ.get("CXSTREAM_REQUIRE_KAFKA") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the real broker, so that `-m "not broker"` leaves it out."""
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.broker)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBroker]:
    """The real broker that tests share; a test that stops or kills one starts its own `RealBroker`.

    Names of topics and groups start with the fixture `prefix`, so that tests do not meet.
    """
    if reason := obstacle():
        if REQUIRED:
            pytest.fail(f"CXSTREAM_REQUIRE_KAFKA=1, but {reason}", pytrace=False)
        pytest.skip(f"no real Kafka: {reason}")
    with RealBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def mock_kafka() -> Iterator[str]:
    """The address of an embedded broker, librdkafka's, for this test alone.

    A topic appears on first use with 4 partitions. Memory only; the oldest data goes beyond 5 MiB or
    100,000 batches per partition. It has no CreateTopics, compaction, TLS, SASL or real transactions.
    """
    mock = confluent_kafka.Producer(
        {"test.mock.num.brokers": 1, "bootstrap.servers": "unused", "log_level": 0}
    )
    broker = next(iter(mock.list_topics(timeout=5).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del mock  # the broker lives as long as the producer does


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Finds a program: `tool("promtool")` is its path; skips the test where it is missing, fails it in CI."""

    def find(name: str) -> str:
        here = Path(sys.executable).parent  # programs of the venv, activated or not
        if path := shutil.which(name, path=os.pathsep.join([str(here), os.environ.get("PATH", "")])):
            return path
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed, and CI must have it (.ci/run)", pytrace=False)
        pytest.skip(f"{name} is not installed")

    return find


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A prefix for names of topics, groups and apps that no other test uses: `test-name-1a2b3c4d-`."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    return f"{name}-{uuid.uuid4().hex[:8]}-"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line on the broker tests that were skipped, and why."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "broker" in report.keywords]
    if skipped:
        reasons = {str(r.longrepr[2] if isinstance(r.longrepr, tuple) else r.longrepr) for r in skipped}
        why = "; ".join(sorted(reason.removeprefix("Skipped: ") for reason in reasons))
        files = ", ".join(sorted({report.location[0] for report in skipped}))
        terminalreporter.write_line(f"{len(skipped)} broker tests skipped in {files}: {why}", yellow=True)
