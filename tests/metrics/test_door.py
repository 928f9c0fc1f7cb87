"""Whoever comes in numbers, or takes his time, is turned out; others are served meanwhile."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from cxstream.metrics import application, serve
from cxstream.metrics.door import Door
from cxstream.metrics.server import DOOR

from .observed import Options

MOST = 3


@pytest.fixture
async def port(worker):
    app = application(worker, Options())
    door = Door(most=MOST, first=0.5, idle=1.0)
    app[DOOR]._most, app[DOOR]._first, app[DOOR]._idle = door._most, door._first, door._idle
    runner, port = await serve(app, "127.0.0.1", 0)
    yield port
    await runner.cleanup()


async def ask(port: int) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/healthz") as response,
    ):
        return response.status


async def let_in(port: int) -> None:
    for _ in range(200):
        if await ask(port) == 200:
            return
        await asyncio.sleep(0.1)
    pytest.fail("nobody is let in")


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What was still said until the connection was closed."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_a_request_that_never_ends_is_turned_out(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    assert await closed(reader) == b""
    writer.close()


async def test_an_idle_connection_is_closed_after_its_time_and_not_before(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(3) == b"ok\n"
        await asyncio.sleep(0.7)  # longer than a first request may take
    assert await closed(reader) == b""
    writer.close()


async def test_beyond_the_most_nobody_comes_in_until_others_have_gone(port):
    async with AsyncExitStack() as stack:
        for _ in range(MOST):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
        assert await ask(port) == 503
    await let_in(port)


async def test_a_thousand_idlers_do_not_keep_a_scraper_out(port):
    """They are turned out in rounds; whoever asks again is let in."""
    writers = []
    for _ in range(1_000):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
    await let_in(port)
    for writer in writers:
        writer.close()
