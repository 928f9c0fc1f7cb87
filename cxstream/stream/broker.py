"""The broker as a worker sees it: whether it answers, and where the topics end.

The client libraries try again for ever and log every attempt; here an outage is one state with one reason, told
once when it begins and once when it is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError

from cxstream.stream import topics
from cxstream.stream.cause import explained
from cxstream.stream.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from aiokafka import TopicPartition

    from cxstream.settings import Settings

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_ASK: Final = 0.5
"""Seconds between two questions for the end offsets."""
_ANSWER: Final = 5.0
"""Seconds a broker may take to answer before it is taken for away; a busy one takes some tenths."""
RETRY: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts; the last is repeated."""


class Broker:
    """Whether the broker does what it is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._troubles: dict[str, str] = {}
        """What was asked for in vain -> why."""

    @property
    def trouble(self) -> str | None:
        """Why the broker cannot be used, in words; ``None`` if it can."""
        return next(iter(self._troubles.values()), None)

    def answers(self, what: str) -> None:
        """Take note that the broker has done ``what`` it was asked."""
        if self._troubles.pop(what, None) and not self._troubles:
            log.info("the broker answers again")

    async def fails(self, what: str, error: BaseException) -> None:
        """Take note of why it has not; told if it is news."""
        reason = await explained(self._settings, error)
        if not self._troubles:
            log.error("the broker is waited for", reason=reason)
        self._troubles[what] = reason

    async def patiently(self, what: str, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """The answer of ``attempt``, once the broker gives one."""
        waits = itertools.chain(RETRY, itertools.repeat(RETRY[-1]))
        try:
            while True:
                try:
                    answer = await attempt()
                except KafkaError as error:
                    await self.fails(what, error)
                else:
                    self.answers(what)
                    return answer
                await asyncio.sleep(next(waits))
        except asyncio.CancelledError:
            self._troubles.pop(what, None)  # nobody waits for it any more
            raise
        except Exception:
            self.answers(what)  # though not with what was hoped for
            raise

    async def topics(self, tell: Callable[[str], None], *, embedded: bool) -> int:
        """Return the number of partitions, once all topics of events are there."""
        find = functools.partial(topics.for_worker, self._settings, embedded=embedded)
        while True:
            try:
                return await self.patiently("topics", find)
            except topics.MissingTopicsError as error:
                tell(str(error))
            await asyncio.sleep(RETRY[-1])

    async def watch(
        self,
        wanted: Callable[[], Collection[TopicPartition]],
        found: Callable[[Mapping[TopicPartition, int]], None],
    ) -> None:
        """Ask for end offsets again and again; those that come with fetches are old while the buffers are full."""
        while True:
            with contextlib.suppress(KafkaError):  # not connected yet, which whoever starts the worker tells
                async with Tail(self._settings) as tail:
                    while True:
                        await asyncio.sleep(_ASK)
                        if tps := wanted():
                            found(await self.patiently("ends", functools.partial(self._ends, tail, tps)))
            await asyncio.sleep(RETRY[-1])

    @staticmethod
    async def _ends(tail: Tail, tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        try:
            async with asyncio.timeout(_ANSWER):
                return await tail.ends(tps)
        except TimeoutError:
            raise KafkaTimeoutError from None  # who asks need not tell the two apart
