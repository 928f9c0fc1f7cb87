"""The Faust app: its settings, each with the reason where it is not Faust's default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.stream.delivery import SCHEME, App, BatchScheduler
from cxstream.stream.security import credentials

if TYPE_CHECKING:
    from pathlib import Path

    from cxstream.settings import Settings

SESSION: Final = 15.0
"""Seconds without a heartbeat after which a worker is taken for dead and another takes over."""
EMBEDDED_FETCH_WAIT: Final = 50
"""ms; the embedded broker shows new data only when a fetch has timed out."""


def build(
    settings: Settings, partitions: int, data: Path, *, embedded: bool = False, session: float = SESSION
) -> App:
    """Return a fresh app without agents and tables; ``data`` is a scratch directory that Faust insists on."""
    app = App(
        settings.app,
        broker=f"{SCHEME}://{';'.join(settings.brokers)}",
        broker_credentials=credentials(settings.security),
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 5,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=max(90.0, session),
        broker_commit_interval=1.0,  # only for those who watch the group's lag: the marks count
        broker_max_poll_interval=86_400.0,  # a broker that is away for long must not cost the membership
        consumer_auto_offset_reset="earliest",
        ConsumerScheduler=BatchScheduler,
        store="cx://",
        table_standby_replicas=0,  # standby rows in memory would not shorten a takeover
        topic_partitions=partitions,
        topic_replication_factor=settings.replication,
        topic_allow_declare=False,  # cxstream.stream.topics creates them, and says what is wrong with those there
        topic_disable_leader=True,
        broker_max_poll_records=2_000,  # decoded at once; what is fetched beyond waits as bytes
        consumer_max_fetch_size=262_144,  # per topic-partition: some 1,000 records, so that all topics come in turns
        stream_buffer_maxsize=16,  # batches: many decoded records make garbage collections long
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        recovery_consistency_check=False,  # our recovery checks for itself
        producer_request_timeout=60.0,  # Faust's default of 20 min would hang a shutdown
        agent_supervisor="mode.CrashingSupervisor",  # an agent that restarts has lost its place
        web_enabled=False,
        web_tables_enabled=False,
        datadir=data,
        autodiscover=False,
    )
    if embedded:
        app.fetch_wait = EMBEDDED_FETCH_WAIT
    return app
