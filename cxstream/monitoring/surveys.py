"""The board of surveys: CSAT with its uncertainty, NPS, CES, and how many answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.core.pane import CATEGORIES, SCORE_BOUNDS
from cxstream.metrics.catalogue import le
from cxstream.monitoring.board import Board
from cxstream.monitoring.overview import ANSWERS, FLOW, WINDOW, satisfied, steps_of_share
from cxstream.monitoring.panel import COUNT, SHARE, Ask, Steps, bars, graph, tile
from cxstream.monitoring.query import live

if TYPE_CHECKING:
    from cxstream.monitoring.goals import Goals
    from cxstream.monitoring.panel import Panel
    from cxstream.monitoring.query import Query

_SCORE: Final = "cxstream_survey_score_window"
_POINTS: Final = "none"
# Wilson's interval, z = 1.96: z²/2, z²/4 and z².
_HALF, _QUARTER, _WHOLE = 1.9207, 0.9604, 3.8415


def surveys(query: Query, goals: Goals) -> Board:
    """Make the board."""
    return Board(
        uid="cx-surveys",
        title="CX / Surveys",
        meaning="What customers say, and how far so few answers can be trusted.",
        since="now-7d",
        rows=(("Now", _now(query, goals)), ("CSAT", _csat(query, goals)), ("NPS and CES", _others(query))),
    )


def _now(query: Query, goals: Goals) -> tuple[Panel, ...]:
    return (
        tile(
            "CSAT",
            "Satisfied answers / answers: at least three quarters of the scale.",
            SHARE,
            Ask(live(satisfied(query)), "satisfied"),
            steps=steps_of_share(goals.satisfaction.minimum),
            decimals=1,
        ),
        *(
            tile(
                f"{survey.upper()} answers",
                f"Answers in the window: of fewer than {goals.satisfaction.least} read no share.",
                COUNT,
                Ask(live(query.total(ANSWERS, survey=survey, window=WINDOW)), "answers"),
                steps=Steps(goals.satisfaction.least, goals.satisfaction.least // 3),
                decimals=0,
            )
            for survey in ("csat", "nps", "ces")
        ),
        tile(
            "NPS",
            "100 x (promoters, 9 and 10, - detractors, 0 to 6) / answers; from -100 to 100.",
            _POINTS,
            Ask(live(_nps(query)), "score"),
            steps=Steps(30, 0),
            decimals=0,
        ),
        tile(
            "CES",
            "Mean of how easy it was, on the scale from 1 to 7; high is good.",
            _POINTS,
            Ask(live(query.mean(_SCORE, survey="ces", window=WINDOW)), "of 7"),
            steps=Steps(5.5, 4),
            decimals=2,
        ),
    )


def _nps(query: Query) -> str:
    promoters, detractors = (
        query.total(ANSWERS, survey="nps", category=category, window=WINDOW)
        for category in ("promoter", "detractor")
    )
    return f"100 * ({promoters} - {detractors}) / ({query.total(ANSWERS, survey='nps', window=WINDOW)} > 0)"


def _wilson(query: Query, sign: str) -> str:
    """A bound of the 95 % interval of the satisfied share p of n answers."""
    n = f"({query.total(ANSWERS, survey='csat', window=WINDOW)} > 0)"
    p = f"({satisfied(query)})"
    spread = f"1.96 * sqrt({p} * (1 - {p}) / {n} + {_QUARTER} / {n} ^ 2)"
    return f"({p} + {_HALF} / {n} {sign} {spread}) / (1 + {_WHOLE} / {n})"


def _csat(query: Query, goals: Goals) -> tuple[Panel, ...]:
    scores = tuple(le(score) for score in SCORE_BOUNDS["csat"])
    enough = f"{query.total(ANSWERS, 'team', survey='csat', window=WINDOW)} >= {goals.satisfaction.least}"
    return (
        graph(
            "Satisfied, and how sure that is",
            "The share of satisfied answers, between the bounds of its 95 % interval (Wilson).",
            SHARE,
            Ask(live(satisfied(query)), "satisfied"),
            Ask(live(_wilson(query, "-")), "at least"),
            Ask(live(_wilson(query, "+")), "at most"),
            steps=steps_of_share(goals.satisfaction.minimum),
        ),
        graph(
            "Answers by category",
            "CSAT answers in the window.",
            COUNT,
            *_categories(query, "csat"),
            stacked=True,
        ),
        bars(
            "Scores",
            "CSAT answers in the window with this score or less, on the scale from 1 to 5.",
            COUNT,
            Ask(
                live(query.total(f"{_SCORE}_bucket", "le", survey="csat", window=WINDOW, le=scores)),
                "up to {{le}}",
            ),
        ),
        bars(
            "Lowest teams",
            f"The five lowest shares of satisfied answers, of teams with {goals.satisfaction.least} answers or more.",
            SHARE,
            Ask(live(f"bottomk(5, {satisfied(query, 'team')} and {enough})"), "{{team}}"),
        ),
        bars(
            "Satisfied by channel",
            "Satisfied answers / answers, however few.",
            SHARE,
            Ask(live(satisfied(query, "channel")), "{{channel}}"),
        ),
        bars(
            "Answers per resolution",
            "Answers of each survey in the window / tickets resolved in it.",
            SHARE,
            Ask(
                live(
                    f"{query.total(ANSWERS, 'survey', window=WINDOW)}"
                    f" / on () group_left () ({query.total(FLOW, window=WINDOW, flow='resolved')} > 0)"
                ),
                "{{survey}}",
            ),
        ),
    )


def _others(query: Query) -> tuple[Panel, ...]:
    return (
        graph(
            "NPS",
            "100 x (promoters - detractors) / answers, over the window.",
            _POINTS,
            Ask(live(_nps(query)), "NPS"),
        ),
        graph(
            "NPS answers",
            "Answers in the window by category.",
            COUNT,
            *_categories(query, "nps"),
            stacked=True,
        ),
        graph(
            "CES",
            "Mean of how easy it was, on the scale from 1 to 7; high is good.",
            _POINTS,
            Ask(live(query.mean(_SCORE, survey="ces", window=WINDOW)), "mean"),
        ),
        graph(
            "CES answers",
            "Answers in the window by category.",
            COUNT,
            *_categories(query, "ces"),
            stacked=True,
        ),
    )


def _categories(query: Query, survey: str) -> tuple[Ask, ...]:
    return tuple(
        Ask(live(query.total(ANSWERS, survey=survey, category=category, window=WINDOW)), category)
        for category in CATEGORIES[survey]
    )
