"""Takes the pictures of the documentation: starts the demo, waits for its numbers, looks at them as people do.

    make screenshots

Writes ``docs/images/{wallboard-light,wallboard-dark,wallboard-phone,top}.png``. Needs Debian's chromium; the font
Inter (``fonts-inter``) is used where it is installed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI

from cxstream.cli.screen import View, picture
from cxstream.core.fleet import together

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGES: Final = Path(__file__).parent / "images"
PATIENCE: Final = 300  # seconds until the demo's week has been counted
COLUMNS: Final = 132
SHOWN: Final = {"CXSTREAM_TICKET_API": "1", "CXSTREAM_TICKET_URL": "https://desk.example/{source}/{id}"}
"""Single tickets too, which a worker shows only if told so."""
CLIPPED: Final = """() => [...document.querySelectorAll(".scroll")]
  .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.firstElementChild.id)"""
PHONE: Final = 600  # pixels: on narrower screens tables are moved sideways
LARGEST: Final = 300_000  # bytes: a README that loads slowly is not read


@contextmanager
def demo() -> Iterator[str]:
    """A demo of its own; its address once all of its history is counted."""
    program = [sys.executable, "-m", "cxstream", "demo", "--http", "127.0.0.1:0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=os.environ | SHOWN) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]  # listening on …
            wait(url)
            yield url
        finally:
            process.terminate()


def snapshot(url: str) -> dict[str, Any]:
    """What the worker tells, with the bars of the charts."""
    with urllib.request.urlopen(f"{url}/api/snapshot?history=1", timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def wait(url: str) -> None:
    """Until the last hour is as busy as the same hour a week ago."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        told = snapshot(url)
        if told["complete"] and told["behind"] == 0 and told["windows"]["1h"]["csat"]["answers"]:
            return
        time.sleep(1)
    sys.exit(f"the demo has not counted its history within {PATIENCE} s")


def wallboard(browser: Browser, url: str, name: str, **look: Any) -> None:
    """The live page, once it is live."""
    context = browser.new_context(locale="en-GB", **look)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#status.live")
    page.wait_for_selector("#due-list a")
    page.wait_for_function("document.fonts.status === 'loaded'")
    if (look["viewport"]["width"] > PHONE) and (clipped := page.evaluate(CLIPPED)):
        sys.exit(f"{name}: the table of {', '.join(clipped)} is wider than its place")
    save(page.screenshot(), name)
    context.close()


def terminal(browser: Browser, url: str, name: str) -> None:
    """What ``cxstream top`` shows, in the colours of a terminal."""
    told = together([snapshot(url)])
    console = Console(record=True, width=COLUMNS, file=StringIO(), markup=False, highlight=False)
    console.print(picture(View.of(told), None, "", "24h"))
    svg = console.export_svg(title="cxstream top", theme=MONOKAI, clear=False)
    # The fonts of the picture are the system's: nothing is fetched.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    page = browser.new_page(viewport={"width": 1400, "height": 1200})
    page.set_content(f"<body style='margin:0'>{svg}</body>")
    save(page.locator("svg").screenshot(omit_background=True), name)
    page.close()


def save(image: bytes, name: str) -> None:
    """Write a picture, if it is small enough."""
    if len(image) > LARGEST:
        sys.exit(f"{name}.png has {len(image):,} bytes, more than {LARGEST:,}: show less")
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / f"{name}.png").write_bytes(image)
    sys.stdout.write(f"docs/images/{name}.png  {len(image):,} bytes\n")


def main() -> None:
    """Take them all."""
    chromium = shutil.which("chromium") or sys.exit(
        "chromium is missing: apt-get install chromium fonts-inter"
    )
    wall = {"viewport": {"width": 1600, "height": 900}}
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
    arguments = ["--disable-gpu", "--disable-background-networking"]
    arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        wallboard(browser, url, "wallboard-light", color_scheme="light", **wall)
        wallboard(browser, url, "wallboard-dark", color_scheme="dark", **wall)
        wallboard(browser, url, "wallboard-phone", color_scheme="light", **phone)
        terminal(browser, url, "top")
        browser.close()


if __name__ == "__main__":
    main()
