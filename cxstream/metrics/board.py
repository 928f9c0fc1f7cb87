"""The document behind the live page: the fleet's wallboard, and whether it is complete.

    {"complete": bool, "reason": why not, "now": …, "held": 4, "partitions": 4, "workers": 2, "behind": 0,
     "whole": whether "numbers" are complete ones, "numbers": a wallboard, "tickets": whether single ones are shown,
     "promised": {"first_reply": [shortest, longest target in seconds], …}}

While the fleet is incomplete, the last complete numbers this worker has seen stand in for those that would be too
low; only where there are none it shows what it has, and says so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cxstream.core.pane import SECOND
from cxstream.metrics.exposition import compress
from cxstream.metrics.wallboard import wallboard

if TYPE_CHECKING:
    from cxstream.core.answer import Json
    from cxstream.core.policy import PolicyHistory
    from cxstream.metrics.observed import Observed, Options
    from cxstream.metrics.rounds import Rounds


class Board(NamedTuple):
    """One document, encoded in both ways it is asked for."""

    plain: bytes
    gzip: bytes


class Boards:
    """Encodes each round once."""

    def __init__(self, observed: Observed, rounds: Rounds, options: Options) -> None:
        self._observed = observed
        self._rounds = rounds
        self._tickets = options.ticket_api
        self._whole: Json | None = None
        self._shown: Json | None = None
        self._board: asyncio.Task[Board] | None = None

    async def latest(self) -> Board:
        """The document of the latest round."""
        round_ = await self._rounds.latest()
        if self._board is None or round_ is not self._shown:
            self._shown = round_
            self._board = asyncio.create_task(asyncio.to_thread(self._encode, round_))
        return await asyncio.shield(self._board)

    def _encode(self, round_: Json) -> Board:
        numbers = wallboard(round_)
        if round_["complete"]:
            self._whole = numbers
        document = {
            "complete": round_["complete"],
            "reason": round_["reason"],
            "now": round_["now"],
            "held": len(round_["partitions"]),
            "partitions": round_["topic_partitions"],
            "workers": round_["workers"],
            "behind": round_["behind"],
            "whole": self._whole is not None,
            "numbers": self._whole or numbers,
            "tickets": self._tickets,
            "promised": promised(self._observed.rules.policies),
        }
        plain = msgspec.json.encode(document)
        return Board(plain, compress(plain))


def promised(policies: PolicyHistory | None) -> dict[str, list[float]]:
    """By target the shortest and the longest time that the policies in force allow, in seconds."""
    found: dict[str, list[float]] = {}
    for policy in () if policies is None else policies.current.policies:
        for _, _, layer in policy.layers():
            for name, target in layer.items():
                found.setdefault(name, []).append(target.amount / SECOND)
    return {name: [min(amounts), max(amounts)] for name, amounts in found.items()}
