"""The other workers: where they are, and what they answer: snapshots of one instant, lists of tickets."""

from __future__ import annotations

import asyncio
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cxstream.core.answer import Json

_PATIENCE: Final = 2.0
"""Seconds a worker may take to answer: it shows its own numbers within milliseconds."""
_KNOWN: Final = 10.0
"""Seconds after which a DNS name is looked up again: workers come and go about as fast."""
_MOST: Final = 256  # addresses asked in one round; a group has no more workers than partitions
_LARGEST: Final = 64 * 2**20  # bytes of a snapshot: some 10,000 label sets


class _Question(NamedTuple):
    """What workers are asked for."""

    path: str
    name: str
    content: str
    """The key without which an answer is none."""


_SNAPSHOT: Final = _Question("/api/snapshot", "snapshot", "windows")
_TICKETS: Final = _Question("/api/tickets", "list of tickets", "tickets")


class Answers(NamedTuple):
    """What one round has brought."""

    given: list[Json]
    """One per worker, however many of its addresses were asked."""
    failures: list[str]
    """Who has not answered and why, in words."""


class Peers:
    """Workers by address (``http://host:port``) or by a name (``host[:port]``) that leads to each of them."""

    def __init__(self, names: Sequence[str], port: int) -> None:
        self._names = names
        self._port = port
        self._session: aiohttp.ClientSession | None = None
        self._found: dict[str, tuple[float, list[str]]] = {}

    def __bool__(self) -> bool:
        """Whether any are configured."""
        return bool(self._names)

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, now: int | None, *, known: Iterable[Json] = (), bars: bool = False) -> Answers:
        """The snapshots of all workers but those of ``known``, as of ``now`` in ms (``None`` = their clocks)."""
        query = {} if now is None else {"now": str(now)}
        if bars:
            query["history"] = "1"
        return await self._gather(_SNAPSHOT, query, known)

    async def tickets(self, query: dict[str, str], known: Iterable[Json]) -> Answers:
        """The lists of tickets of all workers but those of ``known``."""
        return await self._gather(_TICKETS, query, known)

    async def _gather(self, question: _Question, query: dict[str, str], known: Iterable[Json]) -> Answers:
        places = await asyncio.gather(*(self._places(name) for name in self._names))
        urls = list(dict.fromkeys(url for found, _ in places for url in found))[:_MOST]
        failures = [failure for _, failure in places if failure]
        workers = {one["worker"]: one for one in known}
        own = set(workers)
        found = await asyncio.gather(*(self._ask(url, question, query) for url in urls))
        for url, answer in zip(urls, found, strict=True):
            if isinstance(answer, str):
                failures.append(f"{url} does not answer: {answer}")
            else:
                workers.setdefault(answer["worker"], answer)
        return Answers([one for name, one in workers.items() if name not in own], failures)

    async def _ask(self, url: str, question: _Question, query: dict[str, str]) -> Json | str:
        """The answer, or why there is none."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_PATIENCE), connector=aiohttp.TCPConnector(limit=_MOST)
            )
        try:
            async with self._session.get(
                url + question.path, params=query, allow_redirects=False
            ) as response:
                if response.status != 200:
                    return f"status {response.status}"
                body = bytearray()
                async for part in response.content.iter_any():
                    body += part
                    if len(body) > _LARGEST:
                        return f"more than {_LARGEST // 2**20} MiB"
        except TimeoutError:
            return f"nothing within {_PATIENCE:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _reason(error)
        return await asyncio.to_thread(_read, bytes(body), question)

    async def _places(self, name: str) -> tuple[list[str], str]:
        """The addresses behind a name, and why there are none."""
        if "://" in name:
            return [name.rstrip("/")], ""
        url = urlsplit(f"//{name}")
        port = url.port or self._port
        asked, found = self._found.get(name, (0.0, []))
        if found and monotonic() - asked < _KNOWN:
            return found, ""
        try:
            async with asyncio.timeout(_PATIENCE):
                rows = await asyncio.get_running_loop().getaddrinfo(
                    url.hostname, port, type=socket.SOCK_STREAM
                )
        except (TimeoutError, OSError) as error:
            return found, f"{name} cannot be looked up: {_reason(error)}"
        hosts = sorted({str(row[4][0]) for row in rows})
        found = [f"http://{f'[{host}]' if ':' in host else host}:{port}" for host in hosts]
        self._found[name] = (monotonic(), found)
        return found, ""


def _read(body: bytes, question: _Question) -> Json | str:
    try:
        answer: Any = msgspec.json.decode(body)
        complete = (
            answer["worker"] and answer["partitions"] is not None and answer[question.content] is not None
        )
    except (msgspec.DecodeError, KeyError, TypeError):
        complete = False
    return answer if complete else f"what it says is no {question.name} of this version"


def _reason(error: Exception) -> str:
    cause: Exception = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError):
        if (cause.errno or 0) > 0:  # asyncio puts addresses into its words
            return os.strerror(cause.errno or 0)
        return cause.strerror or type(cause).__name__
    return " ".join(str(cause).split()) or type(cause).__name__
