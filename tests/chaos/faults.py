"""The faults. Each harms the cluster and returns when the harm is done; the watch then runs until all is served.

What a fault costs is *blind time*: from its first blow until every partition's numbers are shown again. Numbers are
missing meanwhile (`cxstream_assigned_partitions` says so), never wrong.
"""

import random
import signal
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from confluent_kafka.admin import AdminClient

from tests.chaos.cluster import CXSTREAM, NEXT, PARTITIONS, SESSION, Broken, Cluster

_OUTAGE: Final = 30.0
"""Seconds for which a broker is away."""


class Fault(NamedTuple):
    """A kind of fault."""

    name: str
    strike: Callable[[Cluster, random.Random], float]
    """Harms; returns the instant (monotonic) from which the blind time counts."""
    kills: int
    """Processes killed with -9."""


def killed(cluster: Cluster, rng: random.Random) -> float:
    """kill -9; a supervisor starts another at once."""
    began = time.monotonic()
    cluster.kill(rng.choice(cluster.workers))
    cluster.start()
    return began


def all_killed(cluster: Cluster, _: random.Random) -> float:
    """kill -9 of every worker, as when a machine loses power."""
    began = time.monotonic()
    count = len(cluster.workers)
    for worker in list(cluster.workers):
        cluster.kill(worker)
    for _ in range(count):
        cluster.start()
    return began


def killed_young(cluster: Cluster, rng: random.Random) -> float:
    """kill -9 of a worker before its first commit, at any step of start, rebalance and recovery; then another."""
    began = time.monotonic()
    cluster.kill(rng.choice(cluster.workers))
    young = cluster.start()
    time.sleep(rng.uniform(0.3, 6.0))
    cluster.kill(young)
    cluster.start()
    return began


def terminated(cluster: Cluster, rng: random.Random) -> float:
    """SIGTERM, as in an upgrade: the next is started when the last one has ended."""
    began = time.monotonic()
    cluster.terminate(rng.choice(cluster.workers))
    cluster.start()
    return began


def upgraded(cluster: Cluster, rng: random.Random) -> float:
    """A rolling upgrade to a version that stores more, and the way back, a worker killed in the midst of each.

    Its blind time is that of all steps together.
    """
    blind = 0.0
    for program in (NEXT, CXSTREAM):
        killed_one = False
        while others := [worker for worker in cluster.workers if worker.program != program]:
            began = time.monotonic()
            cluster.terminate(rng.choice(others))
            cluster.start(program)
            blind += cluster.until_served(began)
            if not killed_one:
                began = time.monotonic()
                victim = rng.choice(cluster.workers)
                cluster.kill(victim)
                cluster.start(victim.program)
                blind += cluster.until_served(began)
                killed_one = True
    return time.monotonic() - blind


def frozen(cluster: Cluster, rng: random.Random) -> float:
    """SIGSTOP for longer than the session, so that others take over; then SIGCONT: a zombie, to be fenced."""
    if len(cluster.workers) < 2:
        cluster.start()
    cluster.until_balanced()
    began = time.monotonic()
    zombie = rng.choice(cluster.workers)
    zombie.signal(signal.SIGSTOP)
    others = [worker for worker in cluster.workers if worker is not zombie]

    def taken_over() -> bool:
        told = [worker.ask("/readyz?json") for worker in others]
        return sum(len(s["partitions"]) for s in told if s and s["ready"]) == PARTITIONS

    cluster.until("others have taken over", taken_over)
    blind = time.monotonic() - began
    zombie.signal(signal.SIGCONT)
    time.sleep(rng.uniform(0.0, 3.0))
    cluster.settle()
    return time.monotonic() - blind


def broker_stopped(cluster: Cluster, rng: random.Random) -> float:
    """The broker away for 30 s, stopped in order or killed; blind counts from its return."""
    rng.choice((cluster.broker.stop, cluster.broker.kill))()
    time.sleep(_OUTAGE)
    cluster.broker.start()
    return time.monotonic()


def broker_frozen(cluster: Cluster, _: random.Random) -> float:
    """The broker stops answering for longer than a session, its connections open; blind counts from its return."""
    cluster.broker.pause()
    time.sleep(SESSION + 10)
    cluster.broker.resume()
    return time.monotonic()


def scaled_to(count: int) -> Callable[[Cluster, random.Random], float]:
    """More workers, or fewer (by SIGTERM)."""

    def strike(cluster: Cluster, rng: random.Random) -> float:
        began = time.monotonic()
        while len(cluster.workers) > count:
            cluster.terminate(rng.choice(cluster.workers))
        while len(cluster.workers) < count:
            cluster.start()
        cluster.until_balanced()
        return began

    return strike


def amnesia(cluster: Cluster, _: random.Random) -> float:
    """All workers killed, and the consumer group's committed offsets deleted: only the marks know the place."""
    began = time.monotonic()
    count = len(cluster.workers)
    for worker in list(cluster.workers):
        cluster.kill(worker)
    admin = AdminClient({"bootstrap.servers": cluster.broker.address})
    cluster.until("the group is empty", lambda: _deleted(admin))
    for _ in range(count):
        cluster.start()
    return began


def _deleted(admin: AdminClient) -> bool:
    return all(done.exception(30) is None for done in admin.delete_consumer_groups(["chaos"]).values())


def storm(cluster: Cluster, rng: random.Random) -> float:
    """The worst we could think of.

    One worker freezes with rows in its hands. Another takes over and is killed while it recovers. The broker is
    killed. The frozen one wakes up into a world without a broker, keeps trying, and is there first when the broker
    comes back with its log cut off at an arbitrary place; only then a new worker starts.
    """
    if len(cluster.workers) < 2:
        cluster.start()
    cluster.until_balanced()
    began = time.monotonic()
    zombie, heir = rng.sample(cluster.workers, 2)
    zombie.signal(signal.SIGSTOP)
    time.sleep(SESSION + rng.uniform(0.5, 4.0))  # the heir is on its way
    cluster.kill(heir)
    cluster.broker.kill()
    zombie.signal(signal.SIGCONT)
    time.sleep(rng.uniform(1.0, 8.0))
    if zombie.status is not None and b"Traceback" in zombie.log.read_bytes():
        raise Broken(f"{zombie.name} has not ended in order:\n{zombie.said()}")
    cluster.broker.start()
    cluster.start()
    cluster.settle()
    return began


FAULTS: Final = (
    # The first three in this order.
    Fault("workers 1 → 2", scaled_to(2), 0),
    Fault("workers 2 → 4", scaled_to(4), 0),
    Fault("workers 4 → 3", scaled_to(3), 0),
    Fault("kill -9 of a worker, restarted at once", killed, 1),
    Fault("kill -9 of all workers, restarted at once", all_killed, 3),
    Fault("kill -9 twice, the second before the first commit", killed_young, 2),
    Fault("SIGTERM, then the next version", terminated, 0),
    Fault("rolling upgrade of the state format and back, a kill -9 in each", upgraded, 2),
    Fault("SIGSTOP beyond the session, then SIGCONT (a zombie)", frozen, 0),
    Fault("broker away for 30 s: from its return", broker_stopped, 0),
    Fault("broker frozen for 25 s: from its return", broker_frozen, 0),
    Fault("kill -9 of all workers, committed offsets deleted", amnesia, 3),
    Fault("a zombie, its heir killed, the broker killed", storm, 1),
)
