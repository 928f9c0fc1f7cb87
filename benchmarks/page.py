"""Writes docs/performance.md and its pictures out of results.json and the template beside this module.

usage: python -m benchmarks.page   (nothing is measured)

What is measured anew replaces what results.json holds of that part; all else stays, with its own date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks import chart, delay, goals, parts, sizing
from benchmarks.chart import Bar, Series
from benchmarks.running import ROOT

RESULTS: Final = Path(__file__).with_name("results.json")
TEMPLATE: Final = Path(__file__).with_name("performance.md")
PAGE: Final = ROOT / "docs" / "performance.md"
IMAGES: Final = PAGE.parent / "images"
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
"""Tickets a day; the simulated helpdesk that is measured has 10,000."""

Results = Mapping[str, Mapping[str, Any]]


def write(found: Results) -> None:
    """Add what was measured to the results, and write the page anew."""
    results = {**json.loads(RESULTS.read_text()), **found}
    results = {name: results[name] for name in parts.PARTS if name in results}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    render()


def render() -> None:
    """The page and its pictures, out of results.json."""
    results = json.loads(RESULTS.read_text())
    drawn = charts(results)
    for name, picture in drawn.items():
        (IMAGES / f"{name}.svg").write_text(picture)
    PAGE.write_text(page(results, drawn))


def page(results: Results, drawn: Mapping[str, str]) -> str:
    """The text of the page."""
    text = TEMPLATE.read_text()
    blocks = {
        "goals": goals.table(results),
        "made": _made(results),
        "growth": _growth(results.get("growth")),
        "sizing": _sizing(results),
        "basis": _basis(results),
        **{f"part:{name}": _part(name, results.get(name), drawn) for name in parts.PARTS},
    }
    for name, lines in blocks.items():
        text = text.replace(f"{{{{{name}}}}}", "\n".join(lines))
    return text


def _made(results: Results) -> list[str]:
    rows = ["| part | command | date | took | load before | machine |", "|---|---|---|--:|--:|---|"]
    for name, result in results.items():
        about = result["machine"]
        where = f"{about['cores']} cores, {about['processor']}, Python {about['python']}"
        rows.append(
            f"| {name} | `python -m benchmarks {name}` | {about['date']} | {result['took_seconds']:.0f} s"
            f" | {about['load_before']} | {where} |"
        )
    newest = max(
        (result["machine"] for result in results.values()), key=lambda about: about["date"], default=None
    )
    if newest is None:
        return ["Nothing has been measured yet."]
    versions = ", ".join(f"{name} {version}" for name, version in newest["versions"].items())
    return [*rows, "", f"Versions: {versions}."]


def _part(name: str, result: Mapping[str, Any] | None, drawn: Mapping[str, str]) -> list[str]:
    """What a part printed, and its picture."""
    if result is None:
        return [f"Not measured yet: `python -m benchmarks {name}`."]
    if "failed" in result:
        return ["It failed:", "", "```", str(result["failed"]), "```"]
    lines = ["```", *parts.PARTS[name].lines(dict(result)), "```"]
    if name in drawn:
        lines += ["", f"![{name}](images/{name}.svg)"]
    return lines


def _good(results: Results, name: str) -> Mapping[str, Any] | None:
    result = results.get(name)
    return None if result is None or "failed" in result else result


def charts(results: Results) -> dict[str, str]:
    """A picture per part that has one, by name."""
    drawn = {}
    if found := _good(results, "throughput"):
        rows = [
            Bar("bare loop", found["bare_events_per_second"], f"{found['bare_events_per_second']:,}"),
            Bar(
                "cxstream worker",
                found["worker_events_per_second"],
                f"{found['worker_events_per_second']:,}",
                ours=True,
            ),
        ]
        if found["compiled"]:
            faster = found["compiled_events_per_second"]
            rows.append(Bar("the same, core compiled", faster, f"{faster:,}", ours=True))
        for name, title in (("bytewax", "Bytewax"), ("quix", "Quix Streams")):
            peer = found["peers"].get(name, {})
            if "events_per_second" in peer:
                rows.append(Bar(title, peer["events_per_second"], f"{peer['events_per_second']:,}"))
        drawn["throughput"] = chart.bars("Events per second, one process each, the same topics", rows)
    if found := _good(results, "delay"):
        rows = [
            Bar(
                f"{rate}{', core compiled' if quick else ''}, {share}",
                (shown := run["by_name"]["shown_ms"][share]),
                f"{shown} ms",
                ours=True,
            )
            for rate, quick, run in delay.runs(found)
            for share in ("p50", "p90", "p99")
        ]
        drawn["delay"] = chart.bars("From published to visible in a scrape of one metric, ms", rows)
    if found := _good(results, "scrape"):
        fewest = min(row["panes"] for row in found["sizes"])
        usual = {row["samples"]: row for row in found["sizes"] if row["panes"] == fewest}
        points = [(samples / 1_000, row["ms"]) for samples, row in sorted(usual.items())]
        kept = [(samples / 1_000, row["loop_kept_ms"]) for samples, row in sorted(usual.items())]
        drawn["scrape"] = chart.lines(
            "What a scrape takes",
            [Series("scrape", points), Series("event loop kept", kept)],
            "thousand samples",
            "ms",
        )
    if found := _good(results, "soak"):
        looks = found["looks"]
        drawn["soak"] = chart.lines(
            "The long run",
            [
                Series("memory, MB", [(look["day"], look["resident_mb"]) for look in looks]),
                Series("thousand tickets kept", [(look["day"], look["tickets"] / 1_000) for look in looks]),
                Series("lag, thousand events", [(look["day"], look["lag"] / 1_000) for look in looks]),
            ],
            "simulated days",
            "",
        )
    return drawn


def _growth(found: Mapping[str, Any] | None) -> list[str]:
    if found is None or "failed" in found:
        return ["Not measured yet: `python -m benchmarks growth`."]
    titles = {
        "windows": "windows",
        "labels": "labels (of windows and counters)",
        "partitions": "partitions of one worker",
    }
    rows = ["| µs of processor time per event, in the core | |", "|---|--:|"]
    rows += [
        f"| {titles[name]}: `{each}` | {cost} |" for name in titles for each, cost in found[name].items()
    ]
    return rows


def _sizing(results: Results) -> list[str]:
    by = sizing.figures(results)
    if by is None:
        return ["Not known until `throughput`, `state`, `core` and `delay` have been measured."]
    return sizing.table([sizing.size(tickets, by) for tickets in SIZES])


def _basis(results: Results) -> list[str]:
    by = sizing.figures(results)
    if by is None:
        return []
    text = (
        f"{by.us_per_event} µs of processor time per event, {by.events_per_ticket:.1f} events per ticket,"
        f" {by.base_bytes / 1e6:.0f} MB of an empty worker, {by.open_bytes:.0f} bytes of an open ticket and"
        f" {by.resolved_bytes:.0f} of a resolved one ({by.open_stored:.0f} and {by.resolved_stored:.0f} in the"
        f" changelog), {by.written_per_event:.0f} bytes written per event, {by.recovered_per_second:,.0f} tickets"
        f" recovered a second, {by.samples:,} series of a worker."
    )
    return [f"By {text}", ""]


if __name__ == "__main__":
    render()
