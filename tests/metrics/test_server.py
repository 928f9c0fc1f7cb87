"""The HTTP paths of a worker, over a real socket."""

import asyncio
import gzip
import json
import re

import aiohttp
import pytest

from cxstream.core.instant import parse_instant
from cxstream.metrics import application, serve
from cxstream.metrics.page import DEFINITIONS, STATIC
from cxstream.metrics.server import SECURITY

from .observed import MINUTE, NOON, Options, busy

PATHS = ["/metrics", "/healthz", "/readyz", "/api/snapshot", "/api/board", DEFINITIONS, *STATIC]


class Client:
    def __init__(self, session, url):
        self.session, self.url = session, url

    async def get(self, path, method="GET", **options):
        async with self.session.request(
            method, self.url + path, allow_redirects=False, **options
        ) as response:
            response.content_read = await response.read()
            return response

    async def json(self, path):
        response = await self.get(path, headers={"Accept-Encoding": "identity"})
        assert response.content_type == "application/json"
        return json.loads(response.content_read)


@pytest.fixture
async def client(worker):
    runner, port = await serve(application(worker, Options()), "127.0.0.1", 0)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield Client(session, f"http://127.0.0.1:{port}")
    await runner.cleanup()


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_answers_get_and_head_with_all_headers(client, path):
    got, head = await client.get(path), await client.get(path, "HEAD")
    assert (got.status, head.status) == (200, 200)
    assert got.content_read
    assert not head.content_read
    for response in (got, head):
        assert {name: response.headers[name] for name in SECURITY} == SECURITY
        assert "Server" not in response.headers
        assert response.headers["Cache-Control"] in {"no-store", "no-cache"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_can_be_changed(client, path, method):
    response = await client.get(path, method)
    assert response.status == 405
    assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path",
    [
        "/x",
        "/metrics/",
        "/readyz/",
        "/static/",
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/api/tickets",
        "/api",
        "//",
    ],
)
async def test_unknown_paths_are_not_found(client, path):
    response = await client.get(path)
    assert response.status == 404
    assert response.headers["Content-Security-Policy"]


async def test_metrics_as_asked(client):
    plain = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in plain.headers
    zipped = await client.get(
        "/metrics",
        headers={"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"},
    )
    assert zipped.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.content_read).endswith(b"# EOF\n")


async def test_metrics_by_name(client):
    plain = {"Accept-Encoding": "identity"}
    names = [
        ("name[]", "cxstream_build_info"),
        ("name[]", "cxstream_set"),
        ("other", "cxstream_events_total"),
    ]
    response = await client.get("/metrics", params=names, headers=plain)
    text = await response.text()
    assert response.status == 200
    assert [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")] == [
        "cxstream_build_info"
    ]
    nothing = await client.get("/metrics?name%5B%5D=unknown", headers=plain)
    assert (nothing.status, await nothing.text()) == (200, "")


async def test_bodies_and_long_headers_are_refused(client):
    assert (await client.get("/metrics", data=b"x")).status == 413
    assert (await client.get("/metrics", headers={"X-Long": "x" * 5_000})).status == 400
    assert (await client.get("/" + "x" * 5_000)).status in {400, 414}
    assert (await client.get("/metrics", headers={f"X-{i}": "x" for i in range(100)})).status == 400
    assert (await client.get("/healthz")).status == 200


async def test_health_follows_the_loop(client, worker):
    assert (await client.get("/healthz")).content_read == b"ok\n"
    worker.beating = False
    assert (await client.get("/healthz")).status == 503


async def test_readiness_says_why_not(client, worker):
    assert (await client.get("/readyz")).content_read == b"ready\n"
    worker.reason, worker.reading = "recovering the ticket table", True
    response = await client.get("/readyz")
    assert (response.status, response.content_read) == (503, b"recovering the ticket table\n")
    answer = await client.json("/readyz?json")
    assert answer == {
        "ready": False,
        "reason": "recovering the ticket table",
        "recovering": True,
        "partitions": [],
        "offsets": {},
    }
    assert (await client.get("/readyz?json")).status == 503


async def test_readiness_tells_how_far_the_worker_is(client, worker):
    busy(worker, tickets=20)
    told = await client.json("/readyz?json")
    assert told["offsets"]
    assert told["offsets"] == {
        topic: found for topic, found in (await client.json("/api/snapshot"))["offsets"].items() if found
    }


async def test_the_snapshot(client, worker):
    busy(worker, tickets=20)
    found = await client.json("/api/snapshot")
    assert found["now"] == found["at"]
    assert parse_instant(found["now"]) == NOON
    assert found["complete"] is True
    assert found["partitions"] == [0, 1, 2, 3]
    assert found["tickets"]["open"] == 20
    assert found["windows"]["1h"]["first_response"]["count"] == 20
    assert sum(offset + 1 for topic in found["offsets"].values() for offset in topic.values()) == 20 * 7
    assert {group["labels"]["team"] for group in found["groups"]} == {"billing", "tech", "vip"}


async def test_the_snapshot_zipped(client, worker):
    busy(worker, tickets=20)
    zipped = await client.get("/api/snapshot", headers={"Accept-Encoding": "gzip"})
    assert (zipped.headers["Content-Encoding"], zipped.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert json.loads(gzip.decompress(zipped.content_read)) == await client.json("/api/snapshot")


async def test_a_snapshot_without_all_partitions_is_incomplete(client, worker):
    busy(worker, tickets=20)
    del worker.owned[1]
    found = await client.json("/api/snapshot")
    assert found["complete"] is False
    assert found["partitions"] == [0, 2, 3]
    assert all("1" not in offsets for offsets in found["offsets"].values())
    worker.owned = {}
    found = await client.json("/api/snapshot")
    assert (found["complete"], found["partitions"], found["tickets"]["open"]) == (False, [], 0)


@pytest.mark.parametrize(
    "now",
    [
        "2026-03-02T11:30:00Z",
        "2026-03-02T12:30:00%2B01:00",
        "2026-03-02T12:30:00+01:00",
        str(NOON // 1_000 - 1_800),
        str(NOON - 30 * MINUTE),
        f"{NOON // 1_000 - 1_800}.0",
    ],
)
async def test_a_snapshot_of_another_instant(client, worker, now):
    worker.lives(1, at=NOON - 28 * MINUTE)
    found = await client.json(f"/api/snapshot?now={now}")
    assert parse_instant(found["now"]) == NOON - 30 * MINUTE
    assert found["windows"]["1h"]["opened"] == 0
    assert (await client.json("/api/snapshot"))["windows"]["1h"]["opened"] == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("now=yesterday", "RFC 3339"),
        ("now=", "RFC 3339"),
        ("now=2026-03-02T11:30:00", "RFC 3339"),
        ("now=" + "9" * 30, "RFC 3339"),
        ("now=" + "x" * 500, "RFC 3339"),
        ("now=1e400", "RFC 3339"),
        ("now=nan", "RFC 3339"),
        ("now=2020-01-01T00:00:00Z", "too long ago"),
        ("now=0", "too long ago"),
        ("now=9999-12-31T23:59:59Z", "ahead"),
        ("then=1", "'then'"),
        ("fleet=yes", "neither 0 nor 1"),
        ("history=", "neither 0 nor 1"),
        ("fleet=1&now=2020-01-01T00:00:00Z", "too long ago"),
    ],
)
async def test_an_instant_that_cannot_be_shown(client, query, words):
    response = await client.get(f"/api/snapshot?{query}")
    answer = json.loads(response.content_read)
    assert (response.status, list(answer)) == (400, ["error"])
    assert words in answer["error"]
    assert len(answer["error"]) < 300


async def test_a_failure_is_told_without_its_details(client, worker):
    worker.tally.flows["opened", ("too", "few")] = 1
    response = await client.get("/metrics")
    assert (response.status, response.headers["X-Frame-Options"]) == (500, "DENY")
    assert b"shorter" not in response.content_read
    worker.tally.flows.clear()
    assert (await client.get("/metrics")).status == 200


async def test_the_page_is_revalidated_and_needs_nothing_from_outside(client):
    for path in STATIC:
        first = await client.get(path)
        again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, again.content_read) == (304, b"")
        text = first.content_read.decode()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
        assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|innerHTML|eval\(", text)
    page = (await client.get("/")).content_read.decode()
    for target in re.findall(r'(?:src|href)="([^"?]+)', page):
        assert (await client.get(target)).status == 200


async def test_the_files_of_the_page_have_their_types(client):
    types = {path: (await client.get(path)).headers["Content-Type"] for path in STATIC}
    assert types == {path: f"{media}; charset=utf-8" for path, (_, media) in STATIC.items()}


async def test_an_address_in_use_is_an_error(client, worker):
    port = int(client.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        await serve(application(worker, Options()), "127.0.0.1", port)


async def test_many_at_once(client, worker):
    busy(worker)
    responses = await asyncio.gather(*(client.get(path) for path in PATHS for _ in range(20)))
    assert {response.status for response in responses} == {200}
