"""The workers of a group, asked over HTTP: their snapshots of one instant, and whether they are a whole."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxstream.cli.failure import no, one_line, usage
from cxstream.core.instant import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import aiohttp

    from cxstream.settings import Settings

Json = dict[str, Any]

_PATIENCE: Final = 15.0  # seconds that a rebalance may take before what it leaves open is told
_ANSWER: Final = 30.0  # seconds a worker has to answer
_PAUSE: Final = 0.5  # seconds between two rounds
_SHOWN: Final = 8  # digits of a fingerprint that tell two apart


class Group(NamedTuple):
    """What the workers show, all as of one instant."""

    now: str
    asked: int
    """When they were asked, ms of the wall clock."""
    snapshots: dict[str, Json]
    """By address."""

    @property
    def partitions(self) -> set[int]:
        """The partitions that are shown."""
        return {number for snapshot in self.snapshots.values() for number in snapshot["partitions"]}

    @property
    def missing(self) -> list[int]:
        """The partitions that no worker shows."""
        count = max(snapshot["topic_partitions"] for snapshot in self.snapshots.values())
        return sorted(set(range(count)) - self.partitions)

    @property
    def shared(self) -> dict[int, list[str]]:
        """The partitions that several workers show, with their addresses."""
        owners: dict[int, list[str]] = {}
        for url, snapshot in self.snapshots.items():
            for number in snapshot["partitions"]:
                owners.setdefault(number, []).append(url)
        return {number: urls for number, urls in sorted(owners.items()) if len(urls) > 1}

    @property
    def pending(self) -> list[int]:
        """The partitions in which SLA deadlines have yet to pass that should have."""
        return sorted(number for number, instant in self._deadlines() if instant is None)

    def deadlines(self) -> dict[int, int]:
        """By partition the instant before which every SLA deadline has passed, ms."""
        return {
            number: parse_instant(instant) for number, instant in self._deadlines() if instant is not None
        }

    def _deadlines(self) -> Iterator[tuple[int, str | None]]:
        for snapshot in self.snapshots.values():
            for number, instant in snapshot["deadlines"].items():
                yield int(number), instant

    def offsets(self) -> dict[str, dict[int, int]]:
        """Last applied offset by topic and partition."""
        found: dict[str, dict[int, int]] = {}
        for snapshot in self.snapshots.values():
            for topic, row in snapshot["offsets"].items():
                found.setdefault(topic, {}).update({int(number): offset for number, offset in row.items()})
        return found


def addresses(given: Sequence[str]) -> list[str]:
    """Return the addresses of workers as URLs: ``host:6066`` is one too."""
    if not given:
        usage("no worker is named: give the address of each, as in --worker http://localhost:6066")
    made = [(each if "://" in each else f"http://{each}").rstrip("/") for each in given]
    for each in made:
        if made.count(each) > 1:
            usage(f"{each} is named twice: name each worker once")
    return made


async def ask(urls: Sequence[str], now: str | None, settings: Settings) -> Group:
    """Ask all workers for the same instant, by default their own now.

    While partitions move between workers, or deadlines have yet to pass, ask again. Raises ``Failure`` where a
    worker does not answer or works under other settings.
    """
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_ANSWER)) as session:
        deadline = time.monotonic() + _PATIENCE
        while True:
            instant = now
            if instant is None:
                heard = await asyncio.gather(*(_snapshot(session, url, None) for url in urls))
                instant = max(snapshot["now"] for snapshot in heard)
            asked = time.time_ns() // 1_000_000
            snapshots = await asyncio.gather(*(_snapshot(session, url, instant) for url in urls))
            group = Group(instant, asked, dict(zip(urls, snapshots, strict=True)))
            if not (group.missing or group.shared or group.pending) or time.monotonic() > deadline:
                break
            await asyncio.sleep(_PAUSE)
    for url, snapshot in group.snapshots.items():
        fingerprint = snapshot.get("fingerprint", settings.fingerprint)
        if fingerprint != settings.fingerprint:
            theirs, ours = fingerprint[:_SHOWN], settings.fingerprint[:_SHOWN]
            usage(
                f"{url} works under other settings (fingerprint {theirs}…, here {ours}…): give this command the"
                " environment and --config of the worker; `cxstream check` prints both"
            )
    return group


async def _snapshot(session: aiohttp.ClientSession, url: str, now: str | None) -> Json:
    import aiohttp

    try:
        async with session.get(f"{url}/api/snapshot", params={} if now is None else {"now": now}) as answer:
            told = await answer.json(content_type=None)
            if answer.status != 200:
                reason = told.get("error") if isinstance(told, dict) else None
                no(f"{url}: {reason or answer.reason}: ask for another --now, or look at {url}/readyz")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        why = one_line(error) or "no answer in time"
        no(f"{url}: {why}: start the worker, or correct its address")
    except ValueError:
        told = None
    if not isinstance(told, dict) or not {"offsets", "deadlines"} <= told.keys():
        no(f"{url}/api/snapshot is not that of a worker: correct the address")
    return told
