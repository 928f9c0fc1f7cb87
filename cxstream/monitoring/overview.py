"""The overview, a wallboard: what waits, what is late, how fast customers are answered, and whether that is all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.pane import SECOND
from cxstream.core.rules import DAY
from cxstream.monitoring.board import Board
from cxstream.monitoring.panel import (
    BAD,
    COUNT,
    GOOD,
    SECONDS,
    SHARE,
    Ask,
    Steps,
    bars,
    density,
    graph,
    matrix,
    tile,
)
from cxstream.monitoring.query import COMPLETE, live

if TYPE_CHECKING:
    from cxstream.monitoring.goals import Goals
    from cxstream.monitoring.panel import Panel
    from cxstream.monitoring.query import Query

FRT: Final = "cxstream_first_response_window_seconds"
RESPONSE: Final = "cxstream_response_window_seconds"
RESOLUTION: Final = "cxstream_resolution_window_seconds"
FLOW: Final = "cxstream_tickets_window"
BACKLOG: Final = "cxstream_backlog_tickets"
OLDEST: Final = "cxstream_backlog_oldest_timestamp_seconds"
ANSWERS: Final = "cxstream_survey_answers_window"
EVALUATIONS: Final = "cxstream_sla_evaluations_window"
TICKETS: Final = "cxstream_sla_tickets"
WINDOW: Final = "$window"
HOUR: Final = 3_600.0  # seconds; a bound of the buckets
_BARS: Final = "15m"


def overview(query: Query, goals: Goals) -> Board:
    """Make the board."""
    return Board(
        uid="cx-overview",
        title="CX / Overview",
        meaning="What waits, what is late, how fast we answer.",
        refresh="10s",
        since="now-6h",
        rows=(
            ("Now", (*_waiting(query, goals), *_speed(query, goals))),
            ("Trend", _trend(query)),
            ("Where", _where(query)),
        ),
    )


def steps_of(goals: Goals, target: str) -> Steps:
    """Thresholds of a duration: the shortest time that the policy allows anywhere, and the longest."""
    shortest, longest = goals.spans(target)
    return Steps(shortest / SECOND, longest / SECOND)


def steps_of_share(wanted: float) -> Steps:
    """Thresholds of a share: bad below what is wanted, a warning within a fifth of what may be missed."""
    return Steps(round(wanted + (1 - wanted) / 5, 4), wanted)


def age(query: Query, by: str = "") -> str:
    """Seconds since the opening of the oldest open ticket."""
    return f"time() - min{query.by(OLDEST, by)}({query.series(OLDEST)})"


def satisfied(query: Query, by: str = "", window: str = WINDOW) -> str:
    """CSAT: satisfied answers / answers."""
    return query.share(ANSWERS, {"category": "positive"}, by, survey="csat", window=window)


def _waiting(query: Query, goals: Goals) -> tuple[Panel, ...]:
    open_now = query.total(BACKLOG)
    late = query.total(TICKETS, "state", state=("at_risk", "breached"))
    return (
        tile(
            "Open",
            "Tickets opened and not resolved, and how many more (or fewer) than an hour ago.",
            COUNT,
            Ask(live(open_now), "open"),
            Ask(live(f"{open_now} - sum({query.series(BACKLOG)} offset 1h)"), "change in 1 h"),
            decimals=0,
        ),
        tile(
            "Waiting for a first reply",
            "Open tickets of customers that no human agent has answered yet.",
            COUNT,
            Ask(live(query.total(BACKLOG, state="awaiting_first_reply")), "waiting"),
            decimals=0,
        ),
        tile(
            "Oldest open",
            "Time since the opening of the oldest ticket that is open. Orange from the shortest, dark red from"
            " the longest time that the SLA policy allows for a resolution.",
            SECONDS,
            Ask(live(age(query)), "age"),
            steps=steps_of(goals, "resolution"),
            decimals=1,
        ),
        tile(
            "At risk, breached",
            "Running SLA clocks of open tickets whose first warning has passed, and those past their deadline."
            " One ticket can have several. Not by channel.",
            COUNT,
            Ask(live(late), "{{state}}"),
            steps=Steps(1, 10),
            decimals=0,
        ),
        tile(
            "Newest event",
            "Time since the newest event of any topic happened, by its own clock.",
            SECONDS,
            Ask(f"time() - max({query.series('cxstream_event_time_timestamp_seconds')})", "age"),
            steps=Steps(600, HOUR),
            decimals=0,
        ),
        tile(
            "Complete",
            "Whether every partition is owned and read back. While one is not, the live numbers of all boards"
            ' say "no data" instead of too little.',
            COUNT,
            Ask(COMPLETE, "numbers are"),
            words={"0": ("incomplete", BAD), "1": ("complete", GOOD)},
        ),
    )


def _speed(query: Query, goals: Goals) -> tuple[Panel, ...]:
    day = query.window_near(DAY)
    long = query.window_near(goals.satisfaction.window)
    reply = steps_of(goals, "first_reply")
    told = "Orange from the shortest, dark red from the longest time that the SLA policy allows."
    met = query.share(EVALUATIONS, {"outcome": "met"}, "target", window=day)
    return (
        tile(
            "First response",
            f"From a customer's opening (or the hand-off to a human) to the first reply. {told}",
            SECONDS,
            Ask(live(query.quantile(0.5, FRT, window=WINDOW)), "half within"),
            Ask(live(query.quantile(0.9, FRT, window=WINDOW)), "90 % within"),
            steps=reply,
            decimals=0,
        ),
        tile(
            "Answered within 1 h",
            "Share of the first responses of the window that took an hour at most.",
            SHARE,
            Ask(live(query.within(HOUR, FRT, window=WINDOW)), "share"),
            decimals=1,
        ),
        tile(
            "Resolution",
            f"From the opening of a ticket to its last resolution, while it stands. {told}",
            SECONDS,
            Ask(live(query.quantile(0.5, RESOLUTION, window=WINDOW)), "half within"),
            Ask(live(query.quantile(0.9, RESOLUTION, window=WINDOW)), "90 % within"),
            steps=steps_of(goals, "resolution"),
            decimals=0,
        ),
        tile(
            "Opened, resolved",
            "Openings and resolutions in the window; reopened tickets are resolved again.",
            COUNT,
            *(
                Ask(live(query.total(FLOW, window=WINDOW, flow=flow)), flow)
                for flow in ("opened", "resolved")
            ),
            decimals=0,
        ),
        tile(
            f"SLA met, {day}",
            "Met / (met + breached), by target. A breach counts at its deadline, without an event. Dark red"
            " below the objective of the SLA policy.",
            SHARE,
            Ask(live(met), "{{target}}"),
            steps=steps_of_share(goals.attainment("first_reply")),
            decimals=1,
        ),
        tile(
            f"CSAT, {long}",
            "Satisfied answers / answers, and the number of answers: of fewer than"
            f" {goals.satisfaction.least} read no share.",
            SHARE,
            Ask(live(satisfied(query, window=long)), "satisfied"),
            Ask(live(query.total(ANSWERS, survey="csat", window=long)), "answers", COUNT),
            steps=steps_of_share(goals.satisfaction.minimum),
            decimals=1,
        ),
    )


def _trend(query: Query) -> tuple[Panel, ...]:
    opened = query.series("cxstream_tickets_total", flow="opened")
    return (
        graph(
            "Opened and resolved per 15 min",
            "Transitions counted when they were first made; resolved ones are drawn downwards.",
            COUNT,
            Ask(query.increase("cxstream_tickets_total", _BARS, flow="opened"), "opened"),
            Ask(f"-{query.increase('cxstream_tickets_total', _BARS, flow='resolved')}", "resolved"),
            bars=True,
        ).interval(_BARS),
        graph(
            "First response by team",
            "Mean over the window.",
            SECONDS,
            Ask(live(query.mean(FRT, "team", window=WINDOW)), "{{team}}"),
        ),
        graph(
            "Opened per hour, and a week ago",
            "Tickets opened in the hour before each point, beside the same hour of the week before.",
            COUNT,
            Ask(f"sum(increase({opened}[1h]))", "now"),
            Ask(f"sum(increase({opened}[1h] offset 1w))", "a week ago"),
        ),
        density(
            "First responses, how long they took",
            "First replies per bucket of time and per step of the graph.",
            SECONDS,
            Ask(query.increase("cxstream_first_response_seconds_bucket", "$__rate_interval", "le"), "{{le}}"),
        ),
    )


def _where(query: Query) -> tuple[Panel, ...]:
    return (
        bars(
            "Opened by channel",
            "Tickets opened in the window, by the channel they came on.",
            COUNT,
            Ask(live(query.total(FLOW, "channel", window=WINDOW, flow="opened")), "{{channel}}"),
            size=(8, 9),
        ),
        matrix(
            "Teams now",
            "Per team: open tickets, those without a first reply, the oldest, the first response and CSAT.",
            "team",
            Ask(live(query.total(BACKLOG, "team")), "open"),
            Ask(live(query.total(BACKLOG, "team", state="awaiting_first_reply")), "no first reply"),
            Ask(live(age(query, "team")), "oldest", SECONDS),
            Ask(live(query.quantile(0.9, FRT, "team", window=WINDOW)), "90 % answered within", SECONDS),
            Ask(live(satisfied(query, "team")), "CSAT", SHARE),
            size=(16, 9),
        ),
    )
