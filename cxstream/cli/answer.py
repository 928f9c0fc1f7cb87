"""A report's answer as tables for people; the shape of the answer is that of the contract, §6."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxstream.cli.console import in_words, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table

Answer = dict[str, Any]
DURATIONS: Final = {
    "first_response": "first response",
    "response": "response",
    "first_resolution": "first resolution",
    "resolution": "resolution",
}
_BUSINESS: Final = {
    "first_response_business": "first response, open hours",
    "resolution_business": "resolution, open hours",
}
_FLOWS: Final = ("opened", "resolved", "reopened")


def tables(answer: Answer) -> Iterator[Table | str]:
    """Yield what to show, in reading order."""
    events = answer["events"]
    yield (
        f"As of {answer['at']}: " + ", ".join(f"{count} {name}" for name, count in events.items()) + " events"
    )
    yield table(
        "Tickets", *(name.replace("_", " ") for name in answer["tickets"]), rows=[answer["tickets"].values()]
    )
    yield table(
        "Durations",
        *("measure", "count", "mean", "p50", "p90", "p95", "longest"),
        rows=[
            (words, *_duration(answer[name]))
            for name, words in (DURATIONS | _BUSINESS).items()
            if name in answer
        ],
    )
    yield table(
        "Surveys",
        *("survey", "answers", "good", "neutral", "bad", "result", "mean"),
        rows=list(_surveys(answer)),
    )
    if "sla" in answer:
        yield table(
            "SLA targets",
            *("policy and target", "met", "breached", "attainment", "met late", "open", "at risk"),
            rows=list(_sla(answer["sla"])),
        )
    yield _groups("Windows", "window", answer["windows"])
    if "period" in answer:
        period = answer["period"]
        yield _groups("Period", "from", {f"{period['from']} to {period['to']}": period})
    for label, groups in answer.get("by", {}).items():
        yield _groups(f"By {label}", label, groups)


def _duration(figures: Mapping[str, Any]) -> tuple[object, ...]:
    names = ("mean_seconds", "p50_seconds", "p90_seconds", "p95_seconds", "max_seconds")
    return (figures["count"], *(in_words(figures[name]) for name in names))


def _sla(sla: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    for policy, targets in sla.items():
        for target, told in targets.items():
            yield (
                f"{policy}: {target}",
                told["met"],
                told["breached"],
                _share(told["attainment"]),
                told["met_late"],
                told["open"],
                told["at_risk"],
            )


def _surveys(answer: Answer) -> Iterator[tuple[object, ...]]:
    for name in ("csat", "ces"):
        survey = answer[name]
        counts = (survey["answers"], survey["positive"], survey["neutral"], survey["negative"])
        yield (name.upper(), *counts, _share(survey["ratio"]), _decimal(survey["mean"]))
    nps = answer["nps"]
    counts = (nps["answers"], nps["promoters"], nps["passives"], nps["detractors"])
    yield ("NPS", *counts, _decimal(nps["score"]), _decimal(nps["mean"]))


def _groups(title: str, noun: str, groups: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        (
            name,
            *(group[flow] for flow in _FLOWS),
            *(_typical(group[measure]) for measure in DURATIONS),
            _share(group["csat"]["ratio"]),
            _decimal(group["nps"]["score"]),
            _share(group["ces"]["ratio"]),
        )
        for name, group in groups.items()
    ]
    title = f"{title} (durations: p50 / p90)"
    return table(title, noun, *_FLOWS, *DURATIONS.values(), "CSAT", "NPS", "CES", rows=rows)


def _typical(figures: Mapping[str, Any]) -> str | None:
    if not figures["count"]:
        return None
    return f"{in_words(figures['p50_seconds'])} / {in_words(figures['p90_seconds'])}"


def _share(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.1%}"


def _decimal(number: float | None) -> str | None:
    return None if number is None else f"{number:.2f}"
