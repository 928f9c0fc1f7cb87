"""The yardstick of `throughput`: a bare loop of aiokafka's `getmany` and pydantic's validation, nothing else.

usage: python -m benchmarks.bare ADDRESS PREFIX COUNT
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from benchmarks.machine import cpu_seconds
from benchmarks.running import PARTITIONS
from cxstream.core.event import REQUIRED_TOPICS
from cxstream.core.models import PAYLOAD_OF_TOPIC


async def consume(address: str, prefix: str, count: int) -> dict[str, Any]:
    """Read and validate; the clock starts with the first request for records."""
    validators = {
        prefix + topic: PAYLOAD_OF_TOPIC[topic].__pydantic_validator__.validate_json
        for topic in REQUIRED_TOPICS
    }
    consumer = AIOKafkaConsumer(
        bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    consumer.assign([TopicPartition(name, number) for name in validators for number in range(PARTITIONS)])
    done = invalid = 0
    started, cpu = time.perf_counter(), cpu_seconds()
    while done < count:
        for tp, rows in (await consumer.getmany(timeout_ms=1_000)).items():
            validate = validators[tp.topic]
            for row in rows:
                try:
                    validate(row.value)
                except ValidationError:
                    invalid += 1
            done += len(rows)
    seconds, cpu = time.perf_counter() - started, cpu_seconds() - cpu
    await consumer.stop()
    return {"events": done, "seconds": seconds, "cpu_seconds": cpu, "invalid": invalid}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
