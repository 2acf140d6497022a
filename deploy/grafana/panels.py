"""Panels: each has a title, a description, a unit and a text for no data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import (
    common as common_builders,
)
from grafana_foundation_sdk.builders import (
    dashboard as dashboard_builders,
)
from grafana_foundation_sdk.builders import (
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    RangeMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef("prometheus", "${datasource}")

Panel = heatmap.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    Attributes:
        expression: PromQL.
        legend: the name of a series, with labels in double braces; of a table, the heading of its column.
        unit: of a table's column, or of a figure, where it differs from the panel's.
    """

    expression: str
    legend: str
    unit: str = ""


@dataclass(frozen=True)
class About:
    """The texts of a panel, and its place.

    Attributes:
        title: what it shows.
        description: how to read it, and what to do.
        unit: Grafana's name of the unit.
        no_data: the text where a query returns nothing.
        width: of 24 columns.
        height: in Grafana's rows of 30 pixels.
    """

    title: str
    description: str
    unit: str
    no_data: str
    width: int = 8
    height: int = 8


@dataclass(frozen=True)
class Limits:
    """The values from which a figure is orange, and red."""

    orange: float
    red: float

    def thresholds(self) -> dashboard_builders.ThresholdsConfig:
        """Return Grafana's form."""
        steps = [Threshold(None, "green"), Threshold(self.orange, "orange"), Threshold(self.red, "red")]
        return dashboard_builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


@dataclass(frozen=True)
class Columns:
    """The columns of a table: the labels first, then one for each query.

    Attributes:
        labels: labels to headings.
        links: labels to the address that a click on their value opens.
    """

    labels: Mapping[str, str]
    links: Mapping[str, str] = field(default_factory=dict)


def lines(about: About, *queries: Query, stacked: bool = False, logarithmic: bool = False) -> timeseries.Panel:
    """Return lines over time."""
    panel = timeseries.Panel().line_width(1).fill_opacity(40 if stacked else 8).show_points(common.VisibilityMode.NEVER)
    panel = panel.legend(
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["mean", "max", "lastNotNull"])
    ).tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    if stacked:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if logarithmic:
        scale = common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10)
        panel = panel.scale_distribution(scale)
    else:
        panel = panel.min(0)
    _fill(panel, about, _ranges(queries))
    return panel


def figures(about: About, *queries: Query, limits: Limits | None = None) -> stat.Panel:
    """Return figures of this moment with their course behind them."""
    panel = stat.Panel().graph_mode(common.BigValueGraphMode.AREA).text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    panel = panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    if limits is None:
        panel = panel.color_scheme(dashboard_builders.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("blue"))
    else:
        panel = panel.thresholds(limits.thresholds())
    _fill(panel, about, _ranges(queries))
    for ref, query in zip("ABCDEFGH", queries, strict=False):
        if query.unit:
            panel = panel.override_by_query(ref, [DynamicConfigValue("unit", query.unit)])
    return panel


def states(about: About, *queries: Query, mappings: Sequence[ValueMapping]) -> statetimeline.Panel:
    """Return one bar for each series, in the color of its state."""
    panel = statetimeline.Panel().mappings(list(mappings)).show_value(common.VisibilityMode.AUTO).merge_values(True)
    panel = panel.row_height(0.8).fill_opacity(80).line_width(0)
    _fill(panel, about, _ranges(queries))
    return panel


def heat_map(about: About, query: Query) -> heatmap.Panel:
    """Return a heat map of a histogram's buckets."""
    panel = heatmap.Panel().calculate(False)
    panel = panel.y_axis(heatmap.YAxisConfig().unit(about.unit))
    target = _target("A", query).range().format(PromQueryFormat.HEATMAP)
    _fill(panel, about, [target])
    return panel


def rows(about: About, columns: Columns, *queries: Query) -> table.Panel:
    """Return a table with one row for each value of the labels."""
    panel = table.Panel()
    targets = [_target(ref, query).instant().format(PromQueryFormat.TABLE) for ref, query in _lettered(queries)]
    _fill(panel, about, targets)
    # Grafana gives the letter of the query only to several columns of values.
    values = {f"Value #{ref}": query.legend for ref, query in _lettered(queries)}
    headings = {**columns.labels, **(values if len(queries) > 1 else {"Value": queries[0].legend})}
    panel = panel.with_transformation(DataTransformerConfig("merge", options={})).with_transformation(
        DataTransformerConfig(
            "organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": {name: place for place, name in enumerate(headings)},
                "renameByName": headings,
            },
        )
    )
    for query in queries:
        if query.unit:
            panel = panel.override_by_name(query.legend, [DynamicConfigValue("unit", query.unit)])
    for label, url in columns.links.items():
        link = {"title": "Open this model's migration", "url": url, "targetBlank": False}
        panel = panel.override_by_name(columns.labels[label], [DynamicConfigValue("links", [link])])
    return panel


def switched(on: tuple[str, str], off: tuple[str, str], part: str = "some instances") -> list[ValueMapping]:
    """Return mappings of a state that is 1 or 0, or between them where instances differ: text and color of each."""
    between = DashboardRangeMapOptions(0.000001, 0.999999, ValueMappingResult(part, "orange"))
    return [
        ValueMap({"0": ValueMappingResult(*off, index=1), "1": ValueMappingResult(*on, index=0)}),
        RangeMap(between),
    ]


def _lettered(queries: Sequence[Query]) -> list[tuple[str, Query]]:
    return list(zip("ABCDEFGHIJKL"[: len(queries)], queries, strict=True))


def _ranges(queries: Sequence[Query]) -> list[prometheus.Dataquery]:
    return [_target(ref, query).range() for ref, query in _lettered(queries)]


def _target(ref: str, query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(ref).expr(query.expression).legend_format(query.legend).datasource(SOURCE)


def _fill(panel: Panel, about: About, targets: Sequence[prometheus.Dataquery]) -> None:
    # A builder changes itself.
    panel.title(about.title).description(about.description).unit(about.unit).no_value(about.no_data)
    panel.datasource(SOURCE).span(about.width).height(about.height)
    for target in targets:
        panel.with_target(target)
