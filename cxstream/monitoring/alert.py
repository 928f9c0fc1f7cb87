"""Alerts: each with a severity, an owner, the text a person needs, and a section of the runbook.

What only grows while partitions are missing needs no guard; what would be wrong then waits for
:data:`~cxstream.monitoring.query.COMPLETE`. ``keep_firing_for`` holds an alert over a rebalance, in which its
series are gone for some seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cxstream.monitoring.query import COMPLETE, JOB, live

if TYPE_CHECKING:
    from cxstream.monitoring.query import Query

Rule = dict[str, Any]

_WEEK: Final = 604_800  # seconds
_OPENED: Final = "cxstream_tickets_total"
_OLDEST: Final = "cxstream_backlog_oldest_timestamp_seconds"
_TICKETS: Final = "cxstream_sla_tickets"


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses that the texts of alerts link to."""

    worker: str = "http://localhost:6066"
    grafana: str = "http://localhost:3000"
    runbook: str = "docs/runbook.md"
    tickets: bool = False
    """Whether workers answer ``/api/tickets``; without it the link leads to the live page."""

    def list_of(self, state: str) -> str:
        """Where the single tickets are."""
        return f"{self.worker}/api/tickets?state={state}&fleet=1" if self.tickets else f"{self.worker}/"

    def board(self, name: str, *variables: str) -> str:
        """A board with variables of the alert's labels."""
        query = "&".join(f"var-{each}={{{{ $labels.{each} }}}}" for each in variables)
        return f"{self.grafana}/d/{name}" + (f"?{query}" if query else "")


def alert(
    name: str, expr: str, places: Places, *, severity: str, component: str, summary: str, description: str,
    wait: str | None = None, hold: str | None = None, labels: dict[str, str] | None = None,
    links: dict[str, str] | None = None,
) -> Rule:  # fmt: skip
    """Make one alert; ``wait`` is ``for``, ``hold`` is ``keep_firing_for``."""
    rule: Rule = {"alert": name, "expr": expr}
    if wait:
        rule["for"] = wait
    if hold:
        rule["keep_firing_for"] = hold
    rule["labels"] = {"severity": severity, "component": component, **(labels or {})}
    runbook = f"{places.runbook}#{name.lower()}"
    rule["annotations"] = {
        "summary": summary,
        "description": description,
        **(links or {}),
        "runbook_url": runbook,
    }
    return rule


def clocks(query: Query, places: Places) -> list[Rule]:
    """What runs late right now."""
    by = "policy, target, team"
    board = {"dashboard_url": places.board("cx-sla", "team")}
    return [
        alert(
            "CxTicketsBreachingNow",
            f"{query.total(_TICKETS, by, state='breached')} > 0",
            places,
            hold="2m",
            severity="warning",
            component="sla",
            summary="{{ $labels.team }}: open tickets are past their {{ $labels.target }} deadline",
            description="Clocks of policy {{ $labels.policy }} that run past their deadline: {{ $value }}."
            " Answer or resolve these tickets first.",
            links={"tickets_url": places.list_of("breached"), **board},
        ),
        alert(
            "CxTicketsAtRisk",
            f"{query.total(_TICKETS, by, state='at_risk')} > 0",
            places,
            wait="1m",
            hold="2m",
            severity="info",
            component="sla",
            summary="{{ $labels.team }}: tickets are about to miss their {{ $labels.target }} deadline",
            description="Clocks of policy {{ $labels.policy }} that have passed their first warning: {{ $value }}."
            " Who answers now still keeps the promise.",
            links={"tickets_url": places.list_of("at_risk"), **board},
        ),
    ]


def backlog(query: Query, places: Places, longest: int) -> list[Rule]:
    """What piles up; ``longest`` is the longest time in s that the policy allows for a resolution."""
    now = query.total("cxstream_backlog_tickets", "team")
    before = f"sum by (team) ({query.series('cxstream_backlog_tickets')} offset 3h)"
    opened = query.series(_OPENED, flow="opened")
    hour = f"sum(increase({opened}[1h]))"
    weeks = "\n  or\n  ".join(
        f'label_replace(sum(increase({opened}[1h] offset {week}w)), "week", "{week}", "", "")'
        for week in (1, 2, 3)
    )
    board = {"dashboard_url": places.board("cx-groups", "team")}
    oldest = f"time() - min{query.by(_OLDEST, 'team')}({query.series(_OLDEST)})"
    return [
        alert(
            "CxOldestOpenTicket",
            live(f"{oldest} > {2 * longest}"),
            places,
            wait="15m",
            hold="5m",
            severity="warning",
            component="support",
            summary="{{ $labels.team }}: a ticket has been open for {{ $value | humanizeDuration }}",
            description="That is more than twice the longest time that the SLA policy allows for a resolution."
            " Resolve it, or find out why nobody does.",
            links={"tickets_url": places.list_of("waiting"), **board},
        ),
        alert(
            "CxBacklogGrowing",
            # Both ends must be complete: a backlog that came back with its partition has not grown.
            f"{live(f'{now} > 1.2 * {before} and {now} - {before} >= 20')}\nand on () ({COMPLETE} offset 3h == 1)",
            places,
            wait="30m",
            hold="5m",
            severity="warning",
            component="support",
            summary="{{ $labels.team }}: the backlog grows",
            description="{{ $value }} tickets are open, a fifth more than three hours ago (and at least 20).",
            links=board,
        ),
        alert(
            "CxInflowSurge",
            f"{hour}\n> 3 *\nquantile(0.5,\n  {weeks}\n)\nand\n{hour} >= 20",
            places,
            wait="10m",
            severity="warning",
            component="support",
            summary="Unusually many tickets are being opened",
            description="{{ $value | humanize }} in the last hour: more than three times the median of this hour"
            " of the last three weeks.",
            links={"dashboard_url": places.board("cx-overview")},
        ),
    ]


def satisfaction(query: Query, places: Places, *, minimum: float, window: str, least: int) -> Rule:
    """CSAT of a team below its objective, where enough have answered."""
    answers = "cxstream_survey_answers_window"
    share = query.share(answers, {"category": "positive"}, "team", survey="csat", window=window)
    number = query.total(answers, "team", survey="csat", window=window)
    return alert(
        "CxCsatLow",
        live(f"{share} < {minimum}\nand\n{number} >= {least}"),
        places,
        wait="15m",
        hold="5m",
        severity="warning",
        component="support",
        summary="{{ $labels.team }}: customers are less satisfied than agreed",
        description=f"{{{{ $value | humanizePercentage }}}} of the CSAT answers of the window {window} are positive;"
        f" the objective is {minimum:.0%}.",
        links={"dashboard_url": places.board("cx-surveys", "team")},
    )


def workers(query: Query, places: Places) -> list[Rule]:
    """Whether the numbers can be believed."""
    assigned = query.series("cxstream_assigned_partitions")
    info = query.series("cxstream_config_info")
    served = f"sum by (topic) ({assigned}) < max by (topic) ({query.series('cxstream_topic_partitions')})"
    rows: list[tuple[str, str, str, str | None, str, str]] = [
        (
            "CxMetricsAbsent", f"absent({assigned})", "critical", "5m",
            "No worker exposes metrics",
            "Nothing is known of the helpdesk: no worker runs, or Prometheus reaches none.",
        ),
        (
            "CxPartitionsUnassigned", served, "critical", "1m",
            "Partitions of {{ $labels.topic }} have no worker, or are being read back",
            "Only {{ $value }} are served: live numbers are hidden until all are.",
        ),
        (
            "CxPartitionsSetAside", f"{query.total('cxstream_partitions_set_aside')} > 0", "critical", "1m",
            "Partitions cannot be used and were set aside",
            "Counted nowhere until somebody helps: {{ $value }}. /readyz of their worker says which and why.",
        ),
        (
            "CxWorkerDown", f"{query.series('up', job=JOB)} == 0", "warning", "1m",
            "Worker {{ $labels.instance }} cannot be scraped",
            "The last scrapes failed. Its partitions go to the others, if there are any.",
        ),
        (
            "CxWorkersDisagree", f"count(count by (hash) ({info})) > 1", "warning", "5m",
            "Workers run with different settings",
            "{{ $value }} different hashes of settings and SLA policy: their numbers do not add up.",
        ),
    ]  # fmt: skip
    return [_of_the_pipeline(places, *row) for row in rows]


def events(query: Query, places: Places) -> list[Rule]:
    """Whether events arrive and are applied."""
    total, lag = query.series("cxstream_events_total"), query.series("cxstream_consumer_lag_events")
    last = query.series("cxstream_last_event_timestamp_seconds")
    age = f"time() - max by (source) ({last})"
    week_ago = f"time() - {_WEEK} - max by (source) ({last} offset 1w)"
    letters = query.increase("cxstream_dead_letters_total", "15m", "topic, reason")
    misplaced = query.increase("cxstream_misplaced_events_total", "15m", "topic")
    orphans = query.series("cxstream_orphan_events")
    rows: list[tuple[str, str, str, str | None, str, str]] = [
        (
            "CxConsumerLagGrowing",
            f"sum by (topic) ({lag}) > 1000\nand\nsum by (topic) (deriv({lag}[10m])) > 0", "warning", "5m",
            "{{ $labels.topic }}: the workers fall behind",
            "{{ $value | humanize }} events are published and not yet applied, and it gets more.",
        ),
        (
            "CxSourceSilent",
            # Nights and weekends are silent too: an hour counts only where the week before was not.
            f"({age} > 3600) and ({week_ago} < 1800)\nor\n{age} > 86400", "warning", "5m",
            "{{ $labels.source }} sends no events",
            ("The newest is {{ $value | humanizeDuration }} old; at this time a week ago there were some, or it is a"
            " day old."),
        ),
        (
            "CxTopicSilent",
            (f"sum by (topic) (increase({total}[30m])) == 0\nand\n"
            f"sum by (topic) (increase({total}[30m] offset 1w)) >= 20"), "warning", "5m",
            "{{ $labels.topic }} went silent",
            "No event in 30 minutes; a week ago there were at least 20.",
        ),
        (
            "CxDeadLetters", f"{letters} > 0", "warning", None,
            "{{ $labels.topic }}: events were refused ({{ $labels.reason }})",
            ("About {{ $value | humanize }} in 15 minutes are missing from all numbers until they are mended and"
            " replayed."),
        ),
        (
            "CxOrphans", f"sum({orphans}) > 20\nand\nsum(deriv({orphans}[1h])) >= 0", "warning", "1h",
            "Replies and resolutions arrive without the opening of their ticket",
            "{{ $value }} are held and counted nowhere until ticket-opened brings their tickets.",
        ),
        (
            "CxMisplacedEvents", f"{misplaced} > 0", "warning", None,
            "{{ $labels.topic }}: the keys of events do not belong to their partitions",
            ("About {{ $value | humanize }} in 15 minutes: events of one ticket reach different workers, and its"
            " numbers are wrong."),
        ),
    ]  # fmt: skip
    return [_of_the_pipeline(places, *row) for row in rows]


def _of_the_pipeline(
    places: Places, name: str, expr: str, severity: str, wait: str | None, summary: str, description: str
) -> Rule:
    return alert(
        name, expr, places, severity=severity, component="pipeline", summary=summary, description=description,
        wait=wait, links={"dashboard_url": places.board("cx-pipeline")},
    )  # fmt: skip
