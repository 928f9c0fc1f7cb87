"""The board of the pipeline: whether the numbers are complete and fresh, and what became of the events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.monitoring.board import Board
from cxstream.monitoring.panel import (
    BAD,
    BYTES,
    COUNT,
    GOOD,
    PER_SECOND,
    SECONDS,
    SHARE,
    Ask,
    Steps,
    graph,
    matrix,
    states,
    tile,
)
from cxstream.monitoring.query import COMPLETE

if TYPE_CHECKING:
    from cxstream.monitoring.goals import Goals
    from cxstream.monitoring.panel import Panel
    from cxstream.monitoring.query import Query

_EVENTS: Final = "cxstream_events_total"
_LETTERS: Final = "cxstream_dead_letters_total"
_ASSIGNED: Final = "cxstream_assigned_partitions"
_WORDS: Final = {"0": ("incomplete", BAD), "1": ("complete", GOOD)}
_STEP: Final = "$__rate_interval"


def pipeline(query: Query, _: Goals) -> Board:
    """Make the board."""
    return Board(
        uid="cx-pipeline",
        title="CX / Pipeline",
        meaning="Whether the numbers are complete and fresh, and what became of the events.",
        refresh="10s",
        since="now-1h",
        rows=(
            ("Now", _now(query)),
            ("Events", _events(query)),
            ("Partitions", _partitions(query)),
            ("Workers", _workers(query)),
        ),
    )


def _now(query: Query) -> tuple[Panel, ...]:
    lag, newest = "cxstream_consumer_lag_events", "cxstream_event_time_timestamp_seconds"
    return (
        tile(
            "Complete",
            "Whether every partition is owned and read back.",
            COUNT,
            Ask(COMPLETE, "numbers are"),
            words=_WORDS,
        ),
        tile(
            "Workers",
            "Workers that could be scraped, and how many different settings they have: it must be one.",
            COUNT,
            Ask(f"count({query.series('cxstream_build_info')})", "workers"),
            Ask(f"count(count by (hash) ({query.series('cxstream_config_info')}))", "settings"),
            decimals=0,
        ),
        tile(
            "Behind",
            "Events published and not yet applied.",
            COUNT,
            Ask(query.total(lag), "events"),
            steps=Steps(1_000, 10_000),
            decimals=0,
        ),
        tile(
            "Newest event",
            "Time since the newest event of any topic happened, by its own clock.",
            SECONDS,
            Ask(f"time() - max({query.series(newest)})", "age"),
            steps=Steps(600, 3_600),
            decimals=0,
        ),
        tile(
            "Refused, 1 h",
            "Records that were no valid events and went to the dead letters.",
            COUNT,
            Ask(query.increase(_LETTERS, "1h"), "records"),
            steps=Steps(1, 100),
            decimals=0,
        ),
        tile(
            "Orphans",
            "Replies and resolutions held until the opening of their ticket arrives.",
            COUNT,
            Ask(query.total("cxstream_orphan_events"), "events"),
            steps=Steps(100, 1_000),
            decimals=0,
        ),
    )


def _events(query: Query) -> tuple[Panel, ...]:
    delay = "cxstream_event_delay_seconds_bucket"
    return (
        graph(
            "Events by topic",
            "Records read per second.",
            PER_SECOND,
            Ask(query.rate(_EVENTS, _STEP, "topic"), "{{topic}}"),
            stacked=True,
        ),
        graph(
            "What became of them",
            "Records per second: applied, seen before, older than every window, without a known opening, refused.",
            PER_SECOND,
            Ask(query.rate(_EVENTS, _STEP, "result"), "{{result}}"),
            stacked=True,
        ),
        graph(
            "Delay of events",
            "From the moment in the helpdesk to its being counted; of 99 % and of half of the events.",
            SECONDS,
            *(
                Ask(f"histogram_quantile({q}, {query.rate(delay, _STEP, 'le')})", legend)
                for q, legend in ((0.99, "99 % within"), (0.5, "half within"))
            ),
        ),
        graph(
            "Refused by reason",
            "Records sent to the dead letters in the hour before each point; `cxstream dead-letters list` shows them.",
            COUNT,
            Ask(f"topk(8, {query.increase(_LETTERS, '1h', 'reason')})", "{{reason}}"),
        ),
    )


def _partitions(query: Query) -> tuple[Panel, ...]:
    share = f"sum by (topic) ({query.series(_ASSIGNED)}) / max by (topic) ({query.series('cxstream_topic_partitions')})"
    newest = "cxstream_event_time_timestamp_seconds"
    lag = "cxstream_consumer_lag_events"
    return (
        states(
            "Complete",
            "Whether every partition was owned and read back.",
            Ask(COMPLETE, "numbers"),
            _WORDS,
            size=(12, 6),
        ),
        graph(
            "Served",
            "Partitions that a worker owns and has recovered / partitions of the topic.",
            SHARE,
            Ask(share, "{{topic}}"),
            size=(12, 6),
        ),
        graph(
            "Behind, by partition",
            "Events published and not yet applied.",
            COUNT,
            Ask(query.total(lag, "partition"), "partition {{partition}}"),
        ),
        matrix(
            "Topics",
            "Per topic: the age of its newest event, events behind, events applied against the wrong key.",
            "topic",
            Ask(f"time() - max by (topic) ({query.series(newest)})", "newest event", SECONDS),
            Ask(query.total(lag, "topic"), "behind"),
            Ask(query.increase("cxstream_misplaced_events_total", "1h", "topic"), "misplaced in 1 h"),
            size=(12, 8),
        ),
    )


def _workers(query: Query) -> tuple[Panel, ...]:
    # Every program that Prometheus scrapes has processes: ours are where a worker is.
    workers = f" and on (instance) {query.series('cxstream_build_info')}"
    moves = f"sum(changes({query.series(_ASSIGNED)}[1h]))"
    return (
        graph(
            "Tickets held",
            "Entries of the ticket table in recovered partitions.",
            COUNT,
            Ask(query.total("cxstream_table_entries", "instance"), "{{instance}}"),
        ),
        graph(
            "Moves of partitions",
            "Changes of what a worker owns in the hour before each point, over all topics.",
            COUNT,
            Ask(moves, "changes"),
        ),
        graph(
            "Processor",
            "Processor cores that each worker uses; it can use one and a little.",
            "none",
            Ask(query.rate("process_cpu_seconds_total", _STEP, "instance") + workers, "{{instance}}"),
        ),
        graph(
            "Memory",
            "Resident memory of each worker; it grows with the tickets that it holds.",
            BYTES,
            Ask(query.total("process_resident_memory_bytes", "instance") + workers, "{{instance}}"),
        ),
        graph(
            "Recovering",
            "1 while a worker reads the table back.",
            COUNT,
            Ask(f"max by (instance) ({query.series('cxstream_table_recovering')})", "{{instance}}"),
            size=(24, 6),
        ),
    )
