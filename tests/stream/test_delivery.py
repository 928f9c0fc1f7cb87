"""Delivery relies on internals of faust-streaming and aiokafka: these tests fail when a release changes them."""

import asyncio
import hashlib
import importlib.metadata
import inspect
import threading
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import Sender
from faust.app.base import App as FaustApp
from faust.transport import consumer as base
from faust.transport.drivers import aiokafka as driver
from mode.threads import ServiceThread

from cxstream.stream import delivery
from cxstream.stream.app import EMBEDDED_FETCH_WAIT, build
from cxstream.stream.delivery import MAX_RECORDS, BatchScheduler, BatchSchema, batches
from cxstream.stream.writer import _patient
from tests.stream.helpdesk import settings_for


def record(offset: int, topic: str = "t", partition: int = 0) -> ConsumerRecord:
    return ConsumerRecord(topic, partition, offset, 5, 0, b"k", b"%d" % offset, None, 1, 1, (("h", b"1"),))


class TestBatches:
    def test_a_batch_has_the_offset_of_its_last_record(self):
        (batch,) = batches([record(n) for n in range(7, 10)])
        assert (batch.offset, batch.topic, batch.partition) == (9, "t", 0)
        assert [r.offset for r in batch.value] == [7, 8, 9]

    def test_are_bounded(self):
        made = list(batches([record(n) for n in range(MAX_RECORDS * 2 + 1)]))
        assert [len(batch.value) for batch in made] == [MAX_RECORDS, MAX_RECORDS, 1]
        assert [r.offset for batch in made for r in batch.value] == list(range(MAX_RECORDS * 2 + 1))

    def test_nothing_makes_no_batch(self):
        assert list(batches([])) == []

    def test_topics_take_turns(self):
        a, b = TopicPartition("a", 0), TopicPartition("b", 0)
        rows = {a: [record(n, "a") for n in range(2 * MAX_RECORDS)], b: [record(0, "b")]}
        order = [tp.topic for tp, _ in BatchScheduler().iterate(rows)]
        assert order == ["a", "b", "a"]


# Private names that are overridden or called, and a digest of the source they were written against.
PINNED = {
    base.Consumer._add_gap: "4df2573ded7c",
    base.Consumer._new_offset: "1d2c7ea89a7a",
    base.Consumer._drain_messages: "44a2500309e8",
    base.Consumer._wait_next_records: "6218e1969a63",
    base.Consumer.perform_seek: "0e8c130ff4b0",
    base.Consumer.ack: "5fcf41cf4515",
    ServiceThread._wakeup_timer_in_thread: "25a1647d37d5",
    ServiceThread._shutdown_thread: "d7377862e734",
    base.ThreadDelegateConsumer._seek: "4f95c6314204",
    FaustApp._on_partitions_revoked: "d5c895bbe57d",
    FaustApp._on_partitions_assigned: "de932b7927db",
    FaustApp._on_rebalance_when_stopped: "1b172d9af8ff",
    FaustApp.on_stop: "bfe5a933defb",
    driver.AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f",
    driver.AIOKafkaConsumerThread._fetch_records: "39a2c6c79fc1",
    driver.AIOKafkaConsumerThread._commit: "932852ce7a23",
}


def digest(function: object) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


@pytest.mark.parametrize("function", PINNED, ids=lambda f: f.__qualname__)
def test_what_is_overridden_is_what_it_was_written_against(function):
    """After an upgrade: read what has changed, run the crash tests, then put the new digest here."""
    assert digest(function) == PINNED[function]


@pytest.mark.parametrize(("package", "version"), [("faust-streaming", "0.15.3"), ("aiokafka", "0.14.0")])
def test_the_versions_are_those_tested(package, version):
    assert importlib.metadata.version(package) == version


def test_aiokafka_still_takes_the_wait_of_a_fetch_from_here():
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)


def test_aiokafka_still_drops_batches_by_this_attribute():
    assert "self._batch_ttl" in inspect.getsource(MessageAccumulator._append_batch)
    assert "self._message_accumulator = " in inspect.getsource(AIOKafkaProducer.__init__)


async def test_the_app_uses_our_parts(tmp_path):
    app = build(settings_for("localhost:1", "x-"), 4, tmp_path, embedded=True)
    assert app.fetch_wait == EMBEDDED_FETCH_WAIT
    assert isinstance(app.transport, delivery.Transport)
    assert app.conf.ConsumerScheduler is BatchScheduler
    assert app.conf.table_standby_replicas == 0


async def test_the_schema_passes_batches_through(tmp_path):
    app = build(settings_for("localhost:1", "x-"), 4, tmp_path)
    decode = BatchSchema(key_type=bytes, value_type=bytes).compile(app)
    (batch,) = batches([record(1)])
    decoded = await decode(batch)
    assert decoded.value is batch.value


async def test_a_lookup_that_loses_its_connection_is_repeated():
    """aiokafka repeats a lookup for which a node is not ready, and dies of one that is broken off."""

    async def lookup(*_: object) -> int:
        raise KafkaConnectionError("closed")

    with pytest.raises(NodeNotReadyError, match="closed"):
        await _patient(lookup)(1, "key")
    assert (
        "NodeNotReadyError"
        in inspect.getsource(Sender._find_coordinator).partition("except Errors.KafkaError")[0]
    )


class Lingering(delivery.ConsumerThread):
    """A consumer's thread without a broker, which leaves its group only when it is told to."""

    def __init__(self, consumer: delivery.Consumer, **kwargs: object) -> None:
        super().__init__(consumer, **kwargs)
        self.told = threading.Event()
        self.left = self.thread_loop.create_future()

    async def on_start(self) -> None:
        self._consumer = self
        self._client = SimpleNamespace(close=self.close)
        self.idle = asyncio.create_task(asyncio.Event().wait())

    async def close(self) -> None:
        self.left.set_result(None)

    async def stop(self) -> None:
        """Of aiokafka's consumer: hang, as one does whose group is in the midst of a rebalance."""
        await asyncio.to_thread(self.told.wait)
        await asyncio.Event().wait()


async def test_an_app_that_stops_lets_go_of_its_partitions_when_it_has_finished_with_them(
    tmp_path, monkeypatch
):
    app = build(settings_for("localhost:1", "x-"), 4, tmp_path)
    hastened, writing = [], asyncio.Event()
    app.hasten = lambda: hastened.append(1)
    monkeypatch.setattr(app, "_stop_consumer", writing.wait)
    monkeypatch.setattr(app.consumer, "close", lambda: pytest.fail("cut off from the group"))
    stopping = asyncio.create_task(app.stop())
    await asyncio.sleep(0)
    letting_go = asyncio.create_task(app._on_partitions_revoked(set()))
    await asyncio.sleep(0)
    assert hastened == [1]
    assert not letting_go.done()
    writing.set()
    async with asyncio.timeout(10):
        await stopping
        await letting_go
        await app._on_partitions_assigned(set(), 1)


async def test_an_app_that_stops_before_its_consumer_starts_leaves_no_loop_open(tmp_path):
    app = build(settings_for("localhost:1", "x-"), 4, tmp_path)
    thread = app.consumer._thread
    await app.stop()
    assert thread.thread_loop.is_closed()


def test_a_thread_that_outlives_its_app_ends_in_order(tmp_path, monkeypatch):
    """An app that has given up does not wait for its consumer's thread, which then finds nobody to report to."""
    monkeypatch.setattr(delivery, "_LEAVE", 0.2)
    failures: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: failures.append(args.exc_value))
    loop = asyncio.new_event_loop()

    async def begin() -> Lingering:
        app = build(settings_for("localhost:1", "x-"), 4, tmp_path)
        thread = Lingering(app.consumer, loop=loop)
        app.consumer.release()  # of the thread in whose place it is
        await thread.start()
        return thread

    thread = loop.run_until_complete(begin())
    thread._stopped_set()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    thread.told.set()
    assert thread._thread is not None
    thread._thread.join(10)
    assert not thread._thread.is_alive()
    assert failures == []
    assert thread.left.done()
    assert thread.idle.cancelled()
