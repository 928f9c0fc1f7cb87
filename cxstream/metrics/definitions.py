"""What each number on the live page and in ``cxstream top`` is called and means: written here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cxstream.metrics.catalogue import METRICS

if TYPE_CHECKING:
    from cxstream.core.answer import Json


class Definition(NamedTuple):
    """A number's title, and its meaning in a sentence or two."""

    title: str
    text: str


def _metric(name: str) -> str:
    """The catalogue's words."""
    metric = METRICS[f"cxstream_{name}"]
    return f"{metric.help} {metric.more}".replace(" Over the rolling window.", "").strip()


_ESTIMATED: Final = (
    "Percentiles are estimated from buckets whose neighbours are at most half as wide again; n is the number of"
    " measurements."
)

DEFINITIONS: Final[dict[str, Definition]] = {
    "open": Definition(
        "Open tickets", "Tickets that have been opened or reopened and are not resolved, at this moment."
    ),
    "awaiting": Definition(
        "Waiting for first reply",
        "Open tickets that a customer opened and no human agent has answered in public yet.",
    ),
    "in_progress": Definition("In progress", "Open tickets that do not wait for their first reply."),
    "longest": Definition(
        "Longest waiting", "Time since the opening of the ticket that has waited longest for its first reply."
    ),
    "oldest": Definition("Oldest open", "Time since the opening of the oldest ticket that is still open."),
    "aged": Definition("Older than a day", "Open tickets that were opened more than 24 hours ago."),
    "at_risk": Definition(
        "At risk",
        "Service targets that have passed their first warning and are not due yet, of open tickets.",
    ),
    "breached": Definition(
        "Breached",
        "Service targets that were not met by their deadline, of tickets for which they still run.",
    ),
    "first_response": Definition(
        "First response", f"{_metric('first_response_window_seconds')} {_ESTIMATED}"
    ),
    "response": Definition("Response", f"{_metric('response_window_seconds')} {_ESTIMATED}"),
    "resolution": Definition("Resolution", f"{_metric('resolution_window_seconds')} {_ESTIMATED}"),
    "opened": Definition("Opened", "Tickets opened in the window, each at the moment of its opening."),
    "resolved": Definition(
        "Resolved", "Resolutions in the window. A ticket that was reopened and resolved again counts twice."
    ),
    "reopened": Definition("Reopened", "Tickets that came back after a resolution, in the window."),
    "csat": Definition(
        "CSAT",
        "Share of satisfaction answers in the top quarter of their scale (4 and 5 of 5); n is the number of answers.",
    ),
    "nps": Definition(
        "NPS", "Share of promoters (9 and 10 of 10) minus share of detractors (0 to 6), times 100; n answers."
    ),
    "ces": Definition(
        "CES",
        "Share of effort answers in the top, easy quarter of their scale (6 and 7 of 7); n is their number.",
    ),
    "attainment": Definition(
        "Within target", "Of the service targets judged in the window: the share met by their deadline."
    ),
    "due": Definition(
        "Next to breach",
        "Service targets of open tickets that are at risk, by deadline; above them those longest past theirs.",
    ),
    "history": Definition(
        "The last hour",
        "Bars of equal width, the last one still filling; the line is the same hour a week ago.",
    ),
}


def document() -> Json:
    """All of them, for the page."""
    return {name: {"title": one.title, "text": one.text} for name, one in DEFINITIONS.items()}
