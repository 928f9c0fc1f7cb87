"""What this room needs to see of a worker and of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cxstream.core.ledger import Ledger
    from cxstream.core.rules import Rules
    from cxstream.core.tally import Tally


class Observed(Protocol):
    """A worker. Everything is called in its event loop, the only place where its numbers change."""

    @property
    def rules(self) -> Rules:
        """The rules the ledgers run under."""

    @property
    def tally(self) -> Tally:
        """Cumulative numbers of the process."""

    @property
    def topics(self) -> Sequence[str]:
        """Canonical names of the topics in use."""

    @property
    def partitions(self) -> int:
        """Partitions per topic, as far as known."""

    @property
    def fingerprint(self) -> str:
        """Hash of the settings and policies on which all workers must agree."""

    def ledgers(self) -> Mapping[int, Ledger]:
        """The ledgers by partition: owned and recovered only."""

    def assigned(self) -> Collection[int]:
        """Partitions owned and recovered; none while recovering."""

    def recovering(self) -> bool:
        """Whether the ticket table is being read back."""

    def set_aside(self) -> Mapping[int, str]:
        """Partitions that are owned but cannot be used, and why."""

    def ready(self) -> str | None:
        """``None`` when assigned and recovered, else the reason in words."""

    def alive(self) -> bool:
        """Whether the event loop beats; does not depend on Kafka."""

    def now(self) -> int:
        """The worker's clock (wall or event), ms."""

    def wall(self) -> int:
        """The wall clock, ms."""

    def offsets(self) -> Mapping[str, Mapping[int, int]]:
        """Last applied offset by canonical topic and partition."""

    def deadlines(self) -> Mapping[int, int | None]:
        """By partition the instant before which every SLA deadline has passed, ms; ``None`` while some have yet to."""

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Events behind, by topic and partition."""

    def event_times(self) -> Mapping[tuple[str, int], int]:
        """Highest ``occurred_at`` in ms, by topic and partition."""

    def topic_partitions(self) -> Mapping[str, int]:
        """Number of partitions by topic."""


class Options(Protocol):
    """The settings that concern this room; :class:`cxstream.settings.Settings` has them."""

    @property
    def teams(self) -> Sequence[str]:
        """Teams that are always shown by name; empty = as they come."""

    @property
    def max_label_values(self) -> int:
        """How many values of a label are shown by name if none are configured."""

    @property
    def peers(self) -> Sequence[str]:
        """All workers: addresses, or a DNS name that leads to each of them; empty = this one only."""

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port of this worker; peers that name no port have the same."""

    @property
    def ticket_api(self) -> bool:
        """Whether single tickets may be shown."""

    @property
    def ticket_url(self) -> str | None:
        """Address of a ticket in the helpdesk, with ``{source}`` and ``{id}``."""
