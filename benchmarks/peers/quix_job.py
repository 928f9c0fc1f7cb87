"""The job on Quix Streams, one process, state in RocksDB with changelog topics, all by its defaults.

Windows by team need the measurements under that key, which takes a topic of its own.

usage: python quix_job.py ADDRESS PREFIX COUNT DIRECTORY   (prints a JSON object; stops after COUNT events)
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from job import PANES, TOPICS, WAIT, Measured, add, empty, learn, read
from quixstreams import Application, State

QUIET = 5.0
"""Seconds without a message after which all has been read."""
counted: dict[str, float] = {
    "events": 0,
    "measured": 0,
    "started": 0.0,
    "ended": 0.0,
    "cpu": 0.0,
    "cpu_ended": 0.0,
}


def reader(topic: str, app: Application, count: int) -> Any:
    """What makes events of a topic's values, and stops the app at the last."""

    def read_one(value: bytes) -> Any:
        if not counted["events"]:
            counted["started"], counted["cpu"] = time.perf_counter(), time.process_time()
        counted["events"] += 1
        if counted["events"] == count:
            app.stop()
        _look()
        return read(topic, value)

    return read_one


def ticket(event: Any, state: State) -> list[Measured]:
    """One event of a ticket."""
    known = state.get("ticket") or {}
    found = learn(known, event)
    state.set("ticket", known)
    return found


def seen(_: Any) -> None:
    """A pane has changed."""
    counted["measured"] += 1
    _look()


def _look() -> None:
    counted["ended"] = time.perf_counter()
    if (counted["events"] + counted["measured"]) % 100 == 0:
        counted["cpu_ended"] = time.process_time()


def main(address: str, prefix: str, count: str, directory: str) -> None:
    """Read the topics until nothing comes any more."""
    app = Application(
        address,
        consumer_group=f"{prefix}quix-{Path(directory).name}",  # a second run is to begin with nothing, too
        auto_offset_reset="earliest",
        state_dir=directory,
        loglevel="ERROR",
    )
    frames = [
        app.dataframe(app.topic(prefix + topic, value_deserializer="bytes", key_deserializer="str")).apply(
            reader(topic, app, int(count))
        )
        for topic in TOPICS
    ]
    events = frames[0]
    for other in frames[1:]:
        events = events.concat(other)
    measured = events.apply(ticket, stateful=True, expand=True)
    measured = measured.set_timestamp(lambda value, _key, _at, _headers: value["at"])
    by_team = measured.group_by("key")
    for width in PANES:
        panes = by_team.tumbling_window(duration_ms=width, grace_ms=WAIT, name=f"panes-{width}")
        panes.reduce(add, lambda first: add(empty(), first)).current().update(seen)
    app.run(timeout=QUIET)
    if counted["events"] < int(count):
        sys.exit(f"{counted['events']:.0f} events of {count}")
    print(
        json.dumps(
            {
                "events": int(counted["events"]),
                "measured": int(counted["measured"]),
                "seconds": counted["ended"] - counted["started"],
                "cpu_seconds": counted["cpu_ended"] - counted["cpu"],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
