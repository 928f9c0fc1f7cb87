"""From a copy of the numbers to samples, metric by metric. Runs in a thread.

    for metric, rows in Sampler(rules, options).sample(copied, CATALOGUE): ...

A row of a counter, gauge or info is ``(label values, value)``; one of a histogram is
``(label values, upper bounds as text, counts per bucket, sum)``. The counts are not cumulative; there is one
more of them than of bounds.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from cxstream.core.pane import AGE_BOUNDS, BOUNDS, CATEGORIES, FLOWS, POINT, SCORE_BOUNDS, SECOND, SURVEYS
from cxstream.core.refusal import REASONS
from cxstream.core.tally import DELAY_BOUNDS, RESULTS
from cxstream.metrics import counted, promised
from cxstream.metrics.catalogue import OLDEST, OLDEST_LABELS, Metric, le
from cxstream.metrics.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cxstream.core.rules import Rules
    from cxstream.metrics.copied import Copied
    from cxstream.metrics.labels import LabelSet
    from cxstream.metrics.observed import Options

Value = int | float
Scalar = tuple["LabelSet", Value]
Spread = tuple["LabelSet", tuple[str, ...], "list[int]", Value]
Row = Scalar | Spread

_DURATION_LES: Final = tuple(le(bound / SECOND) for bound in BOUNDS)
_AGE_LES: Final = tuple(le(bound / SECOND) for bound in AGE_BOUNDS)
_DELAY_LES: Final = tuple(le(bound / SECOND) for bound in DELAY_BOUNDS)
_SCORE_LES: Final = {survey: tuple(le(bound) for bound in SCORE_BOUNDS[survey]) for survey in SURVEYS}
_TABLE: Final = ("tickets",)


def _window_duration(measure: str) -> Callable[[View], Iterator[Row]]:
    def rows(view: View) -> Iterator[Row]:
        for labels, cell in view.cells:
            counts, total = cell.histogram(measure)
            yield labels, _DURATION_LES, counts, total / SECOND

    return rows


def _worked(measure: str) -> Callable[[View], Iterator[Row]]:
    def rows(view: View) -> Iterator[Row]:
        policies = view.rules.policies
        return _window_duration(measure)(view) if policies is not None and policies.closes else iter(())

    return rows


def _tickets_window(view: View) -> Iterator[Row]:
    for labels, cell in view.cells:
        for flow in FLOWS:
            yield (*labels, flow), cell.flow(flow)


def _score_window(view: View) -> Iterator[Row]:
    for labels, cell in view.cells:
        for survey in SURVEYS:
            _, counts, total = cell.survey(survey)
            yield (*labels, survey), _SCORE_LES[survey], counts, total / POINT


def _answers_window(view: View) -> Iterator[Row]:
    for labels, cell in view.cells:
        for survey in SURVEYS:
            counts, _, _ = cell.survey(survey)
            for category, count in zip(CATEGORIES[survey], counts, strict=True):
                yield (*labels, survey, category), count


def _backlog(view: View) -> Iterator[Row]:
    for labels, (awaiting, progress, _, _, _) in view.backlog:
        yield (*labels, "awaiting_first_reply"), awaiting
        yield (*labels, "in_progress"), progress


def _age(view: View) -> Iterator[Row]:
    for labels, (_, _, _, ages, total) in view.backlog:
        yield labels, _AGE_LES, ages, total / SECOND


def _oldest(view: View) -> Iterator[Row]:
    positions = [view.rules.labels.index(label) for label in OLDEST_LABELS if label in view.rules.labels]
    found: dict[LabelSet, int] = {}
    for labels, (_, _, oldest, _, _) in view.backlog:
        key = tuple(labels[position] for position in positions)
        found[key] = min(oldest, found.get(key, oldest))
    for key, instant in found.items():
        yield key, instant / SECOND


def _duration(measure: str) -> Callable[[View], Iterator[Row]]:
    def rows(view: View) -> Iterator[Row]:
        for labels, numbers in view.counted:
            counts, total = counted.duration(numbers, measure)
            yield labels, _DURATION_LES, counts, total / SECOND

    return rows


def _tickets(view: View) -> Iterator[Row]:
    for labels, numbers in view.counted:
        for flow in FLOWS:
            yield (*labels, flow), counted.flow(numbers, flow)


def _answers(view: View) -> Iterator[Row]:
    for labels, numbers in view.counted:
        for survey in SURVEYS:
            for category in CATEGORIES[survey]:
                yield (*labels, survey, category), counted.answers(numbers, survey, category)


def _events(view: View) -> Iterator[Row]:
    for topic in view.copied.topics:
        for result in RESULTS:
            yield (topic, result), view.copied.results.get((topic, result), 0)


def _dead_letters(view: View) -> Iterator[Row]:
    for topic in view.copied.topics:
        for reason in REASONS:
            yield (topic, reason), view.copied.letters.get((topic, reason), 0)


def _misplaced(view: View) -> Iterator[Row]:
    for topic in view.copied.topics:
        yield (topic,), view.copied.misplaced.get(topic, 0)


def _orphans(view: View) -> Iterator[Row]:
    if view.copied.live:
        yield (), sum(partition.orphans for partition in view.copied.live)


def _last_event(view: View) -> Iterator[Row]:
    found: dict[str, int] = {}
    for source, instant in view.copied.newest.items():
        name = view.bounds.value("source", source)
        found[name] = max(instant, found.get(name, instant))
    for name, instant in sorted(found.items()):
        yield (name,), instant / SECOND


def _delay(view: View) -> Iterator[Row]:
    for topic in view.copied.topics:
        _, counts, total = view.copied.delays.get(topic, ((), (0,) * (len(DELAY_BOUNDS) + 1), 0))
        yield (topic,), _DELAY_LES, list(counts), total / SECOND


def _event_time(view: View) -> Iterator[Row]:
    for (topic, partition), instant in sorted(view.copied.event_times.items()):
        yield (topic, str(partition)), instant / SECOND


def _lag(view: View) -> Iterator[Row]:
    for (topic, partition), behind in sorted(view.copied.lag.items()):
        yield (topic, str(partition)), behind


def _assigned(view: View) -> Iterator[Row]:
    for topic, partitions in view.copied.topic_partitions.items():
        yield (topic,), sum(1 for partition in view.copied.assigned if partition < partitions)


def _topic_partitions(view: View) -> Iterator[Row]:
    for topic, partitions in view.copied.topic_partitions.items():
        yield (topic,), partitions


def _set_aside(view: View) -> Iterator[Row]:
    yield (), view.copied.set_aside


def _recovering(view: View) -> Iterator[Row]:
    yield _TABLE, int(view.copied.recovering)


def _entries(view: View) -> Iterator[Row]:
    yield _TABLE, sum(partition.entries for partition in view.copied.live)


def _config(view: View) -> Iterator[Row]:
    yield (view.copied.fingerprint,), 1


def _build(_: View) -> Iterator[Row]:
    yield (release(), platform.python_version()), 1


def release() -> str:
    """The version of the installed package."""
    try:
        return version("cxstream")
    except PackageNotFoundError:
        return "unknown"


SOURCES: Final[dict[str, Callable[[View], Iterable[Row]]]] = {
    "cxstream_first_response_window_seconds": _window_duration("first_response"),
    "cxstream_response_window_seconds": _window_duration("response"),
    "cxstream_resolution_window_seconds": _window_duration("resolution"),
    "cxstream_tickets_window": _tickets_window,
    "cxstream_backlog_tickets": _backlog,
    "cxstream_backlog_age_tickets": _age,
    OLDEST: _oldest,
    "cxstream_survey_score_window": _score_window,
    "cxstream_survey_answers_window": _answers_window,
    "cxstream_first_response_business_window_seconds": _worked("first_response_business"),
    "cxstream_resolution_business_window_seconds": _worked("resolution_business"),
    "cxstream_sla_evaluations_window": promised.window,
    "cxstream_sla_tickets": promised.running,
    "cxstream_first_response_seconds": _duration("first_response"),
    "cxstream_response_seconds": _duration("response"),
    "cxstream_resolution_seconds": _duration("resolution"),
    "cxstream_tickets_total": _tickets,
    "cxstream_survey_answers_total": _answers,
    "cxstream_sla_evaluations_total": promised.total,
    "cxstream_sla_target_seconds": promised.targets,
    "cxstream_sla_objective_ratio": promised.objectives,
    "cxstream_events_total": _events,
    "cxstream_dead_letters_total": _dead_letters,
    "cxstream_misplaced_events_total": _misplaced,
    "cxstream_orphan_events": _orphans,
    "cxstream_last_event_timestamp_seconds": _last_event,
    "cxstream_event_delay_seconds": _delay,
    "cxstream_event_time_timestamp_seconds": _event_time,
    "cxstream_consumer_lag_events": _lag,
    "cxstream_assigned_partitions": _assigned,
    "cxstream_topic_partitions": _topic_partitions,
    "cxstream_partitions_set_aside": _set_aside,
    "cxstream_table_recovering": _recovering,
    "cxstream_table_entries": _entries,
    "cxstream_config_info": _config,
    "cxstream_build_info": _build,
}


class Sampler:
    """Turns copies into samples, one after the other."""

    def __init__(self, rules: Rules, options: Options) -> None:
        self._rules = rules
        self._options = options
        self._counted = counted.Counted()
        series = () if rules.policies is None else rules.policies.series
        self._judged = counted.Counted(len(series) * len(counted.OUTCOMES))

    def sample(self, copied: Copied, wanted: Sequence[Metric]) -> Iterator[tuple[Metric, Iterable[Row]]]:
        """The rows of metrics of the catalogue."""
        view = View(copied, self._rules, self._options, self._counted, self._judged)
        for metric in wanted:
            yield metric, SOURCES[metric.name](view)
