"""The job on Bytewax, one worker, with its recovery store (a snapshot every ten seconds, its default).

usage: python bytewax_job.py ADDRESS PREFIX COUNT DIRECTORY   (prints a JSON object)
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic, windowing
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main
from job import PANES, TOPICS, WAIT, Measured, State, add, empty, learn, read

EPOCH = timedelta(seconds=10)
counted: dict[str, float] = {"events": 0, "started": 0.0, "cpu": 0.0, "measured": 0, "late": 0}


def reading(prefix: str) -> Any:
    """A batch of Kafka's records as events by ticket."""

    def read_batch(records: list[Any]) -> list[tuple[str, Any]]:
        if not counted["events"]:
            counted["started"], counted["cpu"] = time.perf_counter(), time.process_time()
        counted["events"] += len(records)
        return [(each.key.decode(), read(each.topic.removeprefix(prefix), each.value)) for each in records]

    return read_batch


class Ticket(StatefulBatchLogic):
    """The state of one ticket."""

    def __init__(self, state: State | None) -> None:
        self.state: State = state or {}

    def on_batch(self, values: list[Any]) -> tuple[list[Measured], bool]:
        """Events of this ticket, in the order in which they came."""
        return [measured for event in values for measured in learn(self.state, event)], False

    def snapshot(self) -> State:
        """What the recovery store keeps."""
        return dict(self.state)


def flow(address: str, prefix: str) -> Dataflow:
    """Topics, tickets, panes."""
    made = Dataflow("service")
    records = kop.input("read", made, brokers=[address], topics=[prefix + t for t in TOPICS], tail=False)
    events = op.flat_map_batch("validate", records.oks, reading(prefix))
    measured = op.stateful_batch("ticket", events, Ticket)
    by_team = op.map("by_team", measured, lambda pair: (pair[1]["key"], pair[1]))
    clock = windowing.EventClock(
        lambda each: datetime.fromtimestamp(each["at"] / 1_000, UTC), timedelta(milliseconds=WAIT)
    )
    for width in PANES:
        panes = windowing.fold_window(
            f"panes_{width}",
            by_team,
            clock,
            windowing.TumblingWindower(timedelta(milliseconds=width), datetime(2026, 1, 1, tzinfo=UTC)),
            builder=empty,
            folder=add,
            merger=lambda one, other: [a + b for a, b in zip(one, other, strict=True)],
            ordered=False,
        )
        op.output(f"panes_{width}_out", panes.down, Sink("measured", lambda item: item[1][1][0]))
        op.output(f"late_{width}_out", panes.late, Sink("late", lambda _: 1))
    return made


class Sink(DynamicSink):
    """Counts what arrives."""

    def __init__(self, name: str, weight: Any) -> None:
        self._name, self._weight = name, weight

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> StatelessSinkPartition:
        """One per worker."""
        name, weight = self._name, self._weight

        class Counter(StatelessSinkPartition):
            def write_batch(self, items: list[Any]) -> None:
                counted[name] += sum(map(weight, items))

        return Counter()


def main(address: str, prefix: str, count: str, directory: str) -> None:
    """Read the topics to their ends."""
    store = Path(directory)
    init_db_dir(store, 1)
    run_main(flow(address, prefix), epoch_interval=EPOCH, recovery_config=RecoveryConfig(str(store)))
    seconds, cpu = time.perf_counter() - counted["started"], time.process_time() - counted["cpu"]
    if counted["events"] < int(count):
        sys.exit(f"{counted['events']:.0f} events of {count}")
    told = {name: int(counted[name]) for name in ("events", "measured", "late")}
    print(json.dumps({**told, "seconds": seconds, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
