"""Panels of Grafana: each number with its unit, its definition, its thresholds and an honest "no data".

Needs grafana-foundation-sdk, which only who generates boards has; Grafana loads the JSON without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from grafana_foundation_sdk.builders import (
    bargauge,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import common as look
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

# Blue, orange and dark red stay apart for who sees red and green alike; and a text always says the same.
GOOD: Final = "blue"
WARNING: Final = "orange"
BAD: Final = "dark-red"
PLAIN: Final = "text"
"""For a number that is neither good nor bad."""

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA: Final = "no data"
SECONDS: Final = units.Seconds
COUNT: Final = units.Short
SHARE: Final = units.PercentUnit
BYTES: Final = units.BytesIEC
PER_SECOND: Final = units.CountsPerSecond

Panel = Any
"""Any of the SDK's panel builders: they share no base class."""


class Ask(NamedTuple):
    """A query and the name of what it gives."""

    expr: str
    legend: str = "__auto"
    unit: str | None = None
    """Where it differs from the unit of the panel."""


class Steps(NamedTuple):
    """Thresholds; ``rising``: the more the worse, else the less the worse."""

    warn: float
    bad: float

    @property
    def config(self) -> grafana.ThresholdsConfig:
        """As Grafana has them: colours from a value on upwards."""
        first, second = sorted((self.warn, self.bad))
        colours = (GOOD, WARNING, BAD) if self.warn <= self.bad else (BAD, WARNING, GOOD)
        values: tuple[float | None, ...] = (None, first, second)
        return _thresholds(*zip(values, colours, strict=True))


def _thresholds(*steps: tuple[float | None, str]) -> grafana.ThresholdsConfig:
    return (
        grafana.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _target(
    ask: Ask, ref: str, *, instant: bool, form: PromQueryFormat | None = None
) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(ask.expr).legend_format(ask.legend).ref_id(ref).datasource(SOURCE)
    made = made.instant() if instant else made.range()
    return made.format(form) if form else made


def _framed(
    panel: Panel, title: str, meaning: str, unit: str, size: tuple[int, int], steps: Steps | None
) -> Panel:
    width, height = size
    made = panel.title(title).description(meaning).unit(unit).span(width).height(height)
    made = made.datasource(SOURCE).no_value(NO_DATA)
    return made.thresholds(steps.config if steps else _thresholds((None, PLAIN)))


def _asking(
    panel: Panel, asks: tuple[Ask, ...], *, instant: bool = False, form: PromQueryFormat | None = None
) -> Panel:
    for ref, ask in zip("ABCDEFGHIJ", asks, strict=False):
        panel = panel.with_target(_target(ask, ref, instant=instant, form=form))
        if ask.unit:  # what has another unit is no better or worse by the same thresholds
            plain = {"mode": "fixed", "fixedColor": PLAIN}
            changes = [
                model.DynamicConfigValue(id_val="unit", value=ask.unit),
                model.DynamicConfigValue(id_val="color", value=plain),
            ]
            panel = panel.override_by_name(ask.legend, changes)
    return panel


def tile(
    title: str, meaning: str, unit: str, *asks: Ask, steps: Steps | None = None, decimals: int | None = None,
    width: int = 4, words: Mapping[str, tuple[str, str]] | None = None,
) -> Panel:  # fmt: skip
    """Make a number of now. Instant queries only: of a range, Grafana would go on to show the last value it had.

    ``words``: a text and a colour instead of a value.
    """
    made = (
        _framed(stat.Panel(), title, meaning, unit, (width, 4), steps)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .color_mode(looks.BigValueColorMode.VALUE)
        .text_mode(looks.BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    if decimals is not None:
        made = made.decimals(decimals)
    if words:
        made = made.mappings([_mapped(words)])
    return _asking(made, asks, instant=True)


def graph(
    title: str, meaning: str, unit: str, *asks: Ask, steps: Steps | None = None, bars: bool = False,
    stacked: bool = False, size: tuple[int, int] = (12, 8),
) -> Panel:  # fmt: skip
    """Make lines, or bars, over time."""
    made = (
        _framed(timeseries.Panel(), title, meaning, unit, size, steps)
        .fill_opacity(70 if bars else 8)
        .line_width(1 if bars else 2)
        .color_scheme(grafana.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            look.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
            .show_legend(True)
        )
        .tooltip(
            look.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
        )
    )
    if bars:
        made = made.draw_style(looks.GraphDrawStyle.BARS)
    if stacked:
        made = made.stacking(look.StackingConfig().mode(looks.StackingMode.NORMAL))
    if steps:
        dashed = looks.GraphThresholdsStyleMode.DASHED
        made = made.thresholds_style(look.GraphThresholdsStyleConfig().mode(dashed))
    return _asking(made, asks)


def density(title: str, meaning: str, unit: str, ask: Ask, size: tuple[int, int] = (12, 8)) -> Panel:
    """Make a heatmap of buckets over time."""
    made = _framed(heatmap.Panel(), title, meaning, unit, size, None)
    return _asking(made, (ask,), form=PromQueryFormat.HEATMAP)


def bars(title: str, meaning: str, unit: str, *asks: Ask, size: tuple[int, int] = (12, 8)) -> Panel:
    """Make one bar per series, of now."""
    made = (
        _framed(bargauge.Panel(), title, meaning, unit, size, None)
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _asking(made, asks, instant=True)


def states(
    title: str, meaning: str, ask: Ask, words: Mapping[str, tuple[str, str]], size: tuple[int, int] = (12, 8)
) -> Panel:
    """Make a band per series that says in words which state held when."""
    made = _framed(statetimeline.Panel(), title, meaning, COUNT, size, None).mappings([_mapped(words)])
    return _asking(made, (ask,))


def matrix(title: str, meaning: str, label: str, *asks: Ask, size: tuple[int, int] = (24, 9)) -> Panel:
    """Make a table: a row per value of ``label`` (several with commas between), a column per query, of now."""
    made = _framed(table.Panel(), title, meaning, COUNT, size, None)
    names = {"Time": True}
    renamed = {f"Value #{ref}": ask.legend for ref, ask in zip("ABCDEFGHIJ", asks, strict=False)}
    renamed |= {name.strip(): name.strip().capitalize() for name in label.split(",")}
    made = _asking(made, asks, instant=True, form=PromQueryFormat.TABLE)
    made = made.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    options = {"excludeByName": names, "indexByName": {}, "renameByName": renamed}
    return made.with_transformation(model.DataTransformerConfig(id_val="organize", options=options))


def _mapped(words: Mapping[str, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(words.items())
        }
    )
