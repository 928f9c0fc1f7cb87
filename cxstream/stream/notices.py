"""Notices: transitions of SLA clocks as records of the topic ``sla-events``.

They are written in the same transaction as the rows of the tickets they are about. So a reader of committed records
sees each exactly once: what is not committed is undone together with the ticket's state and made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cxstream.core.notice import cancellation, notice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.ledger import Move
    from cxstream.settings import Settings
    from cxstream.stream.clock import Clock
    from cxstream.stream.writer import Row
_encode = msgspec.json.Encoder().encode
_NO_HEADERS: list[tuple[str, bytes]] = []


class Notices:
    """Makes records; the key is the ticket id."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.topic = settings.sla_events_topic
        self._live_lag = settings.live_lag
        self._clock = clock

    def rows(self, moves: Iterable[Move]) -> list[Row]:
        """Key, value and headers of each transition, detected now."""
        now = self._clock.now()
        return [
            (
                move.ticket_id.encode(),
                _encode(
                    (cancellation if move.disproved else notice)(
                        move.source,
                        move.ticket_id,
                        move.transition,
                        tags=move.tags,
                        detected=now,
                        live_lag=self._live_lag,
                    )
                ),
                _NO_HEADERS,
            )
            for move in moves
        ]
