"""Panels drawn with matplotlib: one function for each kind of panel, on axes of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from deploy.grafana.reading import PanelQuery, ReadPanel, legend_of
from deploy.grafana.unit_texts import text_of

COLORS = ("#3274d9", "#e0752d", "#37872d", "#a352cc", "#e02f44", "#8ab8ff", "#ffb357", "#96d98d", "#ca95e5", "#7a7a7a")
NAMED = {
    "green": "#73bf69",
    "orange": "#ff9830",
    "red": "#f2495c",
    "transparent": "#eeeeee",
    "blue": "#5794f2",
    "purple": "#b877d9",
}


@dataclass(frozen=True)
class Line:
    """One series of a panel: times and values, NaN where it has none."""

    labels: Mapping[str, str]
    query: PanelQuery
    times: np.ndarray
    values: np.ndarray

    @property
    def name(self) -> str:
        """The legend of the series."""
        return legend_of(self.query.legend, self.labels)

    @property
    def last(self) -> float:
        """The last value that is there."""
        there = self.values[~np.isnan(self.values)]
        return float(there[-1]) if there.size else float("nan")


def draw_lines(axes: Any, panel: ReadPanel, lines: Sequence[Line]) -> None:
    """Draw lines over time, stacked where the panel says so, with their names below."""
    custom = panel.raw["fieldConfig"]["defaults"].get("custom", {})
    shown = sorted(lines, key=lambda line: -np.nanmax(line.values))[: len(COLORS)]
    colors = COLORS[: len(shown)]
    names = [line.name for line in shown]
    if custom.get("stacking", {}).get("mode") == "normal":
        axes.stackplot(shown[0].times, [np.nan_to_num(line.values) for line in shown], labels=names, colors=colors, alpha=0.6)
    else:
        for line, color in zip(shown, colors, strict=True):
            axes.plot(line.times, line.values, label=line.name, color=color, linewidth=1)
    if custom.get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter("")
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: text_of(value, panel.unit))
    axes.grid(visible=True, linewidth=0.3)
    axes.legend(
        loc="upper left", fontsize=5.5, framealpha=0.6, ncols=1 if len(shown) < 5 else 2, borderpad=0.2, labelspacing=0.2
    )


def draw_figures(axes: Any, panel: ReadPanel, lines: Sequence[Line]) -> None:
    """Write the last value of each series, with its course behind it."""
    steps = panel.raw["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    width = 1 / len(lines)
    for number, line in enumerate(lines):
        middle = (number + 0.5) * width
        reached = [step["color"] for step in steps if step["value"] is None or line.last >= step["value"]]
        color = NAMED[reached[-1] if reached else "blue"]
        course = axes.inset_axes((number * width, 0, width, 0.35))
        course.fill_between(line.times, np.nan_to_num(line.values), color=color, alpha=0.3, linewidth=0)
        course.set_axis_off()
        text = text_of(line.last, line.query.unit)
        axes.text(
            middle, 0.62, text, ha="center", va="center", fontsize=13 if len(lines) < 4 else 10, color=color, weight="bold"
        )
        axes.text(middle, 0.38, line.name, ha="center", va="center", fontsize=6, color="#555555")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_axis_off()


def draw_table(axes: Any, panel: ReadPanel, lines: Sequence[Line]) -> None:
    """Draw a table: a row for each value of the labels, a column for each query."""
    organized = panel.raw["transformations"][1]["options"]
    names = sorted(organized["renameByName"], key=organized["indexByName"].__getitem__)
    labels = {name: organized["renameByName"][name] for name in names if not name.startswith("Value")}
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    # The query with the most labels comes first, and the others join its rows.
    for line in sorted(lines, key=lambda one: -len(one.labels)):
        key = tuple(line.labels.get(label, "") for label in labels)
        joined = [one for one in rows if all(ours in ("", theirs) for ours, theirs in zip(key, one, strict=True))] or [key]
        for one in joined:
            rows.setdefault(one, {})[line.query.ref] = text_of(line.last, line.query.unit)
    cells = [[*key, *(found.get(query.ref, "") for query in panel.queries)] for key, found in sorted(rows.items())]
    drawn = axes.table(
        cells, colLabels=[*labels.values(), *(query.legend for query in panel.queries)], loc="upper center", cellLoc="left"
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(7)
    for cell in drawn.get_celld().values():
        cell.set_linewidth(0.2)
    axes.set_axis_off()


def draw_heat_map(axes: Any, panel: ReadPanel, lines: Sequence[Line]) -> None:
    """Draw the buckets of a histogram, those between the lowest and the highest that are not empty."""
    ordered = sorted((line for line in lines if line.labels["le"] != "+Inf"), key=lambda line: float(line.labels["le"]))
    upto = np.nan_to_num(np.array([line.values for line in ordered]))
    each = np.diff(upto, axis=0, prepend=0).clip(min=0)
    used = np.flatnonzero(each.max(axis=1) > 0.01)
    low, high = (int(used[0]), int(used[-1]) + 1) if used.size else (0, len(ordered))
    shown = np.where(each > 0.01, each, np.nan)[low:high]
    edges = [text_of(float(line.labels["le"]), panel.unit) for line in ordered[low:high]]
    axes.pcolormesh(_edges(ordered[0].times), np.arange(high - low + 1) - 0.5, shown, cmap="YlOrRd")
    axes.set_yticks(np.arange(high - low), edges)


def _edges(times: np.ndarray) -> np.ndarray:
    step = times[1] - times[0]
    edges: np.ndarray = np.append(times, times[-1] + step) - step / 2
    return edges


def draw_states(axes: Any, panel: ReadPanel, lines: Sequence[Line]) -> None:
    """Draw a bar for each series, in the colors of its states."""
    values, between = panel.raw["fieldConfig"]["defaults"]["mappings"]
    colors = {float(value): NAMED[shown["color"]] for value, shown in values["options"].items()}
    other = NAMED[between["options"]["result"]["color"]]
    ordered = sorted(lines, key=lambda line: line.name, reverse=True)
    for place, line in enumerate(ordered):
        step = line.times[1] - line.times[0]
        for at, value in zip(line.times, line.values, strict=True):
            if not np.isnan(value):
                axes.broken_barh([(at, step * 1.05)], (place + 0.1, 0.8), color=colors.get(value, other), linewidth=0)
    axes.set_yticks([place + 0.5 for place in range(len(ordered))], [line.name for line in ordered])


KINDS: Mapping[str, Callable[[Any, ReadPanel, Sequence[Line]], None]] = {
    "timeseries": draw_lines,
    "stat": draw_figures,
    "table": draw_table,
    "heatmap": draw_heat_map,
    "state-timeline": draw_states,
}
