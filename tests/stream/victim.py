"""A worker in a process of its own that dies, or freezes, at a given point.

usage: python -m tests.stream.victim ADDRESS PREFIX POINT COUNT

POINT: `apply` (after COUNT events), `write`, `middle`, `written` (before, within, after the COUNT-th write of the
changelog), `freeze` (stops itself before the COUNT-th write), `never`.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from cxstream.core.ledger import Ledger
from cxstream.stream.worker import Worker, WorkerFailedError
from cxstream.stream.writer import Writer
from tests.stream.helpdesk import SESSION, settings_for


def arm(point: str, count: int) -> None:
    """Put the trap into place."""
    left = count

    def strike(how: signal.Signals = signal.SIGKILL) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), how)

    apply, write, send = Ledger.apply, Writer.write, AIOKafkaProducer.send_batch

    def applied(self: Ledger, *args: object, **more: object) -> object:
        result = apply(self, *args, **more)
        strike()
        return result

    async def writing(self: Writer, rows: Sequence[tuple[bytes, bytes | None]], *more: object) -> None:
        if point in {"write", "freeze"}:
            strike(signal.SIGSTOP if point == "freeze" else signal.SIGKILL)
        await write(self, rows, *more)
        if point == "written":
            strike()

    async def sending(self: AIOKafkaProducer, batch: object, topic: str, **more: object) -> object:
        sent = await send(self, batch, topic, **more)
        await sent
        if topic.endswith("-changelog"):  # notices come before, in the same transaction
            strike()
        return sent

    if point == "apply":
        Ledger.apply = applied
    elif point == "middle":
        AIOKafkaProducer.send_batch = sending
    elif point != "never":
        Writer.write = writing


async def main(address: str, prefix: str) -> None:
    async with Worker(settings_for(address, prefix), session=SESSION) as worker:
        await worker.run_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    arm(sys.argv[3], int(sys.argv[4]))
    try:
        asyncio.run(main(*sys.argv[1:3]))
    except WorkerFailedError as failed:
        sys.exit(f"WorkerFailedError: {failed}")
