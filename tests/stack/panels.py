"""Every query of every panel, asked of a Prometheus: what Grafana would show, and how long it takes."""

import json
import math
import re
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stack.stack import DEPLOY, fetch

BOARDS = sorted((DEPLOY / "grafana" / "dashboards" / "cxstream").glob("*.json"))
_STEP = 1  # seconds
_RANGE = 10  # seconds


@dataclass(frozen=True)
class Row:
    """What a query gave: `series` of them, `values` the last of each that is a number."""

    board: str
    panel: str
    legend: str
    expr: str
    series: int
    values: list[float]
    milliseconds: float
    error: str = ""

    @property
    def shown(self) -> str:
        """The result in a few characters."""
        if self.error:
            return self.error
        if not self.values:
            return "only NaN" if self.series else "nothing"
        told = ", ".join(f"{value:.6g}" for value in self.values[:3])
        return told + (f" … ({self.series})" if self.series > 3 else "")


def filled(expr: str, variables: list[dict[str, Any]]) -> str:
    """The query as Grafana sends it with "All" chosen everywhere; weeks ago are a moment ago: nothing is older."""
    expr = expr.replace("$__rate_interval", "1m")
    expr = re.sub(r"offset \d+[hdw]", f"offset {_STEP}s", expr)
    for variable in variables:
        value = ".+" if variable.get("multi") else (variable.get("current") or {}).get("value") or ""
        expr = re.sub(rf"\$\{{?{variable['name']}\b\}}?", str(value), expr)
    return expr


def evaluate(prometheus: str, boards: list[Path] | None = None) -> Iterator[Row]:
    """Ask all; also the values of variables and the annotations."""
    for path in BOARDS if boards is None else boards:
        board = json.loads(path.read_text())
        variables = board["templating"]["list"]
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                expr = filled(target["expr"], variables)
                legend = target.get("legendFormat", "")
                yield _asked(prometheus, path.stem, panel["title"], legend, expr, instant="instant" in target)
        for variable in variables:
            if variable["type"] == "query":
                selector, name = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]
                started = time.perf_counter()
                values = fetch(
                    f"{prometheus}/api/v1/label/{name}/values", **{"match[]": filled(selector, variables)}
                )["data"]
                took = (time.perf_counter() - started) * 1_000
                count = float(len(values))
                yield Row(
                    path.stem,
                    f"variable {name}",
                    "values",
                    selector,
                    len(values),
                    [count] if count else [],
                    took,
                )


def _asked(prometheus: str, board: str, panel: str, legend: str, expr: str, *, instant: bool) -> Row:
    now = time.time()
    started = time.perf_counter()
    try:
        if instant:
            answer = fetch(f"{prometheus}/api/v1/query", query=expr)
        else:
            span = {"start": now - _RANGE, "end": now, "step": _STEP}
            answer = fetch(f"{prometheus}/api/v1/query_range", query=expr, **span)
    except urllib.error.HTTPError as error:
        took = (time.perf_counter() - started) * 1_000
        return Row(board, panel, legend, expr, 0, [], took, json.load(error)["error"])
    took = (time.perf_counter() - started) * 1_000
    found = answer["data"]["result"]
    last = [float((each["value"] if instant else each["values"][-1])[1]) for each in found]
    return Row(
        board, panel, legend, expr, len(found), [value for value in last if not math.isnan(value)], took
    )


def table(rows: list[Row]) -> str:
    """For people: a line per query."""
    lines = [f"{'board':9} {'panel':38} {'legend':24} {'result':38} {'ms':>6}  query"]
    lines += [
        f"{row.board:9} {row.panel[:38]:38} {row.legend[:24]:24} {row.shown[:38]:38}"
        f" {row.milliseconds:6.1f}  {row.expr}"
        for row in rows
    ]
    empty = [row for row in rows if not row.values]
    slowest = max(rows, key=lambda row: row.milliseconds)
    lines.append(
        f"{len(rows)} queries, {len(empty)} without a number;"
        f" slowest {slowest.milliseconds:.0f} ms: {slowest.board}, {slowest.panel}"
    )
    return "\n".join(lines)
