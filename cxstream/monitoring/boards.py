"""All boards, as the files that ``deploy/grafana`` holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.monitoring.groups import groups
from cxstream.monitoring.overview import overview
from cxstream.monitoring.pipeline import pipeline
from cxstream.monitoring.query import Query
from cxstream.monitoring.surveys import surveys
from cxstream.monitoring.targets import targets

if TYPE_CHECKING:
    from cxstream.core.rules import Rules
    from cxstream.monitoring.goals import Goals

BOARDS: Final = (overview, targets, groups, surveys, pipeline)


def documents(rules: Rules, goals: Goals) -> dict[str, str]:
    """File name → JSON of every board; :class:`UnknownSeriesError` if the rules lack a label they need."""
    query = Query(rules, board=True)
    made = [make(query, goals) for make in BOARDS]
    return {f"{board.uid.removeprefix('cx-')}.json": board.document(query) for board in made}
