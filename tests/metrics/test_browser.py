"""The live page in a real browser."""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import PIPE

import pytest

from cxstream.metrics import application, serve

from .observed import MINUTE, NOON, Options, Worker, busy

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not shutil.which("chromium") and not os.environ.get("CI"), reason="needs Debian's chromium"
    ),
]


async def look(worker, folder):
    """The page's document after five seconds of its time, and what the browser complains about."""
    runner, port = await serve(application(worker, Options()), "127.0.0.1", 0)
    flags = ["--headless=new", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []
    flags += [
        f"--user-data-dir={folder}",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
        "--dump-dom",
    ]
    browser = await asyncio.create_subprocess_exec(
        "chromium", *flags, f"http://127.0.0.1:{port}/", stdout=PIPE, stderr=PIPE
    )
    try:
        document, said = await asyncio.wait_for(browser.communicate(), 120)
    finally:
        if browser.returncode is None:
            browser.kill()
        await runner.cleanup()
    console = [line for line in said.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return document.decode(), console


def text(document, name):
    return re.search(rf'id="{name}"[^>]*>([^<]*)<', document)[1]


def numbers_are_stale(document):
    return "stale" in re.search(r'<main id="numbers"([^>]*)>', document)[1]


async def test_the_page_shows_the_numbers(worker, tmp_path):
    busy(worker, tickets=20)
    worker.opens("nasty", NOON - 3 * MINUTE, team="<img src=x onerror=alert(1)>")
    document, console = await look(worker, tmp_path)
    assert console == []
    assert [text(document, name) for name in ("open", "awaiting", "oldest")] == ["21", "21", "19 m"]
    assert text(document, "status") == "live"
    assert not numbers_are_stale(document)
    assert "5 m / 5 m" not in document  # estimated from the bucket that ends at five minutes, not its bound
    assert document.count('<span class="n">n 20</span>') >= 4
    assert "&lt;img src=x onerror=alert(1)&gt;" in document
    assert "<img src=x" not in document


async def test_an_idle_worker(worker, tmp_path):
    document, console = await look(worker, tmp_path)
    assert console == []
    assert "No tickets yet." in document
    assert text(document, "oldest") == "\u2013"


class Fading(Worker):
    """Complete at the first look only."""

    looks = 0

    def now(self):
        self.looks += 1
        if self.looks > 1:
            self.owned.pop(0, None)
            self.reason = "partition 0 is not assigned"
        return self.clock


async def test_incomplete_numbers_never_replace_complete_ones(tmp_path):
    worker = busy(Fading(), tickets=20)
    document, console = await look(worker, tmp_path)
    assert worker.looks > 1
    assert all("503" in line for line in console)
    assert text(document, "open") == "20"
    assert text(document, "status") == "incomplete"
    assert text(document, "notice") == (
        "This worker holds 3 of 4 partitions. Not ready: partition 0 is not assigned."
        " Shown: the last complete numbers, of 2026-03-02 12:00:00 UTC."
    )
    assert numbers_are_stale(document)


async def test_a_share_is_shown_as_such(tmp_path):
    worker = busy(Worker(), tickets=20)
    del worker.owned[1], worker.owned[2]
    document, _ = await look(worker, tmp_path)
    assert 0 < int(text(document, "open")) < 20
    assert text(document, "notice") == "This worker holds 2 of 4 partitions. The numbers are its share only."
    assert numbers_are_stale(document)


class Failing(Fading):
    """Answers once."""

    def now(self):
        if super().now() and self.looks > 1:
            raise RuntimeError
        return self.clock


async def test_a_worker_that_does_not_answer(tmp_path):
    document, _ = await look(busy(Failing(), tickets=20), tmp_path)
    assert text(document, "status") == "unreachable"
    assert text(document, "open") == "20"
    assert text(document, "notice") == (
        "The worker does not answer. Shown: the last complete numbers, of 2026-03-02 12:00:00 UTC."
    )
    assert numbers_are_stale(document)
