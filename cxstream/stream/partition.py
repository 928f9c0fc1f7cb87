"""One partition: its ledger, how far it has come in each topic, and the group commit of both.

Agents put batches into the inbox. One task applies them, slice by slice; another writes what has changed since the
last time: dead letters first, then the tickets' rows, the marks last. Only when all that
is acknowledged by the broker are the events acknowledged to Faust, which then commits their offsets. So at any
moment of a crash the changelog holds a state that some prefix of the events led to, or a part of the rows of a
later one, which the events themselves, read again, complete.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from cxstream.stream import marks as mark
from cxstream.stream.marks import Marks
from cxstream.stream.watermark import Watermark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka import ConsumerRecord
    from faust.types import EventT

    from cxstream.core.ledger import Ledger
    from cxstream.stream.inbox import Inbox, Portion
    from cxstream.stream.letters import DeadLetters, Letter
    from cxstream.stream.notices import Notices
    from cxstream.stream.writer import Writer

    Apply = Callable[["Partition", Sequence[ConsumerRecord]], None]
    """Applies records of any topics to a partition."""

log = structlog.get_logger(__name__)

_FEW: Final = 20
"""Records after which others need not be let in: at low rates that would only cost turns of the loop."""
_LINGER: Final = 0.1
"""Seconds in which changes are gathered for one write. It delays the acknowledgement, not the numbers."""
_FULL: Final = 500
"""Changed tickets that are written without waiting longer: encoding them takes a few ms of the loop."""
_HIGH: Final = 4 * _FULL
"""Changed tickets at which agents wait until the writer has caught up."""


class Partition:
    """Everything a worker has of one partition number; exists only while the worker owns it."""

    def __init__(
        self,
        number: int,
        inbox: Inbox,
        stored: dict[bytes, bytes],
        writer: Writer,
        dead_letters: DeadLetters,
        notices: Notices,
        on_failure: Callable[[int, Exception], None],
        turn: asyncio.Lock,
    ) -> None:
        self.number = number
        self.inbox = inbox
        self.stored = stored
        """The partition's part of the ticket table; the ledger reads and changes it."""
        self.writer = writer
        self.marks = Marks()
        self.watermark = Watermark()
        self.ledger: Ledger
        """Set by the recovery, before anyone sees the partition."""
        self.times: dict[str, int] = {}
        """By topic, the highest ``occurred_at`` seen, ms."""
        self.intact = False
        """Whether ``stored`` is what the changelog holds up to ``writer.end``."""
        self.letters: list[Letter] = []
        self.turn = turn
        """Held over one slice of work and one turn of the loop, by all partitions: between two slices, whoever
        they are for, others get to run."""
        self._dead_letters = dead_letters
        self._notices = notices
        self._on_failure = on_failure
        self._waiting: list[EventT] = []
        self._wake, self._room, self._full = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._lock = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def passed(self) -> int | None:
        """The instant (ms) before which every deadline has passed; ``None`` while some have yet to."""
        until, due = self.watermark.instant, self.ledger.due
        unknown = until == 0 and self.ledger.newest is not None  # the ends have not been asked for yet
        return None if unknown or (due is not None and due < until) else until

    def start(self, apply: Apply, behind: Callable[[str], int]) -> None:
        """Begin to apply what is delivered and to write what changes.

        ``behind`` tells of a topic how many records are known to follow the last one applied.
        """
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._applying(apply, behind), name=f"apply-{self.number}"),
                asyncio.create_task(self._writing(), name=f"write-{self.number}"),
            ]

    async def stop(self) -> None:
        """Stop both; what is not written yet will be done again by the next owner."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.inbox.clear()

    async def close(self) -> None:
        """Stop, and disconnect."""
        await self.stop()
        await self.writer.close()

    async def _applying(self, apply: Apply, behind: Callable[[str], int]) -> None:
        try:
            while True:
                for portion in await self.inbox.round(behind):
                    await self._apply(apply, portion)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            self._on_failure(self.number, error)

    async def _apply(self, apply: Apply, portion: Portion) -> None:
        """Apply records; have the batches that they end acknowledged once their changes are durable."""
        records = portion.records
        try:
            async with self.turn:
                apply(self, records)
                if len(records) > _FEW:
                    await asyncio.sleep(0)
        except Exception:
            log.exception("records cannot be applied", partition=self.number, offsets=_spans(records))
            raise
        self._waiting += portion.ended
        self.touch()
        if self.ledger.changed >= _HIGH:
            self._room.clear()
            await self._room.wait()

    def touch(self, *, urgent: bool = False) -> None:
        """Say that something may have changed; what is urgent is written without gathering more."""
        self._wake.set()
        if urgent or self.ledger.changed >= _FULL:
            self._full.set()

    async def flush(self) -> None:
        """Write everything that has changed; returns when it is acknowledged."""
        async with self._lock:
            async with self.turn:
                events, self._waiting = self._waiting, []
                letters, self.letters = self.letters, []
                notices = self._notices.rows(self.ledger.take_moves())
                rows = self.ledger.drain()
                marks = self.marks.encode()
                if marks != self.stored.get(mark.KEY):
                    self.stored[mark.KEY] = marks
                    rows.append((mark.KEY, marks))
                self._room.set()
                if rows:
                    self.intact = False  # until they are written
                await asyncio.sleep(0)  # no await above this line: one snapshot
            if letters:
                await self._dead_letters.send(letters)
            if rows:
                await self.writer.write(rows, notices)
                self.intact = True
            for event in events:
                event.ack()

    async def _writing(self) -> None:
        try:
            while True:
                await self._wake.wait()
                try:
                    async with asyncio.timeout(_LINGER):
                        await self._full.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
                self._full.clear()
                await self.flush()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            self._on_failure(self.number, error)


def _spans(records: Sequence[ConsumerRecord]) -> dict[str, str]:
    """First and last offset by topic, in words."""
    offsets: dict[str, list[int]] = {}
    for record in records:
        offsets.setdefault(record.topic, []).append(record.offset)
    return {name: f"{found[0]} to {found[-1]}" for name, found in offsets.items()}
