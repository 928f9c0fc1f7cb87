"""The worker: a Faust app around ledgers, and what others may see of it.

    async with Worker(settings) as worker:
        ...                          # serve worker's numbers; worker.ready() says whether they are all there
        await worker.run_forever()   # until SIGTERM, SIGINT or a crash, which is raised

It starts at once and becomes ready when it can: a broker that is away and topics that are missing are waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from cxstream.stream import agents, clock, deadlines
from cxstream.stream.app import SESSION, build
from cxstream.stream.broker import Broker
from cxstream.stream.cause import refused
from cxstream.stream.letters import DeadLetters
from cxstream.stream.policies import remembered
from cxstream.stream.recovery import Recovery
from cxstream.stream.share import Share
from cxstream.stream.sweep import Sweep
from cxstream.stream.table import ticket_table
from cxstream.stream.writer import TOO_LARGE, FencedError

if TYPE_CHECKING:
    from cxstream.settings import Settings
    from cxstream.stream.delivery import App, Consumer

log = structlog.get_logger(__name__)

_TICK: Final = 1.0
"""Seconds between two looks at the clock, the retention and the lag."""
_STOPPING: Final = 6.0
"""Seconds to commit and leave the group; a supervisor's patience is 10 as a rule."""
_GIVING_UP: Final = 2.0
"""Seconds to end without committing when that did not succeed."""
_BEAT: Final = 15.0
"""Seconds without a tick after which the worker is taken for stuck."""


class WorkerFailedError(Exception):
    """The worker cannot go on; the message says why and what to do."""


class Worker(Share):
    """Turns the events of the partitions it is given into ledgers."""

    def __init__(self, settings: Settings, *, embedded: bool = False, session: float = SESSION) -> None:
        super().__init__(settings)
        self._embedded = embedded
        self._session = session
        self._broker = Broker(settings)
        self._dead_letters = DeadLetters(settings)
        self._recovery = Recovery(
            *(settings, lambda: self.rules, self.tally, self._clock),
            *(self._dead_letters, self._partition_fails),
            embedded=embedded,
        )
        self._state = "starting"
        self._failed: asyncio.Future[None] | None = None
        self._stop_requested = asyncio.Event()
        self._taking: asyncio.Task[Any] | None = None
        self._assigned = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: list[asyncio.Task[None]] = []
        self._beat = time.monotonic()
        self._sweep = Sweep()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin; returns at once."""
        self._failed = asyncio.get_running_loop().create_future()
        self._scratch = tempfile.TemporaryDirectory(prefix="cxstream-")
        self._sweep.begin()
        self._tasks = [
            asyncio.create_task(self._launch(Path(self._scratch.name)), name="launch"),
            asyncio.create_task(self._ticking(), name="tick"),
            asyncio.create_task(
                deadlines.watch(self._owned, self._resting, self._partition_fails), name="deadlines"
            ),
            asyncio.create_task(self._broker.watch(self._wanted_ends, self._see_ends), name="watch"),
        ]

    async def run_forever(self) -> None:
        """Return after SIGTERM, SIGINT or :meth:`request_stop`.

        Raises ``WorkerFailedError`` when the worker cannot go on.
        """
        failed = self._failed
        if failed is None:
            raise RuntimeError("the worker has not been started")
        loop = asyncio.get_running_loop()
        handled = []
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self.request_stop)
                handled.append(number)
        stop = asyncio.create_task(self._stop_requested.wait())
        try:
            ends: list[asyncio.Future[Any]] = [stop, failed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
        finally:
            stop.cancel()
            for number in handled:
                loop.remove_signal_handler(number)

    def request_stop(self) -> None:
        """End :meth:`run_forever`."""
        self._state = "stopping"
        self._stop_requested.set()

    async def stop(self) -> None:
        """Apply what is in hand, write and commit it, leave the group; within 10 s even if the broker is away."""
        self._state = "stopping"
        patience = _STOPPING if self._broker.trouble is None else _GIVING_UP  # nothing can be committed then
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._failed is not None and self._failed.done():
            await self._abandon()
        if self._app is not None:
            await self._stop_app(self._app, patience)
            self._app = None
        await self._cancel_taking()
        self._recovery.parked.update(self._owned)
        self._owned.clear()
        await asyncio.gather(self._recovery.drop(), self._dead_letters.close(), *self._leaving)
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None
        if self._failed is not None and not self._failed.done():
            self._failed.cancel()
        self._sweep.end()
        self._state = "stopped"

    async def _stop_app(self, app: App, patience: float) -> None:
        stopping = asyncio.create_task(app.stop(), name="stop")
        done, _ = await asyncio.wait([stopping], timeout=patience)
        if not done:
            log.error("not everything could be committed in time; it will be done again after the next start")
            await self._abandon()
            done, _ = await asyncio.wait([stopping], timeout=_GIVING_UP)
        if not done:
            stopping.cancel()
        elif error := stopping.exception():  # the rest is to be closed all the same
            log.error("the worker could not stop in order", error=repr(error))

    async def _abandon(self) -> None:
        """Let go of what is not acknowledged, for which Faust would wait for ever."""
        for partition in [*self._owned.values(), *self._recovery.parked.values()]:
            await partition.stop()
            partition.intact = False
        self._recovery.parked.update(self._owned)
        self._owned.clear()  # there is nothing to be written any more
        if self._app is not None:
            cast("Consumer", self._app.consumer).forget()

    def _partition_fails(self, number: int, error: Exception) -> None:
        """End the worker if another one or the broker is the cause; else go on without the partition."""
        if isinstance(error, FencedError | KafkaError) and not isinstance(error, TOO_LARGE):
            self._fail(error)
            return
        if self._app is not None:
            cast("Consumer", self._app.consumer).set_aside(number)
        if partition := self._put_aside(number, error):
            self._leaving.append(asyncio.create_task(partition.close(), name=f"leave-{number}"))

    def _fail(self, error: BaseException) -> None:
        if self._failed is None or self._failed.done():
            return
        failure = error
        if isinstance(error, KafkaError):
            failure = WorkerFailedError(f"the broker {refused(self.settings, error)}")
        elif not isinstance(error, WorkerFailedError):
            failure = WorkerFailedError(f"{type(error).__name__}: {error}")
        self._state = f"failed: {failure}"
        log.error("the worker fails", error=str(failure))
        failure.__cause__ = error if failure is not error else None
        self._failed.set_exception(failure)

    async def _launch(self, data: Path) -> None:
        try:
            self.partitions = await self._broker.topics(self._tell, embedded=self._embedded)
            remember = functools.partial(remembered, self.settings)
            self._promise(await self._broker.patiently("policies", remember))
            await self._broker.patiently("dead letters", self._dead_letters.open)
            await self._broker.patiently("group", functools.partial(self._start_app, data))
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker cannot go on
            self._fail(error)

    async def _start_app(self, data: Path) -> None:
        app = build(self.settings, self.partitions, data, embedded=self._embedded, session=self._session)
        app.positions, app.hasten = self._positions, self._hasten  # type: ignore[method-assign]
        app.aside, app.sated = self.set_aside, self._sated  # type: ignore[method-assign]
        self._intake = agents.Intake(self.settings, self.tally, self._clock, self.partitions)
        agents.define(app, self._names, self._owned)
        table = ticket_table(app, self.settings.changelog_topic, self.partitions)
        table.on_recover(functools.partial(self._recovered, app))
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        app.on_partitions_assigned.connect(self._on_assigned, weak=False)
        app.on_before_shutdown.connect(self._before_shutdown, weak=False)
        self._app = app
        self._tell("joining the consumer group")
        starting = asyncio.create_task(app.start(), name="faust")
        try:
            while not starting.done():
                await asyncio.wait([starting], timeout=0.2)
                app.raise_crash()
            starting.result()
        except BaseException:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            with contextlib.suppress(Exception):  # it may not stop either; the next attempt builds another
                await asyncio.wait_for(app.stop(), _GIVING_UP)
            raise

    def _tell(self, state: str) -> None:
        if state != self._state:
            self._state = state
            log.info("worker", state=state)

    # -- rebalances ---------------------------------------------------------------------------------------------

    async def _revoked(self, *_: Any, **__: Any) -> None:
        """Write what is in hand, then own nothing; the agents are idle by now."""
        await self._cancel_taking()
        self._assigned.clear()
        for partition in list(self._owned.values()):
            await partition.flush()
            await partition.stop()
        self._recovery.parked.update(self._owned)
        self._owned.clear()
        self._aside.clear()  # whoever owns it next tries again
        self._ends.clear()

    async def _on_assigned(self, *_: Any, **__: Any) -> None:
        self._assigned.set()

    async def _recovered(self, app: App) -> None:
        """Faust has nothing to recover and thinks it is done; it reads events when this returns."""
        try:
            changelog = self.settings.changelog_topic
            numbers = [tp.partition for tp in app.assignor.assigned_actives() if tp.topic == changelog]
            take = functools.partial(self._recovery.take, numbers)
            self._taking = asyncio.create_task(self._broker.patiently("recovery", take), name="recovery")
            owned = await self._taking
        except asyncio.CancelledError:
            # Broken off by the next rebalance. To return now would have Faust read events in the middle of it.
            await self._assigned.wait()
            return
        except Exception as error:  # noqa: BLE001 - Faust would swallow it, and read events
            self._fail(error)
            await asyncio.Event().wait()  # until Faust is stopped; a crash of its own would only say it again
            return
        for partition in owned.values():
            partition.start(self._intake.take, functools.partial(self._behind, partition))
        self._owned.update(owned)
        self._ends = dict(self._recovery.ends)
        self._tell("running")
        log.info("partitions assigned", partitions=sorted(owned))

    async def _cancel_taking(self) -> None:
        task, self._taking = self._taking, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def _before_shutdown(self, *_: Any, **__: Any) -> None:
        """All batches are acknowledged and committed; write what the retention has changed, while we are a member."""
        for partition in list(self._owned.values()):
            await partition.flush()

    def _positions(self) -> dict[TopicPartition, int]:
        """Where to read on; nothing while a rebalance goes on."""
        return {tp: at for tp, at in self._recovery.positions.items() if tp.partition in self._owned}

    # -- once a second ------------------------------------------------------------------------------------------

    async def _ticking(self) -> None:
        try:
            while True:
                await asyncio.sleep(_TICK)
                self._beat = time.monotonic()
                if (app := self._app) is None:
                    continue
                app.raise_crash()
                if app.rebalancing:
                    continue
                for partition in list(self._owned.values()):
                    partition.ledger.advance(self._clock.now())
                    if partition.ledger.forget(clock.wall()):
                        partition.touch()
                    await asyncio.sleep(0)
                self._sweep.look(self._applied())
        except Exception as error:  # noqa: BLE001
            self._fail(error)

    def _resting(self) -> bool:
        return self._app is None or self._app.rebalancing

    # -- its condition --------------------------------------------------------------------------------------------

    def recovering(self) -> bool:
        """Whether partitions are being taken over."""
        return self._taking is not None and not self._taking.done()

    def ready(self) -> str | None:
        """Return ``None`` if every number of the assigned partitions is there, else the reason in words."""
        if self._broker.trouble is not None and self._state != "stopping":
            return self._broker.trouble
        if self.recovering():
            return self._recovery.progress or "recovering"
        if self._state != "running":
            return self._state
        if self._app is None or self._app.rebalancing:
            return "rebalancing"
        return next(iter(self._aside.values()), None)

    def alive(self) -> bool:
        """Whether the loop turns and nothing has failed."""
        failed = self._failed is not None and self._failed.done()
        return not failed and time.monotonic() - self._beat < _BEAT
