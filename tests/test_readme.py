"""The README does what it says: its publishers are run as they stand, its links and commands exist."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cxstream.core.partitioner import partition_of
from cxstream.core.reading import read
from cxstream.stream import topics
from tests.stream.helpdesk import records_of, settings_for

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FAR = 2**62  # any time is early enough


def block(language: str, containing: str) -> str:
    found = [
        text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text
    ]
    assert len(found) == 1, f"{len(found)} blocks of {language} with {containing!r}"
    return found[0]


@pytest.fixture
def here(kafka, prefix):
    """Settings, and a function that has a text of the README speak of the test's broker and topics."""
    settings = settings_for(kafka.address, prefix)
    asyncio.run(topics.create(settings))

    def adapted(text: str) -> str:
        assert "localhost:9092" in text
        text = text.replace("localhost:9092", kafka.address)
        return re.sub(
            r"\b(ticket-opened|agent-replied|ticket-resolved|survey-answered)\b", rf"{prefix}\1", text
        )

    return settings, adapted


def published(settings, topic):
    """What lies in a topic, as events; each must have the right key in the right partition."""
    found = []
    for record in asyncio.run(records_of(settings, settings.topic_name(topic))):
        message = read(topic, record.value, record.key, latest=FAR)
        assert record.partition == partition_of(record.key, settings.partitions)
        found.append(message)
    return found


def test_the_publisher_in_python(here):
    settings, adapted = here
    subprocess.run(
        [sys.executable, "-W", "error", "-c", adapted(block("python", "AIOKafkaProducer"))], check=True
    )
    for topic in settings.topics:
        (message,) = published(settings, topic)
        assert message.ticket_id == "T-1001"
    assert len(block("python", "AIOKafkaProducer").split("\n\n\n")[1].splitlines()) <= 20


def test_the_publisher_with_kcat(here, tool):
    tool("kcat")
    settings, adapted = here
    subprocess.run(["bash", "-euc", adapted(block("sh", "kcat -P"))], check=True)
    (message,) = published(settings, "ticket-opened")
    assert (message.ticket_id, message.event.channel, message.event.team) == ("T-1002", "chat", "sales")


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / link).exists(), link
    for image in re.findall(r'(?:src|srcset)="([^"]+)"', README):
        assert (ROOT / image).exists(), image


def test_targets_of_make_are_there():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_command_is_named():
    listed = subprocess.run(
        [sys.executable, "-m", "cxstream", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^  ([a-z-]+)  ", listed.partition("Commands:")[2], re.MULTILINE)
    table = README.partition("## Commands")[2].partition("## More")[0]
    named = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"`([^`]+)`", table))))
    assert len(commands) >= 10
    assert not set(commands) - named
