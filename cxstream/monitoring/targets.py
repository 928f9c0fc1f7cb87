"""The SLA board: which targets are met, what is late now, and how fast the budget of misses is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.rules import DAY
from cxstream.monitoring.board import Board
from cxstream.monitoring.overview import EVALUATIONS, FRT, TICKETS, WINDOW, age, steps_of, steps_of_share
from cxstream.monitoring.panel import (
    BAD,
    COUNT,
    GOOD,
    SECONDS,
    SHARE,
    Ask,
    Steps,
    bars,
    graph,
    matrix,
    states,
    tile,
)
from cxstream.monitoring.query import live
from cxstream.monitoring.recording import ratio_name, remaining_name

if TYPE_CHECKING:
    from cxstream.monitoring.goals import Goals
    from cxstream.monitoring.panel import Panel
    from cxstream.monitoring.query import Query

_TOTAL: Final = "cxstream_sla_evaluations_total"
_OBJECTIVE: Final = "cxstream_sla_objective_ratio"
_TARGET: Final = "cxstream_sla_target_seconds"
_OF: Final = "policy, target"


def targets(query: Query, goals: Goals) -> Board:
    """Make the board."""
    return Board(
        uid="cx-sla",
        title="CX / SLA and breaches",
        meaning="Which targets are met, what is late now, and how much may still be missed.",
        since="now-24h",
        rows=(
            ("Now", _now(query, goals)),
            ("Attainment", _attainment(query, goals)),
            ("Breaches", _breaches(query)),
            ("The policy", _policy(query, goals)),
        ),
    )


def _now(query: Query, goals: Goals) -> tuple[Panel, ...]:
    day = query.window_near(DAY)
    share = query.share(EVALUATIONS, {"outcome": "met"}, window=day)
    return (
        *(
            tile(
                title,
                meaning,
                COUNT,
                Ask(live(query.total(TICKETS, state=state)), "clocks"),
                steps=steps,
                decimals=0,
            )
            for title, state, meaning, steps in (
                (
                    "Breached",
                    "breached",
                    "Running clocks of open tickets that are past their deadline.",
                    Steps(1, 10),
                ),
                (
                    "At risk",
                    "at_risk",
                    "Running clocks whose first warning has passed and not the deadline.",
                    Steps(1, 20),
                ),
                ("In time", "ok", "Running clocks before their first warning, or paused.", None),
            )
        ),
        tile(
            f"Met, {day}",
            "Met / (met + breached) over all targets; dark red below the objective of first replies.",
            SHARE,
            Ask(live(share), "met"),
            steps=steps_of_share(goals.attainment("first_reply")),
            decimals=1,
        ),
        tile(
            f"Breached, {day}",
            "Targets missed in the window; each once, at its deadline.",
            COUNT,
            Ask(live(query.total(EVALUATIONS, window=day, outcome="breached")), "missed"),
            decimals=0,
        ),
        tile(
            "Oldest open",
            "Time since the opening of the oldest ticket that is open; coloured by the targets of resolution.",
            SECONDS,
            Ask(live(age(query)), "age"),
            steps=steps_of(goals, "resolution"),
            decimals=1,
        ),
    )


def _attainment(query: Query, goals: Goals) -> tuple[Panel, ...]:
    met = query.share(EVALUATIONS, {"outcome": "met"}, _OF, window=WINDOW)
    by = f"max by ({_OF}) "
    return (
        graph(
            "Met, over the window",
            "Met / (met + breached) of each target.",
            SHARE,
            Ask(live(met), "{{policy}} {{target}}"),
            steps=steps_of_share(goals.attainment("first_reply")),
        ),
        graph(
            "Budget left, 30 days",
            "1 - missed / what the objective allows to be missed. At 0 the budget is spent, below it overdrawn.",
            SHARE,
            Ask(f"min by ({_OF}) ({remaining_name('30d')})", "{{policy}} {{target}}"),
            steps=Steps(0.25, 0),
        ),
        graph(
            "How fast the budget is spent",
            "Burn rate: the share missed / the share that may be. At 1 a month's budget lasts a month.",
            "none",
            *(
                Ask(
                    f"{by}({ratio_name(over)}) / on ({_OF}) (1 - {by}({query.series(_OBJECTIVE)}))",
                    f"{{{{policy}}}} {{{{target}}}}, {over}",
                )
                for over in ("1h", "6h", "3d")
            ),
            steps=Steps(1, 14.4),
        ),
        states(
            "Which team is late",
            "breached: at least one clock of the team is past its deadline.",
            Ask(live(f"{query.total(TICKETS, 'team', state='breached')} > bool 0"), "{{team}}"),
            {"0": ("in time", GOOD), "1": ("breached", BAD)},
        ),
    )


def _breaches(query: Query) -> tuple[Panel, ...]:
    missed = {"outcome": "breached"}
    return (
        graph(
            "Missed per hour, by team",
            "Targets missed, counted at their deadline.",
            COUNT,
            Ask(query.increase(_TOTAL, "1h", "team", **missed), "{{team}}"),
            bars=True,
            stacked=True,
        ).interval("1h"),
        graph(
            "Late and at risk now",
            "Running clocks by target and state.",
            COUNT,
            Ask(
                live(query.total(TICKETS, f"{_OF}, state", state=("at_risk", "breached"))),
                "{{target}} {{state}}",
            ),
        ),
        bars(
            "Most missed",
            "The five pairs of target and team with the most misses in the window.",
            COUNT,
            Ask(
                live(f"topk(5, {query.total(EVALUATIONS, 'target, team', window=WINDOW, **missed)})"),
                "{{target}}, {{team}}",
            ),
        ),
        bars(
            "Missed by channel",
            "Targets missed in the window, by channel.",
            COUNT,
            Ask(live(query.total(EVALUATIONS, "channel", window=WINDOW, **missed)), "{{channel}}"),
        ),
    )


def _policy(query: Query, goals: Goals) -> tuple[Panel, ...]:
    by = f"{_OF}, priority"
    return (
        matrix(
            "Targets",
            "What the SLA policy asks: the time allowed on the clock of its calendar, and the share to be met.",
            by,
            Ask(f"max by ({by}) ({query.series(_TARGET)})", "within", SECONDS),
            Ask(f"max by ({by}) ({query.series(_OBJECTIVE)})", "to be met", SHARE),
            size=(12, 9),
        ),
        graph(
            "First response against its targets",
            "90 % took no longer, in calendar time; dashed: the shortest and the longest target.",
            SECONDS,
            Ask(live(query.quantile(0.9, FRT, window=WINDOW)), "90 % within"),
            steps=steps_of(goals, "first_reply"),
            size=(12, 9),
        ),
    )
