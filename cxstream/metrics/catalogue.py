"""Every metric, defined once: the exporter, the documentation, rules and dashboards read it from here.

Labels are given with two placeholders, ``L`` and ``W``; :meth:`Metric.label_names` replaces them by those
that the settings choose. A window histogram ``X`` is exposed as three families, ``X_bucket``, ``X_gsum`` and
``X_gcount``: OpenTelemetry collectors drop OpenMetrics' own type for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cxstream.core.event import CHANNELS, KINDS, PRIORITIES
from cxstream.core.pane import AGE_BOUNDS, BOUNDS, CATEGORIES, FLOWS, SCORE_BOUNDS, SECOND, SURVEYS
from cxstream.core.refusal import REASONS
from cxstream.core.tally import DELAY_BOUNDS, RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxstream.core.rules import Rules

Kind = Literal["counter", "gauge", "histogram", "window histogram", "info"]
Group = Literal["live", "cumulative", "pipeline"]

L: Final = "L"
"""Stands for the labels of ``CXSTREAM_LABELS``."""
W: Final = "W"
"""Stands for ``window`` and the labels of ``CXSTREAM_WINDOW_LABELS``."""
STATES: Final = ("awaiting_first_reply", "in_progress")
SLA_STATES: Final = ("ok", "at_risk", "breached")
OUTCOMES: Final = ("met", "breached")
OLDEST_LABELS: Final = ("team", "channel")


class Family(NamedTuple):
    """A metric family as a scraper sees it; ``name`` is that of its samples in the text format."""

    name: str
    type: Literal["counter", "gauge", "histogram", "unknown", "info"]
    help: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the contract."""

    name: str
    kind: Kind
    group: Group
    labels: tuple[str, ...]
    help: str
    unit: str = ""
    """Base unit; OpenMetrics wants the name to end with it."""
    more: str = ""
    """What the documentation says beyond the help text."""

    def label_names(self, rules: Rules) -> tuple[str, ...]:
        """The labels in the order in which they are exposed, without ``le``."""
        names: list[str] = []
        for label in self.labels:
            if label == L:
                names += rules.labels
            elif label == W:
                names += ("window", *rules.window_labels)
            elif self.name != OLDEST or label in rules.labels:
                names.append(label)
        return tuple(names)

    @property
    def names(self) -> frozenset[str]:
        """Every name by which it may be asked for: its own, and those of its families and samples."""
        suffixes = ("bucket", "sum", "count") if self.kind == "histogram" else ()
        return frozenset((self.name, *(f"{self.name}_{suffix}" for suffix in suffixes))) | {
            family.name for family in self.families
        }

    @property
    def families(self) -> tuple[Family, ...]:
        """What is exposed."""
        if self.kind == "window histogram":
            return (
                Family(f"{self.name}_bucket", "unknown", f"{self.help} Counts by upper bound."),
                Family(f"{self.name}_gsum", "gauge", f"{self.help} Sum."),
                Family(f"{self.name}_gcount", "gauge", f"{self.help} Count."),
            )
        return (Family(self.name, self.kind, self.help, self.unit),)


BACKLOG: Final = "cxstream_backlog_"
"""How the names of metrics of the backlog begin."""
OLDEST: Final = f"{BACKLOG}oldest_timestamp_seconds"

_FRT: Final = (
    "Time from a customer's opening, or the last hand-off to a human, to the first qualifying reply."
)
_RESPONSE: Final = "Time from the start of a customer's wait to the qualifying reply that ends it."
_RESOLUTION: Final = "Time from the opening of a ticket to its last resolution, while it stands."
_ROLLING: Final = "Over the rolling window."
_SINCE: Final = "Counted when first made."

CATALOGUE: Final[tuple[Metric, ...]] = (
    Metric(
        "cxstream_first_response_window_seconds", "window histogram", "live", (W,), f"{_FRT} {_ROLLING}",
        unit="seconds",
    ),
    Metric(
        "cxstream_response_window_seconds", "window histogram", "live", (W,), f"{_RESPONSE} {_ROLLING}",
        unit="seconds",
    ),
    Metric(
        "cxstream_resolution_window_seconds", "window histogram", "live", (W,), f"{_RESOLUTION} {_ROLLING}",
        unit="seconds", more="A reopening takes the value back out.",
    ),
    Metric(
        "cxstream_first_response_business_window_seconds", "window histogram", "live", (W,),
        f"{_FRT} Only open hours of the SLA policy's calendar count. {_ROLLING}",
        unit="seconds", more="Only where a calendar closes.",
    ),
    Metric(
        "cxstream_resolution_business_window_seconds", "window histogram", "live", (W,),
        f"{_RESOLUTION} Only open hours of the SLA policy's calendar count. {_ROLLING}",
        unit="seconds", more="Only where a calendar closes.",
    ),
    Metric("cxstream_tickets_window", "gauge", "live", (W, "flow"), f"Transitions of tickets. {_ROLLING}"),
    Metric("cxstream_backlog_tickets", "gauge", "live", (L, "state"), "Open tickets by state."),
    Metric(
        "cxstream_backlog_age_tickets", "window histogram", "live", (L,), "Open tickets by age in seconds.",
        more="The age counts from the opening.",
    ),
    Metric(
        OLDEST, "gauge", "live", OLDEST_LABELS, "Opening of the oldest open ticket.",
        unit="seconds",
        more="Absent where nothing is open. Carries those of its labels that `CXSTREAM_LABELS` names.",
    ),
    Metric(
        "cxstream_survey_score_window", "window histogram", "live", (W, "survey"),
        f"Survey scores on the survey's default scale. {_ROLLING}",
    ),
    Metric(
        "cxstream_survey_answers_window", "gauge", "live", (W, "survey", "category"),
        f"Survey answers. {_ROLLING}",
    ),
    Metric(
        "cxstream_sla_evaluations_window", "gauge", "live", (W, "policy", "target", "outcome"),
        f"Outcomes of SLA targets. {_ROLLING}",
    ),
    Metric(
        "cxstream_sla_tickets", "gauge", "live", ("policy", "target", "state", "team"),
        "Open tickets with a running SLA clock, by its state.",
        more="`at_risk`: the first warning has passed, the deadline has not.",
    ),
    Metric(
        "cxstream_first_response_seconds", "histogram", "cumulative", (L,), f"{_FRT} {_SINCE}",
        unit="seconds",
    ),
    Metric(
        "cxstream_response_seconds", "histogram", "cumulative", (L,), f"{_RESPONSE} {_SINCE}",
        unit="seconds",
    ),
    Metric(
        "cxstream_resolution_seconds", "histogram", "cumulative", (L,), f"{_RESOLUTION} {_SINCE}",
        unit="seconds",
    ),
    Metric(
        "cxstream_tickets_total", "counter", "cumulative", (L, "flow"), f"Transitions of tickets. {_SINCE}",
    ),
    Metric(
        "cxstream_survey_answers_total", "counter", "cumulative", (L, "survey", "category"),
        f"Survey answers. {_SINCE}",
    ),
    Metric(
        "cxstream_sla_evaluations_total", "counter", "cumulative", (L, "policy", "target", "outcome"),
        f"Outcomes of SLA targets. {_SINCE}",
        more="A breach counts at its deadline, with no event needed.",
    ),
    Metric(
        "cxstream_sla_target_seconds", "gauge", "pipeline", ("policy", "target", "priority"),
        "Time that the SLA policy allows.",
        unit="seconds",
    ),
    Metric(
        "cxstream_sla_objective_ratio", "gauge", "pipeline", ("policy", "target", "priority"),
        "Share of the evaluations that is to be met.",
        unit="ratio",
    ),
    Metric(
        "cxstream_events_total", "counter", "pipeline", ("topic", "result"),
        "Records read, by what became of them.",
    ),
    Metric(
        "cxstream_dead_letters_total", "counter", "pipeline", ("topic", "reason"),
        "Records sent to the dead-letter topic.",
    ),
    Metric(
        "cxstream_misplaced_events_total", "counter", "pipeline", ("topic",),
        "Events applied although their key belongs to another partition.",
        more="Remedy: the publisher's partitioner (`partitioner=murmur2_random` in librdkafka).",
    ),
    Metric(
        "cxstream_orphan_events", "gauge", "pipeline", (),
        "Replies and resolutions held until the opening of their ticket arrives.",
    ),
    Metric(
        "cxstream_last_event_timestamp_seconds", "gauge", "pipeline", ("source",),
        "Time of the newest event of the source.",
        unit="seconds",
    ),
    Metric(
        "cxstream_event_delay_seconds", "histogram", "pipeline", ("topic",),
        "Processing time minus event time.",
        unit="seconds",
    ),
    Metric(
        "cxstream_event_time_timestamp_seconds", "gauge", "pipeline", ("topic", "partition"),
        "Time of the newest event of the partition.",
        unit="seconds",
    ),
    Metric(
        "cxstream_consumer_lag_events", "gauge", "pipeline", ("topic", "partition"),
        "Events published but not yet applied.",
    ),
    Metric(
        "cxstream_assigned_partitions", "gauge", "pipeline", ("topic",),
        "Partitions that this worker owns and has recovered.",
        more="0 while recovering. Completeness = sum over workers / `cxstream_topic_partitions`.",
    ),
    Metric("cxstream_topic_partitions", "gauge", "pipeline", ("topic",), "Partitions of the topic."),
    Metric(
        "cxstream_partitions_set_aside", "gauge", "pipeline", (),
        "Partitions of this worker that cannot be used.",
        more="A stored row or an event that this version cannot digest; `/readyz` and the log say which and why."
        " The others go on.",
    ),
    Metric(
        "cxstream_table_recovering", "gauge", "pipeline", ("table",),
        "1 while the table is being read back, else 0.",
    ),
    Metric(
        "cxstream_table_entries", "gauge", "pipeline", ("table",),
        "Entries of the table in recovered partitions.",
    ),
    Metric(
        "cxstream_config_info", "info", "pipeline", ("hash",),
        "Hash of settings and policies: workers must agree.",
    ),
    Metric(
        "cxstream_build_info", "info", "pipeline", ("version", "python"),
        "Version of the worker and of Python.",
    ),
)  # fmt: skip

METRICS: Final = {metric.name: metric for metric in CATALOGUE}

_GROUPS: Final = {
    "live": "Exact in event time, corrected by late data, self-healing. `sum` over workers is exact.",
    "cumulative": (
        "Never go down, start at 0 in each process. Known label sets stand at 0 from the start: those seen,\n"
        "those of open tickets, and those of the configured `CXSTREAM_TEAMS` as long as they are few."
    ),
    "pipeline": "What the worker does, and how complete its numbers are.",
}
_VALUES: Final = {
    "channel": (*CHANNELS, "none"),
    "priority": (*PRIORITIES, "none"),
    "kind": (*KINDS, "none"),
    "flow": FLOWS,
    "state": (*STATES, *SLA_STATES),
    "outcome": OUTCOMES,
    "survey": SURVEYS,
    "category": tuple(dict.fromkeys(category for names in CATEGORIES.values() for category in names)),
    "result": RESULTS,
    "reason": REASONS,
    "table": ("tickets",),
}


def le(bound: float) -> str:
    """A bound as label value: always a float, since Prometheus 3 writes it so."""
    return str(float(bound))


_HEAD: Final = """\
<!-- Generated from cxstream/metrics/catalogue.py; do not edit. -->
# Metrics

`GET /metrics` of a worker answers in the Prometheus text format 0.0.4 or in OpenMetrics 1.0.0, as `Accept`
asks. Units are base units, bounds (`le`) are floats, samples carry no timestamps, no `_created` series exist.
**L** = the labels of `CXSTREAM_LABELS`, **W** = `window` and the labels of `CXSTREAM_WINDOW_LABELS`.

A *window histogram* `X` is three families: `X_bucket` (type unknown, untyped in the text format), `X_gsum`
and `X_gcount` (gauges). `histogram_quantile()` takes `X_bucket` without `rate()`.

`/metrics?name[]=NAME&name[]=…`, as with the Prometheus client libraries, answers with the metrics of these names only,
and the others cost nothing; a name of one of a histogram's samples asks for all of it, an unknown one for nothing.

The process metrics of prometheus_client (`process_cpu_seconds_total`, `process_resident_memory_bytes` …)
follow after these.
"""

_BOUNDED: Final = """\
| team, source | see below; unknown is `none` |
| window | the names of `CXSTREAM_WINDOWS` |
| policy, target | those of the SLA policy |
| topic | canonical names, without `CXSTREAM_TOPIC_PREFIX` |
| partition | numbers from 0 |

The configured `CXSTREAM_TEAMS` are shown by name. Without them, and for sources, the first
`CXSTREAM_MAX_LABEL_VALUES` live names in sorted order are; the rest is added up as `other`, so that sums stay
right. Names longer than 200 characters or with control characters count as `other`.

A team that newer names push beyond the bound takes its cumulative past along into `other`, which then makes a
step: configure `CXSTREAM_TEAMS` to prevent it.
"""


def document() -> str:
    """``docs/metrics.md``."""
    parts = [_HEAD]
    for group, text in _GROUPS.items():
        rows = "".join(_row(metric) for metric in CATALOGUE if metric.group == group)
        title = group.capitalize()
        parts.append(
            f"\n## {title}\n\n{text}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n{rows}"
        )
    values = "".join(f"| {label} | {_code(values)} |\n" for label, values in _VALUES.items())
    parts += ["\n## Label values\n\n| label | values |\n|---|---|\n", values, _BOUNDED, "\n## Buckets\n\n"]
    bounds = {
        "durations, s": (bound / SECOND for bound in BOUNDS),
        "age of open tickets, s": (bound / SECOND for bound in AGE_BOUNDS),
        "delay of events, s": (bound / SECOND for bound in DELAY_BOUNDS),
        **{f"score, {survey}": SCORE_BOUNDS[survey] for survey in SURVEYS},
    }
    parts += [f"- {name}: {_code(map(le, found))}\n" for name, found in bounds.items()]
    return "".join(parts)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"**{label}**" if label in {L, W} else label for label in metric.labels) or "none"
    meaning = f"{metric.help} {metric.more}".strip()
    return f"| `{metric.name}` | {metric.kind} | {labels} | {meaning} |\n"


def _code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
