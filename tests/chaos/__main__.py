"""`make chaos`: real workers on a real broker under load, harmed again and again; at the end every number is compared.

usage: python -m tests.chaos [--events N] [--kills N] [--seed N] [--minutes N] [--document]

`--document` writes the table of blind times into docs/guarantees.md. Exit status 1 if a number differs, if something
has not happened in time, or if events were lost.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.chaos.cluster import ROOT, Cluster
from tests.chaos.faults import FAULTS, Fault, all_killed, killed, killed_young, scaled_to
from tests.chaos.load import compacting, ends, made, rows_left

DOCUMENT: Final = ROOT / "docs" / "guarantees.md"
BEGIN, END = "<!-- chaos -->", "<!-- /chaos -->"


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


class Run:
    """One run: the load goes on from the first fault to the last."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster = cluster
        self.rng = random.Random(seed)
        self.blind: dict[str, list[float]] = defaultdict(list)
        self.kills = 0
        self.audits = 0

    def measured(self, fault: Fault) -> None:
        """Strike, and wait until everything is served."""
        self.cluster.until_served(time.monotonic())
        workers = len(self.cluster.workers)
        blind = self.cluster.until_served(fault.strike(self.cluster, self.rng))
        self.blind[fault.name].append(blind)
        self.kills += workers if fault.strike is all_killed else fault.kills
        say(f"{blind:6.1f} s blind: {fault.name}")

    def audited(self) -> dict[str, Any]:
        told = self.cluster.audit()
        self.audits += 1
        say(f"audit while it runs: equal, {told['events']:,} events, {told['tickets']:,} tickets")
        return told

    def all_kinds(self) -> None:
        for fault in FAULTS:
            self.measured(fault)

    def storm_of_kills(self, count: int) -> None:
        """Kills that wait for nothing: also of workers that have just begun to start, rebalance or recover."""
        aim = self.kills + count
        while self.kills < aim:
            strike, cost = self.rng.choice(((killed, 1), (killed, 1), (killed, 1), (killed_young, 2)))
            strike(self.cluster, self.rng)
            self.kills += cost
            time.sleep(self.rng.choice((0.0, 0.5, 2.0, 5.0, 9.0)) * self.rng.random())
            self.cluster.settle()
        self.cluster.until_served(time.monotonic())
        say(f"{self.kills} kills")


def chaos(folder: Path, *, events: int, kills: int, seed: int, minutes: float, rounds: int) -> dict[str, Any]:
    """Run it; what came of it. Raises ``Broken``."""
    with Cluster(folder) as cluster:
        compacting(cluster.broker.address, "chaos-tickets-changelog")
        path, count, speed = made(folder, events=events, seconds=minutes * 60, seed=seed)
        say(f"{count:,} events, shuffled, a twentieth twice, over {minutes:g} minutes; seed {seed}")
        run = Run(cluster, seed)
        cluster.start()
        cluster.until_served(time.monotonic())
        with cluster.publishing(path, speed) as published:
            cluster.until("events arrive", lambda: cluster.applied() > 0)
            for number in range(rounds):
                scaled_to(1)(cluster, run.rng)
                run.all_kinds()
                run.storm_of_kills(max(1, (kills - run.kills) // (rounds - number)))
                run.audited()
            cluster.until("everything is published", published, minutes * 120 + 600)
        while run.kills < kills:
            run.storm_of_kills(kills - run.kills)
        total = ends(cluster.broker.address)
        cluster.until_served(time.monotonic())
        cluster.until("everything is applied", lambda: cluster.applied() == total, 900)
        if total < count:
            raise AssertionError(f"{count} events were published, the topics hold {total}")
        told = cluster.audit()
        rows, written = rows_left(cluster.broker.address, "chaos-tickets-changelog")
        fenced = sum("taken over by another worker" in log for log in cluster.logs())
        return {
            "events": told["events"],
            "tickets": told["tickets"],
            "numbers": told["numbers"],
            "equal": told["equal"],
            "kills": run.kills,
            "audits": run.audits + 1,
            "fenced": fenced,
            "changelog": {"written": written, "left": rows},
            "longest_stop": max(cluster.stops, default=0.0),
            "load": os.getloadavg()[2],
            "blind": dict(run.blind),
        }


def table(found: dict[str, Any]) -> str:
    """The part of docs/guarantees.md that is measured."""
    machine = f"{os.cpu_count()} cores shared with the broker and the load, {platform.system()} {platform.machine()}"
    measured = (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine}, Python {platform.python_version()}, load average"
        f" {found['load']:.0f}. {found['events']:,} events of {found['tickets']:,} tickets, {found['kills']} times"
        f" `kill -9`, {found['fenced']} zombies fenced, {found['changelog']['written']:,} rows of the changelog"
        f" compacted to {found['changelog']['left']:,}, {found['audits']} audits, the last over"
        f" {found['numbers']:,} numbers: **{'equal' if found['equal'] else 'DIFFERENT'}**."
    )
    lines = [
        measured,
        "",
        "| fault, under load | times | blind, median | blind, longest |",
        "|---|--:|--:|--:|",
    ]
    for name, times in found["blind"].items():
        lines.append(f"| {name} | {len(times)} | {statistics.median(times):.1f} s | {max(times):.1f} s |")
    return "\n".join(lines)


def document(found: dict[str, Any]) -> None:
    """Write the table into its place."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}\n{table(found)}\n{END}{tail}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long events are published")
    parser.add_argument("--rounds", type=int, default=2, help="how often every kind of fault strikes")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--document", action="store_true", help="write docs/guarantees.md")
    parser.add_argument("--keep", type=Path, help="folder for logs; default: one that is removed")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cxstream-chaos-") as temporary:
        found = chaos(
            wanted.keep or Path(temporary),
            events=wanted.events,
            kills=wanted.kills,
            seed=wanted.seed,
            minutes=wanted.minutes,
            rounds=wanted.rounds,
        )
    print(json.dumps(found, indent=1))
    print(table(found))
    if wanted.document:
        document(found)
    print("equal" if found["equal"] else "DIFFERENT")
    return 0 if found["equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
