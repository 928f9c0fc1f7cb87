"""``cxstream dashboards``: Grafana's boards, written or compared."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final

import typer

from cxstream.cli.generated import Check, keep
from cxstream.cli.options import Config, Json, example, settings_of

_SDK: Final = "grafana-foundation-sdk"
_RELEASE: Final = "0.0.21"
"""Another one writes the same boards differently, and `--check` would find a difference."""


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "dashboards", epilog=example("cxstream dashboards --out boards", "cxstream dashboards --check")
    )(dashboards)


def dashboards(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the boards.")] = Path(
        "deploy/grafana/dashboards/cxstream"
    ),
    check: Check = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Write the boards for Grafana 10 to 13, generated from the catalogue of metrics and the SLA policy.

    Thresholds are those of CXSTREAM_SLA_POLICY, windows and labels those of the settings. Needs no broker. To
    load what is written, Grafana needs nothing.
    """
    from cxstream.cli.failure import usage
    from cxstream.monitoring.goals import goals_of
    from cxstream.monitoring.query import UnknownSeriesError

    _demand_the_sdk()
    from cxstream.monitoring.boards import documents

    settings = settings_of(config)
    try:
        wanted = documents(settings.rules, goals_of(settings.policies))
    except UnknownSeriesError as error:
        usage(f"the boards do not fit the settings: {error}: name team and channel in CXSTREAM_WINDOW_LABELS")
    keep(
        wanted,
        out,
        "catalogue and policy",
        command=f"cxstream dashboards --out {out}",
        check=check,
        json=json,
    )


def _demand_the_sdk() -> None:
    from cxstream.cli.failure import usage

    try:
        found = version(_SDK).removeprefix("v")
    except PackageNotFoundError:
        found = "missing"
    if found != _RELEASE:
        remedy = f"pip install {_SDK}=={_RELEASE} (Grafana itself loads the committed files without it)"
        usage(f"boards are written with {_SDK} {_RELEASE}; here it is {found}: {remedy}")
