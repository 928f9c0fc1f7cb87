"""Rounds: the numbers of all workers as of one instant, asked for at most once a second.

However many look, one round serves all who come within a second of its beginning; who comes while one is
running waits for it. Without peers a round is this worker's own snapshot.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

from cxstream.core.fleet import together
from cxstream.metrics.share import share

if TYPE_CHECKING:
    from cxstream.core.answer import Json
    from cxstream.metrics.observed import Observed
    from cxstream.metrics.peers import Peers

_FRESH: Final = 1.0  # seconds


class Rounds:
    """The fleet, as one snapshot."""

    def __init__(self, observed: Observed, peers: Peers, name: str) -> None:
        self._observed = observed
        self._peers = peers
        self._name = name
        self._began = 0.0
        self._current: asyncio.Task[Json] | None = None
        self._clock = 0
        self._turn = asyncio.Lock()

    async def latest(self) -> Json:
        """The sum over all workers, begun within the last second; with the bars of the charts."""
        now = monotonic()
        if self._current is None or (self._current.done() and now - self._began >= _FRESH):
            self._began = now
            self._current = asyncio.create_task(self._run())
        return await asyncio.shield(self._current)

    async def at(self, now: int) -> Json:
        """The sum as of ``now``; one round at a time, since each of these asks every worker.

        Raises ``ValueError`` or ``OverflowError`` if ``now`` is too long ago.
        """
        async with self._turn:
            return await self._ask(now)

    async def _run(self) -> Json:
        # 0: an event clock that has seen nothing yet. The others know better what time it is.
        return await self._ask(self._observed.now() or self._clock or None)

    async def _ask(self, now: int | None) -> Json:
        own = await share(self._observed, now, self._name, bars=True)
        answers = await self._peers.ask(now, known=[own], bars=True)
        snapshots = [own, *answers.given]
        self._clock = max(one["clock"] for one in snapshots)
        try:
            whole = await asyncio.to_thread(together, snapshots)
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = together([own])  # workers of another version, in the middle of an upgrade
            whole |= {
                "complete": False,
                "reason": "the workers' numbers do not add up: versions or windows differ",
            }
        whole["unreachable"] = answers.failures
        if not whole["complete"]:
            whole["reason"] = self._reason(whole["reason"], snapshots, answers.failures)
        return whole

    def _reason(self, gap: str, snapshots: list[Json], failures: list[str]) -> str:
        """What is missing, and what is known about why."""
        own = snapshots[0]
        states = [f"worker {one['worker']}: {one['reason']}" for one in snapshots[1:] if one["reason"]]
        if self._peers:
            states = [f"this worker: {own['reason']}", *states] if own["reason"] else states
            return "; ".join([gap, *failures, *states])
        held = f"this worker holds {len(own['partitions'])} of {own['topic_partitions']} partitions"
        return f"{held}; {own['reason'] or 'CXSTREAM_PEERS tells it where the others are'}"
