"""Dashboards around their panels: variables, links, annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.grafana.panels import SOURCE, Panel
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

TAG = "turnout"
OVERVIEW, MIGRATION, TRITON, PIPELINES = ("turnout-overview", "turnout-migration", "turnout-triton", "turnout-pipelines")


@dataclass(frozen=True)
class Row:
    """A row of panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """A variable of a dashboard.

    Attributes:
        name: as queries write it.
        label: as users read it.
        query: ``label_values(metric, label)``.
        several: more than one value, or all of them, may be chosen.
        all_pattern: what "All" matches; by default the listed values.
    """

    name: str
    label: str
    query: str
    several: bool = True
    all_pattern: str = ""

    def build(self) -> VariableModel:
        """Return Grafana's form."""
        variable = builders.QueryVariable(self.name).label(self.label).datasource(SOURCE).sort(VariableSort.ALPHABETICAL_ASC)
        variable = variable.query({"query": self.query, "refId": "StandardVariableQuery"})
        variable = variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(self.several).include_all(self.several)
        if self.several:
            variable = variable.current(VariableOption(text="All", value="$__all", selected=True))
        if self.all_pattern:
            variable = variable.all_value(self.all_pattern)
        return variable.build()


class Event(AnnotationQuery):
    """An annotation of Prometheus, with the fields that the SDK does not have."""

    def __init__(self, name: str, color: str, expression: str, title: str, *, value_is_time: bool = False) -> None:
        super().__init__(name=name, datasource=SOURCE, icon_color=color, expr=expression)
        self._title = title
        self._value_is_time = value_is_time

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "titleFormat": self._title, "useValueForTime": self._value_is_time}


@dataclass(frozen=True)
class Frame:
    """One dashboard.

    Attributes:
        uid: its place in addresses.
        title: its name.
        description: what it is for.
        variables: after the one of the data source.
        rows: its panels.
        events: its annotations.
    """

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    rows: Sequence[Row]
    events: Sequence[Event] = ()

    def build(self) -> Dashboard:
        """Return Grafana's form."""
        dashboard = builders.Dashboard(self.title).uid(self.uid).description(self.description).tags([TAG]).readonly()
        dashboard = dashboard.time("now-1h", "now").refresh("30s").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
        dashboard = dashboard.link(_links()).with_variable(
            builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
        for row in self.rows:
            dashboard = dashboard.with_row(builders.Row(row.title))
            for panel in row.panels:
                dashboard = dashboard.with_panel(panel)
        built = dashboard.build()
        assert built.templating is not None
        assert built.templating.list_val is not None
        built.templating.list_val += [variable.build() for variable in self.variables]
        assert built.annotations is not None
        built.annotations.list_val = list(self.events)
        for number, one in enumerate(built.panels or (), 1):
            one.id_val = number
        return built


def _links() -> builders.DashboardLink:
    link = builders.DashboardLink("Turnout").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.include_vars(True).keep_time(True).as_dropdown(False)


JOB = Variable("job", "Job", "label_values(turnout_build_info, job)")
INSTANCE = Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)', all_pattern=".*")
