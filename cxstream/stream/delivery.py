"""Delivery: Faust hands over one batch per topic-partition instead of one message.

Faust spends about 120 us on every message it delivers, whatever is in it. Here a message's value is a list of raw
records of one topic-partition, so that cost is paid once per batch. Everything goes through Faust's extension
points (scheduling strategy, schema, transport), with these corrections:

* ``resume_partitions`` stops the flow: stock Faust may fetch between resume and seek, and then skips a backlog
  (faust-streaming issue 596).
* ``seek_to_committed`` goes where the stored marks say, not where the group's committed offsets say: these lag
  behind, expire, and are missing before the first commit.
* ``highwaters`` of the changelog are said to be 0, so Faust's own recovery has nothing to do: ours reads the
  changelog (see ``recovery``).
* ``_getmany`` asks for nothing of topic-partitions of which enough is here: a topic of few events per day would be
  days ahead of the others, and they would wait behind it in Faust's queues.
* ``_add_gap`` and ``_new_offset`` are private: offsets inside a batch are no gaps. ``tests/stream/test_delivery.py``
  fails when a new faust-streaming changes what this module relies on.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Final, cast

import faust
import structlog
from faust.stores import STORES
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from mode.threads import WorkerThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from aiokafka import AIOKafkaConsumer, ConsumerRecord
    from faust.types import TP, EventT, Message

log = structlog.get_logger(__name__)

MAX_RECORDS: Final = 500
"""Records in one delivered batch: Faust's share in the cost of an event is then below 1 us."""

_POLL: Final = 0.1
"""Seconds that a fetch without data may occupy the consumer's thread; Faust's second would delay every commit."""

_SATED: Final = 0.01
"""Seconds until the next look when enough is here of everything: there is work at hand for longer than that."""

_COMMIT: Final = 3.0
"""Seconds after which a commit is given up."""
_LEAVE: Final = 3.0
"""Seconds to leave the group and to disconnect in order."""
_JOIN: Final = 0.5
"""Seconds to wait for the consumer's thread to end once its work is done."""

SCHEME: Final = "cxkafka"
"""The scheme of broker addresses that selects this transport."""


def batches(records: list[ConsumerRecord]) -> Iterator[ConsumerRecord]:
    """Yield records of one topic-partition as messages whose value is a list of them; offset is the last one's."""
    for start in range(0, len(records), MAX_RECORDS):
        chunk = records[start : start + MAX_RECORDS]
        yield dataclasses.replace(chunk[-1], key=b"", value=chunk, headers=())


class BatchScheduler(DefaultSchedulingStrategy):
    """Round robin between topics and partitions, a batch each."""

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Yield batches."""
        return super().iterate({tp: list(batches(rows)) for tp, rows in records.items()})


class BatchSchema(faust.Schema):
    """Hands batches through without decoding."""

    def compile(
        self, app: Any, *, default_propagate: bool = False, **_: Any
    ) -> Callable[..., Awaitable[EventT]]:
        """Return the coroutine that makes an event of a message."""

        async def decode(message: Message, *, propagate: bool = default_propagate) -> EventT:  # noqa: ARG001
            event: EventT = app.create_event(message.key, message.value, message.headers, message)
            return event

        return decode


class DaemonThread(WorkerThread):
    """A thread that a process which has given up on its broker does not wait for at its end."""

    def __init__(self, service: Any, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True

    def stop(self) -> None:
        """Wait for the thread's end, but not with the whole loop and for ever, as mode does."""
        self.join(_JOIN)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka runs."""

    Worker = DaemonThread

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        app: App = self.app  # type: ignore[assignment] # no other app has this consumer
        consumer._fetch_max_wait_ms = app.fetch_wait  # noqa: SLF001 - Faust fixes it at 1.5 s
        return consumer

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Keep aiokafka from prefetching the changelog, which is never read through this consumer."""
        topics = self.app.tables.changelog_topics
        self._ensure_consumer().pause(
            *driver.ensure_aiokafka_TPset(tp for tp in assigned if tp.topic in topics)
        )
        await super().on_partitions_assigned(assigned, generation_id)

    def on_crash(self, *_: Any, **__: Any) -> None:
        """Print nothing: the app is told, and tells."""

    def set_shutdown(self) -> None:
        """Tell the app that the thread is about to end, if there still is an app: one that gave up has not waited."""
        with contextlib.suppress(RuntimeError):  # its loop is closed
            super().set_shutdown()

    async def _wakeup_timer_in_thread(self) -> None:
        pass  # the worker's loop needs nobody to wake it, and may be closed

    async def on_thread_stop(self) -> None:
        """Disconnect; with the broker away aiokafka ends with the cancellation of a fetch of its own, or not at all."""
        try:
            async with asyncio.timeout(_LEAVE):
                await super().on_thread_stop()
        except (asyncio.CancelledError, TimeoutError, RuntimeError):  # the last: as above
            if self._consumer is not None:
                await self._consumer._client.close()  # noqa: SLF001 - broken off, it has left its connections open

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # aiokafka tries for as long as the broker is away, which would hold up a shutdown. Nothing is lost with a
        # commit: the marks count.
        try:
            async with asyncio.timeout(_COMMIT):
                return await super()._commit(offsets)
        except TimeoutError:
            return False


class Consumer(driver.Consumer):
    """Faust's consumer with the corrections described above."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room = asyncio.Event()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109
        app: App = self.app  # type: ignore[assignment] # no other app has this consumer
        wanted = (active_partitions or set()) - app.sated()
        if not wanted:
            await asyncio.sleep(_SATED)
            return {}
        # The thread does one thing at a time: a commit or seek waits until a fetch without data has timed out.
        return await super()._getmany(wanted, min(timeout, _POLL))

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109
        # With all buffers full Faust sleeps for a second, however soon there is room.
        if self.flow_active and not self._get_active_partitions():
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._room.wait()
        return await super()._wait_next_records(timeout)

    def on_buffer_drop(self, tp: TP) -> None:
        """Say that there is room in a buffer."""
        super().on_buffer_drop(tp)
        self._room.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Let nothing be fetched between resume and seek; recovery resumes the flow itself after the seek."""
        app: App = self.app  # type: ignore[assignment] # no other app has this consumer
        aside = app.aside()
        tps = {tp for tp in tps if tp.partition not in aside}
        if any(not self._is_changelog_tp(tp) for tp in tps):
            self.stop_flow()
        super().resume_partitions(tps)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the end offsets; 0 for the changelog, which leaves Faust's recovery nothing to do."""
        sources = [tp for tp in partitions if not self._is_changelog_tp(tp)]
        ends = dict(await super().highwaters(*sources)) if sources else {}
        return {tp: ends.get(tp, 0) for tp in partitions}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to the first record that is not applied yet; return the positions.

        Called when recovery is complete, and by Faust at odd moments during a rebalance, when no marks are known:
        what it does then, the call after the recovery puts right.
        """
        committed = dict(await super().seek_to_committed())
        app: App = self.app  # type: ignore[assignment] # no other app has this consumer
        positions = app.positions()
        targets = {tp: positions[tp] for tp in self.assignment() if tp in positions}
        for tp, offset in targets.items():
            await self.seek(tp, offset)
        behind = {tp: offset for tp, offset in targets.items() if offset and committed.get(tp) != offset}
        if behind:
            await self._commit(behind)  # for those who watch the group's lag; nothing here depends on it
        return {**committed, **targets}

    async def _seek(self, partition: TP, offset: int) -> None:
        # From this thread, as Faust does it, the fetch that waits in the other would not notice.
        seek = cast("Callable[..., Awaitable[None]]", self._thread.seek)
        await self._thread.call_thread(seek, partition, offset)

    def release(self) -> None:
        """Close the loop of a thread that was never started; one that was closes its own."""
        if not self._thread._thread_started.is_set():  # noqa: SLF001
            self._thread.thread_loop.close()

    def forget(self) -> None:
        """Stop waiting for acknowledgements: those that are missing will not come."""
        self._unacked_messages.clear()

    def drop(self, message: Message) -> None:
        """Wait for no acknowledgement of a message that nobody here will apply."""
        self._unacked_messages.discard(message)

    def set_aside(self, number: int) -> None:
        """Deliver nothing more of a partition number, and wait for no acknowledgement of what was."""
        self.pause_partitions([tp for tp in self.assignment() if tp.partition == number])
        for message in [message for message in self._unacked_messages if message.partition == number]:
            self.drop(message)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust takes an idle changelog for an error; the worker watches the lag."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        pass

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]  # of a topic-partition, batches are acknowledged in order
        if not acked:
            return None
        top = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return top + 1


class Transport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer = Consumer


class App(faust.App):
    """A Faust app that knows where its topics are to be read from."""

    fetch_wait: int = 500
    """How long a fetch may wait for data, ms. Other requests to the same broker wait behind it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._finished = asyncio.Event()

    async def stop(self) -> None:
        """Stop, also an app whose start did not come as far as its consumer."""
        try:
            await super().stop()
        finally:
            if self._consumer is not None:
                cast("Consumer", self._consumer).release()

    def raise_crash(self) -> None:
        """Raise what Faust has crashed of, if it has."""
        if self.crash_reason is not None:
            raise self.crash_reason

    async def on_stop(self) -> None:
        """Finish what is in hand."""
        self.hasten()
        try:
            await super().on_stop()
        finally:
            self._finished.set()

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Faust, when it stops, lets go at once and cuts the connections that it needs to commit and to leave the
        # group. Others may take over what is in hand only when it is finished.
        if self.should_stop:
            await self._finished.wait()
            return
        self.hasten()
        await super()._on_partitions_revoked(revoked)

    def _on_rebalance_when_stopped(self) -> None:
        pass  # what else would cut them: partitions that come now are given back with the membership

    @staticmethod
    def hasten() -> None:
        """Wait for nothing more to come: what is at hand is to be finished."""

    @staticmethod
    def positions() -> dict[TP, int]:
        """Return the first offset to read of each topic-partition that has been recovered."""
        return {}

    @staticmethod
    def sated() -> AbstractSet[TP]:
        """Return the topic-partitions of which enough has been delivered for now."""
        return frozenset()

    @staticmethod
    def aside() -> Collection[int]:
        """Return the partition numbers of which nothing is to be delivered."""
        return ()


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
STORES.aliases["cx"] = "cxstream.stream.table:Store"
