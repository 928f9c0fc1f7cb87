"""The wallboard: what the live page and ``cxstream top`` show of a snapshot, ready to be printed.

    {"at": …, "open": 12, …, "windows": {"1h": W, …}, "team": T, "channel": T, "history": H, "sla": A}
    W = {"opened", "resolved", "reopened", "first_response": D, "response": D, "resolution": D, "csat": S, …,
         "targets": {"first_reply": {"met", "breached", "attainment", …}, …}}
    A = {"at_risk", "breached", "targets": {"first_reply": {"ok", "at_risk", "breached"}, …}}
    T = {"rows": [{"name", "open", "awaiting", "windows": {"1h": W, …}}, …], "more": rows left out}

No number is calculated by those who show it, so all show the same ones. The size is bounded whatever the number
of label sets: a screen is read, not searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.fleet import added
from cxstream.core.instant import parse_instant
from cxstream.core.pane import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.answer import Json

ROWS: Final = 40
"""Rows of a table: those with most tickets open, then most opened."""
TABLES: Final = ("team", "channel")
_DAY: Final = "86400.0"
"""The bucket of ages up to a day."""
_FLOWS: Final = ("opened", "resolved", "reopened")
_TIMES: Final = ("first_response", "response", "resolution")
_SURVEYS: Final = {
    "csat": ("answers", "ratio", "positive", "neutral", "negative"),
    "nps": ("answers", "score"),
    "ces": ("answers", "ratio"),
}


def wallboard(snapshot: Json) -> Json:
    """Of a snapshot, own or fleet; with charts where it has a history, with service targets where it has them."""
    now = parse_instant(snapshot["now"])
    tickets, backlog = snapshot["tickets"], snapshot["backlog"]
    history = snapshot.get("history")
    return {
        "at": snapshot["now"],
        "open": tickets["open"],
        "awaiting": tickets["awaiting_first_reply"],
        "in_progress": tickets["in_progress"],
        "longest": _age(now, (row["oldest_awaiting"] for row in backlog)),
        "oldest": _age(now, (row["oldest"] for row in backlog)),
        "aged": sum(row["age"]["count"] - row["age"]["buckets"][_DAY] for row in backlog),
        "windows": {
            name: _window(window) | {"targets": _by_target(window.get("sla"))}
            for name, window in snapshot["windows"].items()
        },
        **{label: _table(snapshot, label) for label in TABLES},
        "history": None if history is None else _history(history),
        "sla": _sla(snapshot.get("sla_tickets")),
    }


def _age(now: int, instants: Iterable[str | None]) -> float | None:
    """Seconds since the earliest of them."""
    earliest = min((parse_instant(at) for at in instants if at is not None), default=None)
    return None if earliest is None else max(0, now - earliest) / SECOND


def _window(window: Json) -> Json:
    return {
        **{flow: window[flow] for flow in _FLOWS},
        **{name: _times(window[name]) for name in _TIMES},
        **{name: {key: window[name][key] for key in keys} for name, keys in _SURVEYS.items()},
    }


def _times(told: Json) -> Json:
    return {"n": told["count"], "p50": told["p50_seconds"], "p90": told["p90_seconds"]}


def _table(snapshot: Json, label: str) -> Json | None:
    """One row per value of a label; ``None`` if nothing is kept by it."""
    rows: dict[str, Json] = {}
    kept = False

    def row(labels: Json) -> Json | None:
        nonlocal kept
        if label not in labels:
            return None
        kept = True
        return rows.setdefault(labels[label], {"open": 0, "awaiting": 0, "windows": {}})

    for entry in snapshot["backlog"]:
        if (found := row(entry["labels"])) is not None:
            found["open"] += entry["awaiting_first_reply"] + entry["in_progress"]
            found["awaiting"] += entry["awaiting_first_reply"]
    for group in snapshot["groups"]:
        if (found := row(group["labels"])) is not None:
            for name, window in group["windows"].items():
                found["windows"].setdefault(name, []).append(window)
    if not kept:
        return None
    longest = list(snapshot["windows"])[-1]

    def weight(item: tuple[str, Json]) -> tuple[int, int, str]:
        name, found = item
        opened = sum(window["opened"] for window in found["windows"].get(longest, ()))
        return -found["open"], -opened, name

    shown = sorted(sorted(rows.items(), key=weight)[:ROWS])
    for _, found in shown:
        found["windows"] = {name: _window(added(parts)) for name, parts in found["windows"].items()}
    return {
        "rows": [{"name": name, **found} for name, found in shown],
        "more": len(rows) - len(shown),
    }


def _history(history: Json) -> Json:
    def bars(told: list[Json] | None) -> list[Json] | None:
        return told and [
            {
                "at": bar["at"],
                "opened": bar["opened"],
                "resolved": bar["resolved"],
                **{name: bar[name]["p50_seconds"] for name in _TIMES},
                "csat": bar["csat"]["ratio"],
            }
            for bar in told
        ]

    return {**history, "hour": bars(history["hour"]), "week_ago": bars(history["week_ago"])}


def _sla(clocks: Json | None) -> Json | None:
    """The clocks of service targets that run; ``None`` without any target."""
    targets = _by_target(clocks)
    if not targets:
        return None
    at_risk, breached = (sum(row[state] for row in targets.values()) for state in ("at_risk", "breached"))
    return {"at_risk": at_risk, "breached": breached, "targets": targets}


def _by_target(policies: Json | None) -> Json:
    """The sum over all policies, by target."""
    found: dict[str, list[Json]] = {}
    for policy in (policies or {}).values():
        for name, told in policy.items():
            found.setdefault(name, []).append(told)
    return {name: added(told) for name, told in found.items()}
