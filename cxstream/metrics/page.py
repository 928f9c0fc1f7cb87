"""The handlers of a worker's HTTP paths: metrics, probes, snapshot and live page."""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from aiohttp import web

from cxstream.core.instant import parse_instant
from cxstream.core.rules import DAY
from cxstream.core.snapshot import snapshot
from cxstream.metrics.exposition import compress, negotiate
from cxstream.metrics.frozen import freeze
from cxstream.metrics.scrape import Scrapes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence

    from cxstream.core.ledger import Ledger
    from cxstream.metrics.frozen import Partition
    from cxstream.metrics.observed import Observed, Options

JSON: Final = "application/json"
STATIC: Final = {
    "/": ("page.html", "text/html"),
    "/static/page.css": ("page.css", "text/css"),
    "/static/page.js": ("page.js", "text/javascript"),
    "/static/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""The paths of the live page: file beside this module, media type."""

_NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,9})?")
# A "+" that was not written as %2B arrives as a space: 2026-03-02T10:00:00 01:00
_LOST_PLUS: Final = re.compile(r"(T\S+) (\d\d:?\d\d)")
_AHEAD: Final = 31 * DAY  # ms: beyond the longest window nothing is left to see
_LONGEST_NOW: Final = 64  # characters; no instant is longer


class Page:
    """What the handlers share."""

    def __init__(self, observed: Observed, options: Options) -> None:
        self._observed = observed
        self._scrapes = Scrapes(observed, options)

    async def metrics(self, request: web.Request) -> web.Response:
        """``/metrics``."""
        form = negotiate(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
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
        """``/readyz``: 503 and the reason until assigned and recovered; as JSON with ``/readyz?json``."""
        reason = self._observed.ready()
        status = 200 if reason is None else 503
        if not request.query_string:
            return _text("ready" if reason is None else reason, status=status)
        state = {
            "ready": reason is None,
            "reason": reason,
            "recovering": self._observed.recovering(),
            "partitions": sorted(self._observed.assigned()),
        }
        return _json(msgspec.json.encode(state), status=status)

    async def snapshot(self, request: web.Request) -> web.Response:
        """``/api/snapshot``: this worker's numbers, as of now or of ``?now=INSTANT``."""
        unknown = sorted(set(request.query) - {"now"})
        if unknown:
            return _refusal(f"unknown parameter {unknown[0][:_LONGEST_NOW]!r}: only now=INSTANT is known")
        text = request.query.get("now")
        try:
            wanted = None if text is None else self._instant(text)
        except ValueError as error:
            return _refusal(str(error))
        try:
            now, partitions = await freeze(self._observed, wanted)
        except (ValueError, OverflowError) as error:
            return _refusal(f"now={text}: {error}")
        observed = self._observed
        known = max(observed.topic_partitions().values(), default=observed.partitions)
        more = {
            "complete": not observed.recovering() and 0 < known <= len(partitions),
            "partitions": list(partitions),
            "topic_partitions": known,
            "offsets": _offsets(observed.topics, partitions),
        }
        gzip = negotiate("", request.headers.get("Accept-Encoding", "")).gzip
        response = _json(await asyncio.to_thread(self._encode, now, partitions, more, gzip=gzip))
        response.headers["Vary"] = "Accept-Encoding"
        if gzip:
            response.headers["Content-Encoding"] = "gzip"
        return response

    def _instant(self, text: str) -> int:
        """Raises ``ValueError`` with cause and remedy; what is too long ago, the windows refuse."""
        now = _instant(text)
        if now > max(self._observed.now(), self._observed.wall()) + _AHEAD:
            days = _AHEAD // DAY
            message = (
                f"now={text} is more than {days} days ahead of the worker's clock: choose an earlier one"
            )
            raise ValueError(message)
        return now

    def _encode(
        self, now: int, partitions: dict[int, Partition], more: dict[str, Any], *, gzip: bool
    ) -> bytes:
        ledgers = cast("Collection[Ledger]", [partition.frozen for partition in partitions.values()])
        body = msgspec.json.encode({**snapshot(ledgers, self._observed.rules, now), **more})
        return compress(body) if gzip else body


def _offsets(topics: Sequence[str], partitions: dict[int, Partition]) -> dict[str, dict[str, int]]:
    """Last applied offset by topic and partition, as of the moment in which each partition was copied."""
    return {
        topic: {
            str(number): found.offsets[topic]
            for number, found in partitions.items()
            if topic in found.offsets
        }
        for topic in topics
    }


def _instant(text: str) -> int:
    shown = text if len(text) <= _LONGEST_NOW else text[:_LONGEST_NOW] + "…"
    remedy = "write RFC 3339 with an offset such as 2026-03-02T09:00:00Z, or epoch seconds or milliseconds"
    try:
        if len(text) > _LONGEST_NOW:
            raise ValueError  # noqa: TRY301 - one message for all that is no instant
        if _NUMBER.fullmatch(text):
            return parse_instant(float(text) if "." in text else int(text))
        return parse_instant(_LOST_PLUS.sub(r"\1+\2", text))
    except (ValueError, OverflowError):
        message = f"now={shown!r} is no instant: {remedy}"
        raise ValueError(message) from None


def static(path: str) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    """The handler of a file of the live page; read once, revalidated by its hash."""
    name, media = STATIC[path]
    content = (files(__package__) / "static" / name).read_bytes()
    tag = f'"{sha256(content).hexdigest()[:32]}"'

    async def handle(request: web.Request) -> web.Response:
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=media, charset="utf-8", headers=headers)

    return handle


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text + "\n", status=status, headers={"Cache-Control": "no-store"})


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=JSON, headers={"Cache-Control": "no-store"})


def _refusal(reason: str) -> web.Response:
    return _json(msgspec.json.encode({"error": reason}), status=400)
