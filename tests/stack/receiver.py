"""Receives what Alertmanager sends, and prints what a person would read."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Receiver:
    """An HTTP server; `alerts` are those received, each with its `receiver`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.alerts: list[dict[str, Any]] = []
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()
                receiver._take(self.path.strip("/"), body, quiet=quiet)

            def log_message(self, *_: object) -> None:
                """Say nothing: what is received is printed instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, name: str, body: dict[str, Any], *, quiet: bool) -> None:
        with self._came:
            self.alerts += [{**alert, "receiver": name} for alert in body["alerts"]]
            self._came.notify_all()
        if not quiet:
            for alert in body["alerts"]:
                print(text(name, alert), flush=True)

    def wait_for(
        self, name: str, patience: float, *, status: str = "firing", **labels: str
    ) -> dict[str, Any]:
        """The first alert of that name, status and labels, as soon as it is there."""

        def found() -> dict[str, Any] | None:
            wanted = {"alertname": name, **labels}
            return next(
                (
                    each
                    for each in self.alerts
                    if each["status"] == status and wanted.items() <= each["labels"].items()
                ),
                None,
            )

        with self._came:
            alert = self._came.wait_for(found, patience)
        received = [(each["status"], each["labels"]) for each in self.alerts]
        assert alert, f"no {status} {name} within {patience:.0f} s; received: {received}"
        return alert


def text(receiver: str, alert: dict[str, Any]) -> str:
    """An alert as a person reads it."""
    notes = alert["annotations"]
    links = "".join(
        f"\n    {notes[name]}" for name in ("tickets_url", "dashboard_url", "runbook_url") if name in notes
    )
    return f"[{receiver}] {alert['status']}: {notes['summary']}\n    {notes['description']}{links}"
