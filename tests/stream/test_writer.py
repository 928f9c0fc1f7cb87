"""Closing a producer: at once, without an error, and with nothing left open, whatever it still waits for."""

import asyncio
import gc

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cxstream.stream.writer import dispose, packed, producer
from tests.kafka import RealBroker, obstacle
from tests.stream.helpdesk import settings_for

pytestmark = pytest.mark.broker


@pytest.fixture
def broker(tmp_path):
    if reason := obstacle():
        pytest.skip(f"no real Kafka: {reason}")
    with RealBroker(tmp_path, properties={"auto.create.topics.enable": "true"}) as made:
        yield made


@pytest.mark.parametrize("broken_off", [True, False])
async def test_a_producer_is_given_up_with_a_batch_on_its_way(broker, broken_off):
    client = producer(settings_for(broker.address, "x-"), enable_idempotence=True)
    await client.start()
    await client.send_and_wait("topic", b"before", partition=0)
    broker.pause()
    held = await client.send("topic", b"on its way", partition=0)
    while client._message_accumulator._batches:  # noqa: ASYNC110 - aiokafka has no event for it
        await asyncio.sleep(0)
    closing = asyncio.create_task(dispose(client))
    if broken_off:
        with pytest.raises(KafkaError, match="closed"):
            await held
        broker.kill()
    await asyncio.wait_for(closing, 10)
    with pytest.raises(KafkaError, match="closed"):
        await held
    assert not any(connection.connected() for connection in client.client._conns.values())


async def send(client: AIOKafkaProducer) -> None:
    (batch,) = packed(client, [(None, b"on its way", [])])
    await (await client.send_batch(batch, "topic", partition=0))


async def test_nobody_complains_of_a_batch_that_is_given_up(broker):
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    client = producer(settings_for(broker.address, "x-"))
    await client.start()
    await client.send_and_wait("topic", b"before", partition=0)
    broker.pause()
    first, second = (asyncio.create_task(send(client)) for _ in range(2))
    accumulator = client._message_accumulator
    while not (accumulator._pending_batches and accumulator._batches):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    second.cancel()  # it waits for its turn
    await dispose(client)
    with pytest.raises(KafkaError, match="closed"):
        await first
    broker.kill()
    del accumulator, client, first, second
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
