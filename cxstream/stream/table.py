"""The ticket table: the only durable state, as Faust sees it.

The table gives the changelog its place in the assignment (a worker owns the same partition number of the changelog
and of every topic) and tells when partitions have been given. Its data is one plain dict per partition, read by
``recovery``, changed by the partition's ledger and written by its ``writer``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faust.stores import memory

from cxstream.stream.delivery import BatchSchema

if TYPE_CHECKING:
    import faust
    from faust.types import TP
    from faust.types.tables import TableT


class Store(memory.Store):
    """Rows as raw bytes, a dict per partition, so that giving a partition away is dropping its dict."""

    parts: dict[int, dict[bytes, bytes]]
    """Partition -> key -> value."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parts = {}

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:  # noqa: ARG002
        """Do nothing: Faust flushes its empty recovery buffers at every rebalance."""
        if batch:
            message = f"Faust read {len(batch)} changelog records, which is the business of cxstream.stream.recovery"
            raise RuntimeError(message)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:  # noqa: ARG002
        """Forget the rows of partitions that are no longer ours."""
        kept = {tp.partition for tp in active_tps}
        for number in set(self.parts) - kept:
            del self.parts[number]


def ticket_table(app: faust.App, changelog: str, partitions: int) -> TableT[bytes, bytes]:
    """Return the table whose changelog topic is ``changelog``."""
    table: TableT[bytes, bytes] = app.Table(
        "tickets",
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        changelog_topic=app.topic(
            changelog,
            schema=BatchSchema(key_type=bytes, value_type=bytes),
            partitions=partitions,
            compacting=True,
            internal=True,
            acks=False,
            allow_empty=True,
        ),
    )
    return table
