"""Placement: which partitioner records were placed by, and what that means for the numbers."""

import random

import pytest

from cxstream.core.placement import PARTITIONERS, Placement, placement, warnings

KEYS = [str(n).encode() for n in range(200)]


def placed(topic: str, by: str, partitions: int = 4) -> Placement:
    return placement(topic, partitions, [(key, PARTITIONERS[by](key, partitions)) for key in KEYS])


@pytest.mark.parametrize(
    ("name", "key", "partitions", "expected"),
    [
        # The check value of CRC-32, and the test vectors of FNV-1a.
        ("crc32", b"123456789", 1 << 32, 0xCBF43926),
        ("fnv1a", b"foobar", 1 << 32, (1 << 32) - 0xBF9CF968),
        ("fnv1a", b"", 1 << 32, (1 << 32) - 0x811C9DC5),
        ("murmur2", b"21", 1 << 31, -973932308 & 0x7FFFFFFF),  # of Kafka's own tests
    ],
)
def test_the_hashes_are_those_of_the_clients(name, key, partitions, expected):
    assert PARTITIONERS[name](key, partitions) == expected


@pytest.mark.parametrize("name", PARTITIONERS)
@pytest.mark.parametrize("partitions", [2, 4, 12])
def test_the_partitioner_is_known_by_its_work(name, partitions):
    found = placed("t", name, partitions)
    assert (found.partitioner, found.seen) == (name, 200)
    assert found.state == ("ok" if name == "murmur2" else "other")
    assert bool(found.misplaced) == (name != "murmur2")
    assert bool(found.remedy) == (name != "murmur2")


def test_with_one_partition_all_is_well():
    assert placed("t", "crc32", 1).state == "ok"


def test_a_publisher_that_goes_astray_is_mixed():
    rng = random.Random(1)
    found = placement("t", 4, [(key, rng.randrange(4)) for key in KEYS])
    assert (found.state, found.partitioner) == ("mixed", None)
    assert 100 < found.misplaced < 190


def test_one_publisher_of_several_is_known_by_its_records():
    keys = [(key, PARTITIONERS["crc32" if n % 10 == 0 else "murmur2"](key, 4)) for n, key in enumerate(KEYS)]
    found = placement("t", 4, keys)
    assert (found.state, found.partitioner) == ("mixed", "crc32")
    assert 5 < found.misplaced < 20
    (line,) = warnings([found, placed("u", "crc32")][:1])
    assert "written with crc32" in line
    assert "sarama" not in line
    assert len(list(warnings([found, placed("u", "crc32")]))) == 2  # not the same throughout


def test_what_is_right_or_empty_is_not_warned_of():
    assert list(warnings([placed("a", "murmur2"), placement("b", 4, [])])) == []
    assert list(warnings([])) == []


def test_one_other_partitioner_throughout_is_harmless_and_said_once():
    (line,) = warnings([placed("a", "crc32"), placed("b", "crc32"), placement("c", 4, [])])
    assert "all topics are written with the partitioner crc32" in line
    assert "partitioner=murmur2_random" in line


def test_topics_that_disagree_are_named():
    (line,) = warnings([placed("a", "murmur2"), placed("b", "fnv1a")])
    assert line.startswith("b: ")
    assert "written with fnv1a" in line
    assert "sarama" in line
    both = list(warnings([placed("a", "crc32"), placed("b", "fnv1a")]))
    assert [each[:3] for each in both] == ["a: ", "b: "]
