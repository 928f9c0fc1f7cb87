"""A worker on the wall clock under an SLA policy, as a process to be killed: ADDRESS PREFIX POLICY."""

import asyncio
import logging
import sys
from pathlib import Path

from cxstream.stream.worker import Worker
from tests.stream.helpdesk import SESSION, settings_for


async def main(address: str, prefix: str, policy: str) -> None:
    settings = settings_for(address, prefix, sla_policy=Path(policy)).model_copy(update={"clock": "wall"})
    async with Worker(settings, session=SESSION) as worker:
        await worker.run_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(*sys.argv[1:4]))
