"""The board of one team or channel, and of all beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.pane import AGE_BOUNDS, SECOND
from cxstream.metrics.catalogue import le
from cxstream.monitoring.board import Board
from cxstream.monitoring.overview import (
    BACKLOG,
    FLOW,
    FRT,
    HOUR,
    RESOLUTION,
    RESPONSE,
    WINDOW,
    age,
    satisfied,
    steps_of,
)
from cxstream.monitoring.panel import COUNT, SECONDS, SHARE, Ask, bars, density, graph, matrix
from cxstream.monitoring.query import live

if TYPE_CHECKING:
    from cxstream.monitoring.goals import Goals
    from cxstream.monitoring.panel import Panel
    from cxstream.monitoring.query import Query

_AGES: Final = "cxstream_backlog_age_tickets"


def groups(query: Query, goals: Goals) -> Board:
    """Make the board."""
    return Board(
        uid="cx-groups",
        title="CX / Teams and channels",
        meaning="Choose a team or a channel above; without a choice, all beside each other.",
        rows=(
            ("Beside each other", tuple(_matrix(query, label) for label in ("team", "channel"))),
            ("How fast", _speed(query, goals)),
            ("How much", _amount(query)),
            ("What is open", _backlog(query)),
        ),
    )


def _matrix(query: Query, label: str) -> Panel:
    reopened = query.total(FLOW, label, window=WINDOW, flow="reopened")
    resolved = query.total(FLOW, label, window=WINDOW, flow="resolved")
    replies = query.total(f"{RESPONSE}_gcount", label, window=WINDOW)
    return matrix(
        f"By {label}",
        "In the window: tickets opened and resolved, first responses, the share of them within an hour, the mean"
        " response, the median resolution, measured replies per resolution, reopenings per resolution, CSAT.",
        label,
        Ask(live(query.total(FLOW, label, window=WINDOW, flow="opened")), "opened"),
        Ask(live(resolved), "resolved"),
        Ask(live(query.quantile(0.5, FRT, label, window=WINDOW)), "half answered within", SECONDS),
        Ask(live(query.quantile(0.9, FRT, label, window=WINDOW)), "90 % answered within", SECONDS),
        Ask(live(query.within(HOUR, FRT, label, window=WINDOW)), "within 1 h", SHARE),
        Ask(live(query.mean(RESPONSE, label, window=WINDOW)), "mean response", SECONDS),
        Ask(live(query.quantile(0.5, RESOLUTION, label, window=WINDOW)), "half resolved within", SECONDS),
        Ask(live(f"{replies} / ({resolved} > 0)"), "replies per resolution"),
        Ask(live(f"{reopened} / ({resolved} > 0)"), "reopened", SHARE),
        Ask(live(satisfied(query, label)), "CSAT", SHARE),
    )


def _speed(query: Query, goals: Goals) -> tuple[Panel, ...]:
    return (
        graph(
            "First response by channel",
            "Median over the window; dashed: the shortest and the longest target of the SLA policy.",
            SECONDS,
            Ask(live(query.quantile(0.5, FRT, "channel", window=WINDOW)), "{{channel}}"),
            steps=steps_of(goals, "first_reply"),
        ),
        graph(
            "Response by team",
            "Mean time that customers waited for each reply, over the window.",
            SECONDS,
            Ask(live(query.mean(RESPONSE, "team", window=WINDOW)), "{{team}}"),
        ),
        density(
            "First responses, how long they took",
            "First replies per bucket of time and per step of the graph.",
            SECONDS,
            Ask(query.increase("cxstream_first_response_seconds_bucket", "$__rate_interval", "le"), "{{le}}"),
        ),
        density(
            "Resolutions, how long they took",
            "Resolutions per bucket of time and per step of the graph.",
            SECONDS,
            Ask(query.increase("cxstream_resolution_seconds_bucket", "$__rate_interval", "le"), "{{le}}"),
        ),
    )


def _amount(query: Query) -> tuple[Panel, ...]:
    return tuple(
        graph(
            f"{flow.capitalize()} per hour, by {label}",
            f"Tickets {flow}, counted when it was first known.",
            COUNT,
            Ask(query.increase("cxstream_tickets_total", "1h", label, flow=flow), f"{{{{{label}}}}}"),
            bars=True,
            stacked=True,
        ).interval("1h")
        for flow, label in (("opened", "channel"), ("resolved", "team"))
    )


def _backlog(query: Query) -> tuple[Panel, ...]:
    counted = query.total(f"{_AGES}_gcount")
    bounds = [bound // SECOND for bound in AGE_BOUNDS]
    older = [
        Ask(
            live(f"{counted} - {query.total(f'{_AGES}_bucket', le=le(bound))}"),
            f"older than {_in_words(bound)}",
        )
        for bound in bounds
    ]
    return (
        graph(
            "Open by team",
            "Tickets opened and not resolved.",
            COUNT,
            Ask(live(query.total(BACKLOG, "team")), "{{team}}"),
            stacked=True,
        ),
        graph(
            "Oldest by team",
            "Time since the opening of the oldest open ticket.",
            SECONDS,
            Ask(live(age(query, "team")), "{{team}}"),
        ),
        bars(
            "How old the open ones are",
            "Open tickets by their age; each bar contains those below it.",
            COUNT,
            Ask(live(counted), "all"),
            *older,
            size=(24, 8),
        ),
    )


def _in_words(seconds: int) -> str:
    days, hours = divmod(seconds // 3_600, 24)
    return f"{days} d" if days else f"{hours} h"
