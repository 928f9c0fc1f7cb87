"""The starter of the real broker keeps what it promises to the tests that stand on it."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kafka import BrokerError, RealBroker, broker


def lives(pid: int) -> bool:
    return broker.state(Path(f"/proc/{pid}")) not in "ZX"


async def create(address: str, *topics: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(topic, num_partitions=4, replication_factor=1) for topic in topics]
        )
    finally:
        await admin.close()


async def send(address: str, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read(address: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_holds_what_is_sent(kafka, prefix):
    await create(kafka.address, f"{prefix}topic")
    await send(kafka.address, f"{prefix}topic", b"1", b"2")
    assert await read(kafka.address, f"{prefix}topic", 2) == [b"1", b"2"]


async def test_creates_no_topic_by_itself(kafka, prefix):
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    try:
        await admin.describe_topics([f"{prefix}never-made"])
        assert f"{prefix}never-made" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_survives_a_kill_and_a_stop_on_the_same_address(kafka, tmp_path):
    own = RealBroker(tmp_path).start()
    try:
        address = own.address
        await create(address, "topic")
        await send(address, "topic", b"before")
        own.kill()
        assert not own.running
        own.start()
        assert own.address == address
        await send(address, "topic", b"after the kill")
        async with AIOKafkaProducer(bootstrap_servers=address) as producer:
            await producer.partitions_for("topic")
            own.pause()
            held = await producer.send("topic", b"while paused", partition=0)
            assert not (await asyncio.wait([held], timeout=1))[0]
            own.resume()
            await held
        own.stop()
        own.start()
        assert (await read(address, "topic", 3)) == [b"before", b"after the kill", b"while paused"]
    finally:
        own.stop()


def test_a_broker_that_cannot_start_tells_why(tmp_path, monkeypatch):
    script = tmp_path / "broker.sh"
    script.write_text("#!/bin/sh\necho 'Address already in use'\nexit 1\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(broker, "SCRIPT", script)
    with pytest.raises(BrokerError, match="Address already in use"):
        RealBroker(tmp_path / "data").start()


def test_a_missing_java_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert broker.obstacle() == ("no java on PATH (on Debian: apt-get install openjdk-17-jre-headless maven)")


def test_an_old_java_is_named_with_the_remedy(tmp_path, monkeypatch):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "java is 11, Kafka needs 17" in str(broker.obstacle())


def test_missing_jars_without_maven_are_named(tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "sed", "dirname", "rm", "mkdir"):
        (tools / tool).symlink_to(next(p for d in ("/usr/bin", "/bin") if (p := Path(d, tool)).exists()))
    (tools / "env").symlink_to("/usr/bin/env")
    java = tools / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("KAFKA_JARS", str(tmp_path / "jars"))
    assert "no mvn on PATH" in str(broker.obstacle())


def test_the_broker_dies_with_its_starter(kafka, tmp_path):
    """A pytest that is killed leaves no broker behind."""
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv (util-linux) on PATH")
    code = (
        "import pathlib, time; from tests.kafka import RealBroker;"
        f"print(RealBroker(pathlib.Path({str(tmp_path)!r})).start().pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        pid = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not lives(pid):
            return
        time.sleep(0.05)
    pytest.fail(f"the broker {pid} lives on")
