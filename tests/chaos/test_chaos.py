"""The short version of `make chaos`, for every change: a fault of each kind that takes seconds, then the audit."""

import random
import time

import pytest

from tests.chaos.__main__ import BEGIN, END, document, table
from tests.chaos.cluster import Cluster
from tests.chaos.faults import all_killed, frozen, killed, killed_young, scaled_to, terminated
from tests.chaos.load import compacting, ends, made, rows_left
from tests.kafka import obstacle

CHANGELOG = "chaos-tickets-changelog"


@pytest.mark.broker
@pytest.mark.timeout(900)  # two minutes where it is quiet
def test_no_fault_changes_a_number(tmp_path):
    if reason := obstacle():
        pytest.skip(f"no real Kafka: {reason}")
    rng = random.Random()
    with Cluster(tmp_path) as cluster:
        address = cluster.broker.address
        compacting(address, CHANGELOG)
        path, count, speed = made(tmp_path, events=20_000, seconds=60, seed=rng.randrange(1_000))
        cluster.start()
        cluster.until_served(time.monotonic())
        with cluster.publishing(path, speed) as published:
            cluster.until("events arrive", lambda: cluster.applied() > 0)
            for strike in (scaled_to(2), killed, frozen, killed_young, terminated, all_killed):
                cluster.until_served(strike(cluster, rng))
            cluster.broker.kill()
            cluster.broker.start()
            cluster.until("everything is published", published)
        total = ends(address)
        assert total >= count
        cluster.until("everything is applied", lambda: cluster.applied() == total)
        told = cluster.audit()
        assert told["equal"]
        assert told["events"] == total
        rows, written = rows_left(address, CHANGELOG)
        assert rows < written, "the changelog was compacted meanwhile"
        # Whether the zombie tried to write before it learned that it is none is chance; test_crash has one that does.


FOUND = {
    "events": 1_000_000, "tickets": 130_000, "numbers": 20_000, "equal": True, "kills": 100, "audits": 3, "fenced": 2,
    "load": 1.0, "changelog": {"written": 9, "left": 4}, "blind": {"kill -9": [1.0, 2.0, 9.0]},
}  # fmt: skip


def test_the_table_goes_into_its_place(tmp_path, monkeypatch):
    path = tmp_path / "guarantees.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    monkeypatch.setattr("tests.chaos.__main__.DOCUMENT", path)
    document(FOUND)
    assert path.read_text() == f"before\n{BEGIN}\n{table(FOUND)}\n{END}\nafter\n"
    assert "| kill -9 | 3 | 2.0 s | 9.0 s |" in table(FOUND)
