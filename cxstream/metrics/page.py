"""The handlers of a worker's HTTP paths: metrics, probes, snapshot and live page."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from importlib.resources import files
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from cxstream.metrics.board import Boards
from cxstream.metrics.definitions import document
from cxstream.metrics.exposition import compress, negotiate
from cxstream.metrics.peers import Peers
from cxstream.metrics.query import Query
from cxstream.metrics.rounds import Rounds
from cxstream.metrics.scrape import Scrapes
from cxstream.metrics.share import share
from cxstream.metrics.tickets import CLOSED, Question, Tickets

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from cxstream.core.answer import Json
    from cxstream.metrics.observed import Observed, Options

JSON: Final = "application/json"
STATIC: Final = {
    "/": ("page.html", "text/html"),
    "/static/page.css": ("page.css", "text/css"),
    "/static/page.js": ("page.js", "text/javascript"),
    "/static/show.js": ("show.js", "text/javascript"),
    "/static/chart.js": ("chart.js", "text/javascript"),
    "/static/text.js": ("text.js", "text/javascript"),
    "/static/theme.js": ("theme.js", "text/javascript"),
    "/static/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""The paths of the live page: file beside this module, media type."""
DEFINITIONS: Final = "/static/definitions.json"


class Page:
    """What the handlers share."""

    def __init__(self, observed: Observed, options: Options) -> None:
        self._observed = observed
        self._scrapes = Scrapes(observed, options)
        self._peers = Peers(options.peers, options.http_address[1])
        self._name = token_hex(4)
        self._rounds = Rounds(observed, self._peers, self._name)
        self._boards = Boards(observed, self._rounds, options)
        self._tickets = Tickets(observed, self._peers, options, self._name) if options.ticket_api else None

    async def close(self, _: web.Application) -> None:
        """Hang up on the peers."""
        await self._peers.close()

    async def metrics(self, request: web.Request) -> web.Response:
        """``/metrics``; with ``?name[]=NAME`` only the metrics of these names."""
        form = negotiate(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
        if "name[]" in request.query:
            form = form._replace(names=frozenset(request.query.getall("name[]")))
        body = await self._scrapes.body(form)
        headers = {
            "Content-Type": form.content_type,
            "Vary": "Accept, Accept-Encoding",
            "Cache-Control": "no-store",
        }
        if form.gzip:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    async def healthz(self, _: web.Request) -> web.Response:
        """``/healthz``: whether the event loop beats; not dependent on Kafka."""
        if self._observed.alive():
            return _text("ok")
        return _text("the event loop of the worker does not beat", status=503)

    async def readyz(self, request: web.Request) -> web.Response:
        """``/readyz``: 503 and the reason until assigned and recovered.

        As JSON with ``/readyz?json``, which also tells, at little cost, how far the worker is: ``offsets`` as in the
        snapshot.
        """
        reason = self._observed.ready()
        status = 200 if reason is None else 503
        if not request.query_string:
            return _text("ready" if reason is None else reason, status=status)
        state = {
            "ready": reason is None,
            "reason": reason,
            "recovering": self._observed.recovering(),
            "partitions": sorted(self._observed.assigned()),
            "offsets": self._observed.offsets(),
        }
        return _json(msgspec.json.encode(state), status=status)

    async def snapshot(self, request: web.Request) -> web.Response:
        """``/api/snapshot``: this worker's numbers or the fleet's, as of now or of ``?now=INSTANT``."""
        try:
            query = Query.read(request.query, max(self._observed.now(), self._observed.wall()))
        except ValueError as error:
            return _refusal(str(error))
        try:
            answer = await self._answer(query)
        except (ValueError, OverflowError) as error:
            return _refusal(f"now={request.query.get('now')}: {error}")
        zipped = _zipped(request)
        return _json(await asyncio.to_thread(_encode, answer, gzip=zipped), gzip=zipped)

    async def _answer(self, query: Query) -> Json:
        if not query.fleet:
            return await share(self._observed, query.now, self._name, bars=query.history)
        whole = await (self._rounds.latest() if query.now is None else self._rounds.at(query.now))
        return whole if query.history else {key: whole[key] for key in whole if key != "history"}

    async def board(self, request: web.Request) -> web.Response:
        """``/api/board``: what the live page shows; one encoding a second, whoever asks."""
        zipped = _zipped(request)
        board = await self._boards.latest()
        return _json(board.gzip if zipped else board.plain, gzip=zipped)

    async def tickets(self, request: web.Request) -> web.Response:
        """``/api/tickets``: single tickets by deadline; 404 unless the settings open it."""
        if self._tickets is None:
            return _refusal(CLOSED, status=404)
        try:
            question = Question.read(request.query)
        except ValueError as error:
            return _refusal(str(error))
        zipped = _zipped(request)
        return _json(_encode(await self._tickets.answer(question), gzip=zipped), gzip=zipped)


def static(path: str) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    """The handler of a file of the live page; read once, revalidated by its hash."""
    name, media = STATIC[path]
    return _fixed((files(__package__) / "static" / name).read_bytes(), media)


def definitions() -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    """The handler of the numbers' titles and meanings."""
    return _fixed(msgspec.json.encode(document()), JSON)


def _fixed(content: bytes, media: str) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    tag = f'"{sha256(content).hexdigest()[:32]}"'

    async def handle(request: web.Request) -> web.Response:
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=media, charset="utf-8", headers=headers)

    return handle


def _encode(answer: Json, *, gzip: bool) -> bytes:
    body = msgspec.json.encode(answer)
    return compress(body) if gzip else body


def _zipped(request: web.Request) -> bool:
    return negotiate("", request.headers.get("Accept-Encoding", "")).gzip


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text + "\n", status=status, headers={"Cache-Control": "no-store"})


def _json(body: bytes, status: int = 200, *, gzip: bool = False) -> web.Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if gzip:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, status=status, content_type=JSON, headers=headers)


def _refusal(reason: str, status: int = 400) -> web.Response:
    return _json(msgspec.json.encode({"error": reason}), status=status)
