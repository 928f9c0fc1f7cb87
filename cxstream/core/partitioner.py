"""The partition of a key, as the default partitioner of the Java client chooses it (murmur2).

aiokafka and kafkajs choose the same way, librdkafka with ``partitioner=murmur2_random``; so a ticket's events
meet in one partition number of all topics, whoever publishes them.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Final

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF  # all arithmetic is on 32 bits, as in Java
_POSITIVE: Final = 0x7FFFFFFF  # Java clears the sign before it takes the rest


def murmur2(key: bytes) -> int:
    """The 32 bits of Java's ``Utils.murmur2``, unsigned."""
    size = len(key)
    words, rest = divmod(size, 4)
    h = _SEED ^ size
    for word in unpack_from(f"<{words}I", key):
        k = word * _MULTIPLIER & _WORD
        h = (h * _MULTIPLIER ^ (k ^ k >> 24) * _MULTIPLIER) & _WORD
    if rest:
        h = (h ^ int.from_bytes(key[-rest:], "little")) * _MULTIPLIER & _WORD
    h = (h ^ h >> 13) * _MULTIPLIER & _WORD
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition, from 0, of ``key`` in a topic with that many partitions."""
    return (murmur2(key) & _POSITIVE) % partitions
