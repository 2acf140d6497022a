"""The dashboards' files, read back: their queries, with values in place of Grafana's variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
FILES = tuple(sorted(FOLDER.glob("*.json")))

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::\w+)?\}|([A-Za-z_]\w*))")
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel.

    Attributes:
        ref: its letter.
        expression: PromQL with variables.
        legend: the name of a series, with labels in double braces.
        unit: of its values.
    """

    ref: str
    expression: str
    legend: str
    unit: str


@dataclass(frozen=True)
class ReadPanel:
    """One panel, as its file describes it."""

    kind: str
    title: str
    place: tuple[int, int, int, int]
    unit: str
    no_data: str
    queries: tuple[PanelQuery, ...]
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class ReadEvent:
    """One annotation."""

    name: str
    color: str
    expression: str
    value_is_time: bool


@dataclass(frozen=True)
class ReadDashboard:
    """One dashboard, as its file describes it.

    Attributes:
        name: of its file.
        title: for users.
        panels: all of them.
        headings: the titles of its rows, by their place from the top.
        events: its annotations.
        variables: the selector and the label of each variable's query, by its name.
    """

    name: str
    title: str
    panels: tuple[ReadPanel, ...]
    headings: Mapping[int, str]
    events: tuple[ReadEvent, ...]
    variables: Mapping[str, tuple[str, str]]

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Yield the place of each query and its PromQL: panels, annotations, variables."""
        for panel in self.panels:
            for query in panel.queries:
                yield f"{self.name} / {panel.title} / {query.ref}", query.expression
        for event in self.events:
            yield f"{self.name} / annotation {event.name}", event.expression
        for name, (selector, _) in self.variables.items():
            yield f"{self.name} / variable {name}", selector


def read(file: Path) -> ReadDashboard:
    """Return the dashboard of a file."""
    raw = json.loads(file.read_text("utf-8"))
    events = (
        ReadEvent(one["name"], one["iconColor"], one["expr"], one["useValueForTime"]) for one in raw["annotations"]["list"]
    )
    variables = {}
    for one in raw["templating"]["list"]:
        if one["type"] == "query":
            match = _LABEL_VALUES.fullmatch(one["query"]["query"])
            if match is None:
                raise ValueError(f"variable {one['name']!r} of {file.name} is no label_values(selector, label)")
            variables[one["name"]] = (match["selector"], match["label"])
    panels = tuple(_panel(one) for one in raw["panels"] if one["type"] != "row")
    headings = {one["gridPos"]["y"]: one["title"] for one in raw["panels"] if one["type"] == "row"}
    return ReadDashboard(file.stem, raw["title"], panels, headings, tuple(events), variables)


def fill(expression: str, values: Mapping[str, str]) -> str:
    """Return PromQL with the values of Grafana's variables.

    Raises:
        KeyError: a variable has no value.
    """
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], expression)


def legend_of(template: str, labels: Mapping[str, str]) -> str:
    """Return the name of a series."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), template)


def _panel(raw: Mapping[str, Any]) -> ReadPanel:
    field = raw["fieldConfig"]["defaults"]
    units = {
        one["matcher"]["options"]: part["value"]
        for one in raw["fieldConfig"]["overrides"]
        for part in one["properties"]
        if part["id"] == "unit"
    }
    queries = tuple(
        PanelQuery(
            one["refId"],
            one["expr"],
            one["legendFormat"],
            units.get(one["refId"], units.get(one["legendFormat"], field["unit"])),
        )
        for one in raw["targets"]
    )
    grid = raw["gridPos"]
    place = (grid["x"], grid["y"], grid["w"], grid["h"])
    return ReadPanel(raw["type"], raw["title"], place, field["unit"], field["noValue"], queries, raw)
