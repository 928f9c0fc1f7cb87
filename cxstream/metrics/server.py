"""The aiohttp application of a worker, its limits, and how to serve it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from cxstream.metrics.door import KEEPALIVE, Door
from cxstream.metrics.page import DEFINITIONS, STATIC, Page, definitions, static

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cxstream.metrics.observed import Observed, Options

_LINE: Final = 4096  # bytes of a request line or of one header: room for any scraper, little for a flood
_HEADERS: Final = 64
_GRACE: Final = 5.0  # seconds a response may still take when the worker stops

DOOR: Final = web.AppKey("door", Door)

SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every response."""

_log = structlog.stdlib.get_logger(__name__)


def application(observed: Observed, settings: Options) -> web.Application:
    """All paths of a worker. Call it in the event loop that will serve it."""
    page, door = Page(observed, settings), Door()
    # Nothing here reads a body.
    app = web.Application(middlewares=[door.watch(), _guard], client_max_size=1)
    app[DOOR] = door
    app.on_shutdown.append(door.close)
    app.on_response_prepare.append(_secure)
    app.on_cleanup.append(page.close)
    app.router.add_get("/metrics", page.metrics)
    app.router.add_get("/healthz", page.healthz)
    app.router.add_get("/readyz", page.readyz)
    app.router.add_get("/api/snapshot", page.snapshot)
    app.router.add_get("/api/board", page.board)
    app.router.add_get("/api/tickets", page.tickets)
    app.router.add_get(DEFINITIONS, definitions())
    for path in STATIC:
        app.router.add_get(path, static(path))
    return app


async def serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; the runner (``await runner.cleanup()`` stops) and the port, which port 0 leaves to the system.

    Raises ``OSError`` where the address cannot be had.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE,
        max_line_size=_LINE,
        max_field_size=_LINE,
        max_headers=_HEADERS,
        lingering_time=0,
        shutdown_timeout=_GRACE,
    )
    await runner.setup()
    try:
        return runner, await app[DOOR].open(runner, host, port)
    except OSError:
        await runner.cleanup()
        raise


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse bodies; answer a failure of ours without its details, which go to the log."""
    if request.body_exists:
        response = web.Response(status=413, text="requests have no body here\n")
        response.force_close()
        return response
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the worker goes on
        _log.exception("request failed", path=request.path)
        return web.Response(status=500, text="internal error; the worker's log has the details\n")


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY)
    response.headers.pop("Server", None)
