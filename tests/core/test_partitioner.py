import pytest
from aiokafka import partitioner as aiokafka
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core.partitioner import murmur2, partition_of

# From the tests of Kafka's own clients (org.apache.kafka.common.utils.UtilsTest), as signed 32-bit numbers.
KAFKA_VECTORS = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "signed"), KAFKA_VECTORS)
def test_vectors_of_kafka(key, signed):
    assert murmur2(key) == signed & 0xFFFFFFFF


def test_of_nothing():
    # With no word and no rest only the last mixing is left of the seed.
    h = 0x9747B28C
    h = (h ^ h >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    assert murmur2(b"") == h ^ h >> 15


@given(st.binary(max_size=200))
def test_agrees_with_aiokafka(key):
    assert murmur2(key) == aiokafka.murmur2(key) & 0xFFFFFFFF


@given(st.binary(min_size=1, max_size=40), st.integers(1, 64))
def test_partition_is_that_of_aiokafkas_default(key, partitions):
    every = list(range(partitions))
    assert partition_of(key, partitions) == aiokafka.DefaultPartitioner()(key, every, every)


def test_every_partition_is_used():
    assert {partition_of(str(number).encode(), 4) for number in range(100)} == {0, 1, 2, 3}
