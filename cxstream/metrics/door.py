"""The door of the HTTP server: how many may come in, and for how long one may stand in it.

aiohttp limits neither: it waits without an end for a request that arrives byte by byte and for a reader who does not
read. A worker has few visitors (Prometheus, probes, some pages), so whoever takes longer is turned out.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware
    from aiohttp.web_protocol import RequestHandler

MOST: Final = 1_024
"""Connections at a time: a hundred pages of three each, all opened at once, a fleet's peers and scrapers; each costs
some 50 KB at most."""
FIRST: Final = 10.0
"""Seconds until the first request of a connection must be there."""
KEEPALIVE: Final = 75.0
"""Seconds that a connection may be idle between two requests: more than any usual scrape interval."""
_READING: Final = 30.0
"""Seconds beyond that for an answer to be taken by its reader, or for a next request to be completed."""
_ROUND: Final = 1.0
"""Seconds between two looks."""


class Door:
    """Lets connections in and turns them out; ``watch`` and ``close`` are for the application."""

    def __init__(self, *, most: int = MOST, first: float = FIRST, idle: float = KEEPALIVE + _READING) -> None:
        self._most, self._first, self._idle = most, first, idle
        self._since: dict[RequestHandler, float] = {}
        """Connections, and when they were first seen."""
        self._served: dict[RequestHandler, float] = {}
        """Connections that have made a request, and when their last one was answered; infinity meanwhile."""
        self._listening: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, runner: web.AppRunner, host: str, port: int) -> int:
        """Listen until the application shuts down; the port. Raises ``OSError`` where the address cannot be had."""
        server = runner.server
        if server is None:
            raise RuntimeError("the runner has not been set up")

        def protocol() -> asyncio.BaseProtocol:
            return _Full() if len(server.connections) >= self._most else server()

        self._listening = await asyncio.get_running_loop().create_server(protocol, host, port)
        self._task = asyncio.create_task(self._rounds(server), name="door")
        return int(self._listening.sockets[0].getsockname()[1])

    async def close(self, _: web.Application) -> None:
        """Let nobody in any more; for ``on_shutdown``."""
        if self._listening is not None:
            self._listening.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def watch(self) -> Middleware:
        """Return a middleware that takes note of the beginning and the end of each answer."""

        @web.middleware
        async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = request.protocol
            self._served[connection] = math.inf
            try:
                return await handler(request)
            finally:
                self._served[connection] = time.monotonic()

        return watched

    async def _rounds(self, server: web.Server) -> None:
        while True:
            await asyncio.sleep(_ROUND)
            now, there = time.monotonic(), server.connections
            self._since = {connection: self._since.get(connection, now) for connection in there}
            self._served = {at: self._served[at] for at in there if at in self._served}
            for connection, since in self._since.items():
                served = self._served.get(connection)
                late = now - since > self._first if served is None else now - served > self._idle
                if late and connection.transport is not None:
                    connection.transport.abort()


class _Full(asyncio.Protocol):
    """Answers everybody that there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):  # as of TCP always
            transport.write(
                b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
        transport.close()
