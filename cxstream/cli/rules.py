"""``cxstream rules``: rules of Prometheus and routes of Alertmanager, written or compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cxstream.cli.generated import Check, keep
from cxstream.cli.options import Config, Json, example, settings_of


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "rules",
        epilog=example(
            "CXSTREAM_SLA_POLICY=policy.yml cxstream rules --out deploy --notify http://desk.internal/alerts",
            "cxstream rules --check",
        ),
    )(rules)


def rules(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder of prometheus/, alertmanager/ and kubernetes/."),
    ] = Path("deploy"),
    worker: Annotated[
        str, typer.Option("--worker", metavar="URL", help="A worker, as people reach it.")
    ] = "http://localhost:6066",
    grafana: Annotated[
        str, typer.Option("--grafana", metavar="URL", help="Grafana, as people reach it.")
    ] = "http://localhost:3000",
    runbook: Annotated[
        str, typer.Option("--runbook", metavar="URL", help="Where your people read docs/runbook.md.")
    ] = "docs/runbook.md",
    notify: Annotated[
        str | None,
        typer.Option(
            "--notify", metavar="URL", help="Where Alertmanager posts. Default: nowhere.", show_default=False
        ),
    ] = None,
    check: Check = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Write recording rules, alerts and an Alertmanager configuration to start from.

    Generated from CXSTREAM_SLA_POLICY and the catalogue of metrics, with windows and labels of the settings.
    Needs no broker.
    """
    from cxstream.cli.failure import usage
    from cxstream.monitoring.alert import Places
    from cxstream.monitoring.burn import PeriodError
    from cxstream.monitoring.goals import goals_of
    from cxstream.monitoring.query import UnknownSeriesError
    from cxstream.monitoring.ruleset import documents

    settings = settings_of(config)
    places = Places(worker.rstrip("/"), grafana.rstrip("/"), runbook, tickets=settings.ticket_api)
    try:
        wanted = documents(settings.rules, goals_of(settings.policies), places, notify)
    except UnknownSeriesError as error:
        usage(
            f"alerts do not fit the settings: {error}: name team in CXSTREAM_LABELS and CXSTREAM_WINDOW_LABELS"
        )
    except PeriodError as error:
        usage(f"CXSTREAM_SLA_POLICY={settings.sla_policy}: {error}")
    keep(wanted, out, "catalogue and policy", command=f"cxstream rules --out {out}", check=check, json=json)
