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
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
)

from cxstream.stream.rights import explained
from cxstream.stream.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from aiokafka import TopicPartition

    from cxstream.settings import Settings

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_ASK: Final = 1.0
"""Seconds between two questions for the end offsets."""
_ANSWER: Final = 5.0
"""Seconds a broker may take to answer before it is taken for away; a busy one takes some tenths."""
_RETRY: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to reach the broker; the last is repeated."""
_UNREACHABLE: Final = (
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    TimeoutError,
    OSError,
)


class Broker:
    """Whether the broker answers; :attr:`away` is the reason in words if it does not."""

    def __init__(self, settings: Settings) -> None:
        self.away: str | None = None
        self._settings = settings

    def answers(self) -> None:
        """Take note that the broker has done what it was asked."""
        if self.away is not None:
            self.away = None
            log.info("the broker answers again")

    def fails(self, error: BaseException) -> None:
        """Take note of why it has not; told if it is news."""
        addresses = ", ".join(self._settings.brokers)
        if isinstance(error, _UNREACHABLE):
            reason = f"the broker {addresses} does not answer; start it, or correct CXSTREAM_BROKERS"
        else:
            reason = f"the broker {addresses} refuses: {explained(error, self._settings)}"
        if reason != self.away:
            self.away = reason
            log.error("the broker is waited for", reason=reason)

    async def patiently(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """The answer of ``attempt``, once the broker gives one."""
        waits = itertools.chain(_RETRY, itertools.repeat(_RETRY[-1]))
        while True:
            try:
                answer = await attempt()
            except KafkaError as error:
                self.fails(error)
            else:
                self.answers()
                return answer
            await asyncio.sleep(next(waits))

    async def watch(
        self,
        wanted: Callable[[], Collection[TopicPartition]],
        found: Callable[[Mapping[TopicPartition, int]], None],
    ) -> None:
        """Ask for end offsets again and again; those that come with fetches are old while the buffers are full."""
        while True:
            with contextlib.suppress(KafkaError):  # told by `_ends`, or by who starts the worker
                async with Tail(self._settings) as tail:
                    while True:
                        await asyncio.sleep(_ASK)
                        if tps := wanted():
                            found(await self.patiently(functools.partial(self._ends, tail, tps)))
            await asyncio.sleep(_RETRY[-1])

    @staticmethod
    async def _ends(tail: Tail, tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        try:
            async with asyncio.timeout(_ANSWER):
                return await tail.ends(tps)
        except TimeoutError:
            raise KafkaTimeoutError from None  # who asks need not tell the two apart
