"""The live page in a real browser, over workers without Kafka."""

import os
import shutil
from dataclasses import replace

import aiohttp
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from cxstream.core.event import AgentReplied, Opened
from cxstream.core.instant import parse_instant
from cxstream.metrics import application, serve
from cxstream.metrics.definitions import DEFINITIONS

from .observed import MINUTE, NOON, Options, Worker, busy, late

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),  # one browser for all of them
    pytest.mark.browser,
    pytest.mark.skipif(
        not shutil.which("chromium") and not os.environ.get("CI"), reason="needs Debian's chromium"
    ),
]
WALL = {"width": 1920, "height": 1080}
PHONE = {"width": 360, "height": 740}


class Site:
    """A worker's page: served, stopped and served again under one address."""

    def __init__(self, worker, options):
        self.worker, self.options = worker, options
        self.port, self.runner = 0, None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def start(self):
        app = application(self.worker, self.options)
        self.runner, self.port = await serve(app, "127.0.0.1", self.port)

    async def stop(self):
        await self.runner.cleanup()

    async def snapshot(self):
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/snapshot") as response:
            return await response.json()


@pytest_asyncio.fixture(loop_scope="module")
async def site(worker):
    made = Site(worker, Options())
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium():
    async with async_playwright() as playwright:
        arguments = ["--disable-gpu", "--disable-background-networking"]
        arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium):
    """A page at a wall; whatever the browser complains about fails the test, but for what it expects."""
    context = await chromium.new_context(viewport=WALL, locale="en-GB", timezone_id="Europe/Ljubljana")
    made = await context.new_page()
    made.complaints, made.expected = [], ()
    made.on("pageerror", lambda error: made.complaints.append(str(error)))
    made.on("console", lambda said: said.type in {"error", "warning"} and made.complaints.append(said.text))
    yield made
    await context.close()
    assert [one for one in made.complaints if not any(words in one for words in made.expected)] == []


async def look(page, site, query=""):
    await page.goto(f"{site.url}/{query}")
    await expect(page.locator("#status")).to_have_class("live")


SHOWN = """() => {
  const all = (root, query) => [...root.querySelectorAll(query)];
  const number = (at) => at.dataset.value === "" ? null : Number(at.dataset.value);
  const named = (list, name, value) => Object.fromEntries(list.map((one) => [name(one), value(one)]));
  const key = (one) => one.dataset.key;
  const inside = (one) => number(one.querySelector(".value"));
  const row = (one) => named(all(one, "td"), (cell) => cell.classList[0], number);
  const table = (name) => named(all(document, `#${name} tbody tr`), (one) => one.querySelector("th").textContent, row);
  return {
    tiles: named(all(document, "#tiles > div"), key, inside),
    cards: named(all(document, "#cards > article"), key, (card) => named(all(card, ".figure"), key, inside)),
    team: table("team"), channel: table("channel"),
  };
}"""
"""Every number on the page, as its elements tell it to programs."""

OVERFLOW = """() => [...document.querySelectorAll("body *")]
  .filter((one) => !one.closest(".scroll, svg, [popover], [hidden]"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 80))"""
CLIPPED = """() => [...document.querySelectorAll(".tile .value, .figure .value, h2, dt, .label")]
  .filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.textContent)"""

MOVED = """() => [...document.querySelectorAll(".scroll")]
  .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"""


async def shown(page):
    return await page.evaluate(SHOWN)


def equal_to(snapshot, window):
    """The same numbers, taken from a snapshot by hand."""
    now, told = parse_instant(snapshot["now"]), snapshot["windows"][window]
    since = [row["oldest_awaiting"] for row in snapshot["backlog"] if row["oldest_awaiting"]]
    longest = (now - min(map(parse_instant, since))) / 1_000
    tables = {}
    for label in ("team", "channel"):
        rows = tables[label] = {}
        for row in snapshot["backlog"]:
            entry = rows.setdefault(
                row["labels"][label], {"open": 0, "awaiting": 0, "opened": 0, "resolved": 0}
            )
            entry["open"] += row["awaiting_first_reply"] + row["in_progress"]
            entry["awaiting"] += row["awaiting_first_reply"]
        for group in snapshot["groups"]:
            entry = rows.setdefault(
                group["labels"][label], {"open": 0, "awaiting": 0, "opened": 0, "resolved": 0}
            )
            for flow in ("opened", "resolved"):
                entry[flow] += group["windows"].get(window, {}).get(flow, 0)
    return {
        "open": snapshot["tickets"]["open"],
        "awaiting": snapshot["tickets"]["awaiting_first_reply"],
        "longest": longest,
        **{
            name: (told[name]["p50_seconds"], told[name]["p90_seconds"])
            for name in ("first_response", "response", "resolution")
        },
        "flows": (told["opened"], told["resolved"]),
        "csat": (told["csat"]["ratio"], told["csat"]["answers"]),
        **tables,
    }


def told_by(page):
    tiles, cards = page["tiles"], page["cards"]
    times = {
        name: (cards[name]["p50"], cards[name]["p90"])
        for name in ("first_response", "response", "resolution")
    }
    tables = {
        label: {
            name: {key: row[key] for key in ("open", "awaiting", "opened", "resolved")}
            for name, row in page[label].items()
        }
        for label in ("team", "channel")
    }
    return {
        "open": tiles["open"],
        "awaiting": tiles["awaiting"],
        "longest": tiles["longest"],
        **times,
        "flows": (cards["flows"]["opened"], cards["flows"]["resolved"]),
        "csat": (cards["csat"]["csat"], cards["csat"]["n"]),
        **tables,
    }


async def agree(page, site, window="1h"):
    """Wait until the page shows what the snapshot says now, and no other number."""
    expected = equal_to(await site.snapshot(), window)
    for _ in range(100):
        if (found := told_by(await shown(page))) == expected:
            return
        await page.wait_for_timeout(50)
    assert found == expected


async def test_the_numbers_are_those_of_the_snapshot_while_events_flow(page, site, worker):
    busy(worker, tickets=20)
    await site.start()
    await look(page, site)
    await agree(page, site)
    assert await page.locator("#tiles .value").first.text_content() == "20"
    for step in range(1, 4):
        worker.clock += 20_000
        worker.opens(f"new{step}", worker.clock - 5_000, team="billing", channel="chat")
        reply = AgentReplied(at=worker.clock - 1_000, event_id="r")
        worker.apply(f"open{step}", reply)
        worker.lives(f"whole{step}", team="new team", at=worker.clock - 26 * MINUTE)
        await agree(page, site)
    assert await page.locator("#clock").text_content() == "2 Mar 2026, 13:01:00"


async def test_another_window(page, site, worker):
    busy(worker, tickets=20)
    worker.lives("old", at=NOON - 20 * 60 * MINUTE)
    await site.start()
    await look(page, site)
    await page.get_by_role("button", name="24h").click()
    await agree(page, site, "24h")
    assert await page.get_by_role("button", name="24h").get_attribute("aria-pressed") == "true"
    await look(page, site, "?window=7d")
    await agree(page, site, "7d")


async def test_it_reconnects_after_the_worker_has_restarted(page, site, worker):
    busy(worker, tickets=20)
    page.expected = ("Failed to load resource",)
    await site.start()
    await look(page, site)
    await site.stop()
    await expect(page.locator("#status")).to_have_text("unreachable")
    await expect(page.locator("#notice")).to_have_text(
        "The worker does not answer. Shown: the last complete numbers, of 2 Mar 2026, 13:00:00."
    )
    await expect(page.locator("#numbers")).to_have_class("stale")
    assert (await shown(page))["tiles"]["open"] == 20
    site.worker = Worker(clock=NOON + MINUTE)
    busy(site.worker, tickets=7)
    site.worker.reason, held = "recovering, 40 %", site.worker.owned
    site.worker.owned = {}
    await site.start()
    await expect(page.locator("#status")).to_have_text("incomplete")
    assert (await shown(page))["tiles"]["open"] == 20, (
        "a worker that recovers shows nothing instead of what was"
    )
    site.worker.owned, site.worker.reason = held, None
    await expect(page.locator("#status")).to_have_text("live")
    await agree(page, site)
    await expect(page.locator("#notice")).to_be_hidden()


async def test_incomplete_numbers_never_replace_complete_ones(page, site, worker):
    busy(worker, tickets=20)
    await site.start()
    await look(page, site)
    worker.owned.pop(0)
    worker.reason = "partition 0 is not assigned"
    await expect(page.locator("#status")).to_have_text("incomplete")
    await expect(page.locator("#notice")).to_have_text(
        "This worker holds 3 of 4 partitions; partition 0 is not assigned."
        " Shown: the last complete numbers, of 2 Mar 2026, 13:00:00."
    )
    await expect(page.locator("#numbers")).to_have_class("stale")
    assert (await shown(page))["tiles"]["open"] == 20
    await page.reload()
    await expect(page.locator("#status")).to_have_text("incomplete")
    assert (await shown(page))["tiles"]["open"] == 20, "the worker remembers them for those who come later"


async def test_a_share_is_shown_as_such(page, site, worker):
    busy(worker, tickets=20)
    del worker.owned[1], worker.owned[2]
    await site.start()
    await page.goto(site.url)
    await expect(page.locator("#notice")).to_contain_text("The numbers are a share of the whole.")
    assert 0 < (await shown(page))["tiles"]["open"] < 20
    await expect(page.locator("#scope")).to_have_text("2 of 4 partitions, 1 worker")
    await expect(page.locator("#numbers")).to_have_class("stale")


async def test_an_idle_worker_and_names_that_would_be_markup(page, site, worker):
    await site.start()
    await look(page, site)
    assert await page.get_by_text("No tickets yet.").count() == 0  # nothing is kept by team yet: no table
    name = "<img src=x onerror=alert(1)>"
    worker.opens("nasty", NOON - 3 * MINUTE, team=name)
    await expect(page.locator("#team tbody th")).to_have_text(name)
    assert await page.locator("#team img").count() == 0


async def test_charts_tell_the_hour_and_the_week_before(page, site, worker):
    for number in range(6):
        worker.opens(f"now{number}", NOON - number * 5 * MINUTE - 1)
        worker.opens(f"then{number}", NOON - 7 * 24 * 60 * MINUTE - number * 5 * MINUTE - 1)
    await site.start()
    await look(page, site)
    chart = page.get_by_role("img", name="Opened in the last hour")
    assert await chart.get_attribute("aria-label") == (
        "Opened in the last hour: 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0; a week ago: 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0"
    )
    assert await chart.locator("rect").count() == 6
    assert await chart.locator("path.before").count() == 1


@pytest.mark.parametrize(
    "window",
    [
        PHONE,
        {"width": 768, "height": 1024},
        {"width": 1366, "height": 768},
        {"width": 1600, "height": 900},
        WALL,
        {"width": 3840, "height": 2160},
    ],
)
async def test_nothing_leaves_the_screen(page, site, worker, window):
    busy(worker, teams=("billing", "a team with a very long name indeed", "vip"), tickets=40)
    late(worker)
    worker.opens("a ticket with a very long name, such as some helpdesks give them", NOON - 239 * MINUTE)
    worker.fire()
    site.options = Options(ticket_api=True)
    await site.start()
    await page.set_viewport_size(window)
    await look(page, site)
    await expect(page.locator("#due-list li")).to_have_count(4)
    assert await page.evaluate(OVERFLOW) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(CLIPPED) == []
    if window["width"] >= 1_200:  # on narrower screens tables are moved sideways
        assert await page.evaluate(MOVED) == []


async def test_definitions_by_keyboard(page, site, worker):
    busy(worker, tickets=5)
    await site.start()
    await look(page, site)
    button = page.locator("#tiles").get_by_role("button", name=DEFINITIONS["awaiting"].title)
    assert await button.get_attribute("title") == DEFINITIONS["awaiting"].text
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#meaning p")).to_have_text(DEFINITIONS["awaiting"].text)
    await expect(page.locator("#meaning")).to_be_visible()
    worker.opens("another", NOON - MINUTE)
    await agree(page, site)
    await expect(page.locator("#meaning")).to_be_visible()
    await expect(button).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#meaning")).to_be_hidden()
    await page.get_by_text("What the numbers mean").click()
    assert await page.locator("#meanings dd").all_text_contents() == [
        one.text for one in DEFINITIONS.values()
    ]


async def test_the_theme_is_chosen_and_kept(page, site):
    await site.start()
    await page.emulate_media(color_scheme="dark")
    await look(page, site)

    async def ground():
        return await page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = await ground()
    await page.locator("#theme").click()
    light = await ground()
    assert dark != light
    await page.reload()
    assert await ground() == light
    await page.locator("#theme").click()
    assert await ground() == dark
    assert await page.locator("#theme").get_attribute("aria-label") == "Colours: dark"
    await look(page, site, "?theme=light")
    assert await ground() == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [WALL, PHONE])
async def test_nothing_for_axe_to_find(chromium, site, worker, scheme, window):
    busy(worker, tickets=20)
    late(worker, tickets=20)
    site.options = Options(ticket_api=True, ticket_url="https://desk.example/{id}")
    await site.start()
    context = await chromium.new_context(viewport=window, color_scheme=scheme, bypass_csp=True)
    page = await context.new_page()
    await look(page, site)
    await page.get_by_text("What the numbers mean").click()
    found = await Axe().run(page)
    assert found.response["violations"] == [], found.generate_report()
    assert len(found.response["passes"]) > 20
    await page.locator("#tiles button").first.click()
    assert (await Axe().run(page)).response["violations"] == []
    await context.close()


async def test_service_targets(page, site, worker):
    busy(worker, tickets=20)
    late(worker, tickets=20)  # the first is due now, three of four hours are over for twelve more
    await site.start()
    await look(page, site)
    tiles = (await shown(page))["tiles"]
    assert list(tiles) == ["open", "awaiting", "longest", "at_risk", "breached"]
    assert (tiles["at_risk"], tiles["breached"]) == (12, 1)
    assert await page.locator("#tiles .warn .sign").text_content() == "▲"
    assert await page.locator("#tiles .bad .sign").text_content() == "■"
    notes = {key: page.locator(f"#cards [data-key={key}] > .note") for key in ("first_response", "response")}
    assert await notes["first_response"].text_content() == "target 4 h: 95 % met · n 20"
    assert await notes["response"].text_content() == "target 2 h · n 20"


async def test_targets_of_several_lengths(page, site, worker):
    from cxstream.core.policy import PolicyHistory, built_in

    worker.rules = replace(worker.rules, policies=PolicyHistory(built_in()))
    await site.start()
    await look(page, site)
    note = page.locator("#cards [data-key=first_response] > .note")
    assert await note.text_content() == "target 2 m to 1 d · n 0"
    assert await page.locator("#cards [data-key=response] > .note").text_content() == "n 0"


async def test_single_tickets_where_they_may_be_shown(page, site, worker):
    opened = Opened(at=NOON - 240 * MINUTE, event_id="o", team="billing", channel="chat")
    worker.apply("late 1", opened, source="zendesk/acme")
    worker.opens("soon", NOON - 202 * MINUTE)
    worker.opens("far", NOON)
    worker.fire(NOON + 8 * MINUTE)
    site.options = Options(ticket_api=True, ticket_url="https://desk.example/{source}/tickets/{id}")
    await site.start()
    await look(page, site)
    await expect(page.get_by_role("heading", name="Next to breach")).to_be_visible()
    rows = page.locator("#due-list li")
    await expect(rows).to_have_count(2)
    assert await rows.all_inner_texts() == [
        "late 1\n■ 8 m ago\nfirst reply · billing · chat",
        "soon\nin 30 m\nfirst reply",
    ]
    link = rows.locator("a").first
    assert await link.get_attribute("href") == "https://desk.example/zendesk/acme/tickets/late%201"
    assert await link.get_attribute("rel") == "noreferrer"
    worker.apply("late 1", AgentReplied(at=NOON, event_id="r"), source="zendesk/acme")
    await expect(rows).to_have_count(1, timeout=20_000)
    worker.apply("soon", AgentReplied(at=NOON, event_id="r"))
    await expect(rows).to_have_count(0, timeout=20_000)
    await expect(page.locator("#due-more")).to_have_text("nothing is near its deadline")


async def test_those_past_their_deadline_leave_room_for_those_before_it(page, site, worker):
    late(worker, tickets=40)
    worker.fire(NOON + 30 * MINUTE)  # seven are breached, twelve at risk
    site.options = Options(ticket_api=True)
    await site.start()
    await look(page, site)
    rows = page.locator("#due-list li")
    await expect(rows).to_have_count(4)
    assert await rows.locator(".name").all_inner_texts() == ["T-000", "T-001", "T-007", "T-008"]
    await expect(page.locator("#due-more")).to_have_text("15 more")
    assert await rows.locator("a").count() == 0, "there is no address without CXSTREAM_TICKET_URL"


async def test_names_of_single_tickets_are_text(page, site, worker):
    name = "<img src=x onerror=alert(1)>"
    worker.opens(name, NOON - 230 * MINUTE, team=name)
    worker.fire()
    site.options = Options(ticket_api=True, ticket_url="https://desk.example/{id}")
    await site.start()
    await look(page, site)
    await expect(page.locator("#due-list .name")).to_have_text(name)
    assert await page.locator("#due-list img").count() == 0
    address = await page.locator("#due-list a").get_attribute("href")
    assert address == "https://desk.example/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E"


async def test_a_share_of_the_list_never_replaces_the_whole(page, site, worker):
    late(worker, tickets=4)
    site.options = Options(ticket_api=True)
    await site.start()
    await look(page, site)
    rows = page.locator("#due-list li")
    await expect(rows).to_have_count(4)
    worker.owned = dict(list(worker.owned.items())[:1])
    async with page.expect_response("**/api/tickets?state=breached*") as answered:
        pass
    assert (await (await answered.value).json())["complete"] is False
    async with page.expect_response("**/api/board"):
        pass
    await expect(rows).to_have_count(4)


async def test_a_link_keeps_the_focus_while_others_come_and_go(page, site, worker):
    late(worker, tickets=3)
    site.options = Options(ticket_api=True, ticket_url="https://desk.example/{id}")
    await site.start()
    await look(page, site)
    names = page.locator("#due-list .name")
    await expect(names).to_have_text(["T-000", "T-001", "T-002"])
    await names.nth(1).focus()
    worker.apply("T-000", AgentReplied(at=NOON, event_id="r"))
    worker.opens("T-001a", NOON - 232 * MINUTE)
    worker.fire()
    await expect(names).to_have_text(["T-001", "T-001a", "T-002"], timeout=20_000)
    await expect(names.first).to_be_focused()


async def test_a_worker_without_single_tickets_is_not_asked(page, site, worker):
    late(worker)
    await site.start()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    await look(page, site)
    async with page.expect_response("**/api/board"):
        pass
    assert not any("/api/tickets" in url for url in asked)
    await expect(page.locator("#due")).to_be_hidden()


async def test_a_worker_that_catches_up_says_so(page, site, worker, monkeypatch):
    monkeypatch.setattr(worker, "lag", lambda: {("ticket-opened", 0): 20_000})
    await site.start()
    await page.goto(site.url)
    await expect(page.locator("#status")).to_have_text("catching up")
    await expect(page.locator("#notice")).to_have_text("20,000 events are still to be counted.")
    await expect(page.locator("#numbers")).not_to_have_class("stale")
