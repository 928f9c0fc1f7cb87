"""Placement: which partitioner has put records where they are, and what to change where it is another than ours.

A ticket's events must meet in one partition number. They do if all topics are written by one partitioner, whichever it
is; so one that is used throughout is told and harmless, and one that is used for some topics only is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from zlib import crc32

from cxstream.core.partitioner import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SIGN: Final = 0x80000000
_WORD: Final = 0x100000000
_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193

Record = tuple[bytes, int]
"""A record's key and partition."""


def _crc32(key: bytes, partitions: int) -> int:
    """Choose as ``consistent`` of librdkafka does, its default for records with a key."""
    return crc32(key) % partitions


def _fnv1a(key: bytes, partitions: int) -> int:
    """Choose as Sarama's default does: the rest of the signed hash, without its sign."""
    found = _FNV_OFFSET
    for byte in key:
        found = (found ^ byte) * _FNV_PRIME % _WORD
    return (found if found < _SIGN else _WORD - found) % partitions


PARTITIONERS: Final[Mapping[str, Callable[[bytes, int], int]]] = {
    "murmur2": partition_of,
    "crc32": _crc32,
    "fnv1a": _fnv1a,
}
"""What records are compared with, ours first."""

REMEDIES: Final = {
    "librdkafka (confluent-kafka, kcat, .NET, Go)": "partitioner=murmur2_random",
    "Java": "leave partitioner.class unset and partitioner.ignore.keys=false",
    "kafkajs": "createPartitioner: Partitioners.DefaultPartitioner (JavaCompatiblePartitioner before 2.0)",
    "Go sarama": (
        "Producer.Partitioner = NewCustomPartitioner(WithAbsFirst(), WithCustomHashFunction(murmur2))"
    ),
}
"""By client, how to have keys partitioned as Java's default does."""
_USED_BY: Final = {"crc32": "librdkafka (confluent-kafka, kcat, .NET, Go)", "fnv1a": "Go sarama"}

State = Literal["ok", "empty", "other", "mixed"]


class Placement(NamedTuple):
    """How the records of a topic are placed."""

    topic: str
    state: State
    """``other``: all fit one other partitioner; ``mixed``: they fit no single one."""
    seen: int
    misplaced: int
    partitioner: str | None
    """The one that all records fit; of mixed ones, the one that all misplaced records fit."""

    @property
    def remedy(self) -> str:
        """What to change at the publisher."""
        if self.state not in {"other", "mixed"}:
            return ""
        client = _USED_BY.get(self.partitioner or "")
        chosen = {client: REMEDIES[client]} if client else REMEDIES
        return "; ".join(f"{name}: {setting}" for name, setting in chosen.items())


def placement(topic: str, partitions: int, records: Iterable[Record]) -> Placement:
    """Judge a sample of a topic's records."""
    records = list(records)
    stray = [(key, number) for key, number in records if partition_of(key, partitions) != number]
    by = _fitting(records, partitions)
    state: State = "empty" if not records else "ok" if not stray else "other" if by else "mixed"
    return Placement(topic, state, len(records), len(stray), by or _fitting(stray, partitions))


def _fitting(records: list[Record], partitions: int) -> str | None:
    """The partitioner by which all these records may have been placed."""
    for name, choose in PARTITIONERS.items():
        if records and all(choose(key, partitions) == number for key, number in records):
            return name
    return None


def warnings(placements: Iterable[Placement]) -> Iterable[str]:
    """What is wrong with topics together, a line each, with the remedy."""
    told = [each for each in placements if each.state != "empty"]
    used = {None if each.state == "mixed" else each.partitioner for each in told}
    if len(used) == 1 and None not in used:
        (name,) = used
        if name != "murmur2":
            yield (
                f"all topics are written with the partitioner {name} instead of murmur2: the numbers are exact as"
                f" long as every publisher does so, cxstream's own (simulate, replay, gateway) do not; {told[0].remedy}"
            )
        return
    for each in told:
        if each.misplaced:
            by = f"with {each.partitioner}" if each.partitioner else "with no one partitioner"
            yield (
                f"{each.topic}: {each.misplaced} of the last {each.seen} records lie in another partition than their"
                f" key's, written {by}: their tickets are counted in two halves; {each.remedy}"
            )
