"""Draw the dashboards from the data of a Prometheus, without a Grafana.

    python -m deploy.grafana.draw_panels http://localhost:9090 --minutes 60 --into pictures

One PNG for each dashboard; every panel is drawn from the answers to its own queries. It needs matplotlib (``turnout[plot]``).
``python -m tests.deploy.story docs/how-to/monitor-it`` draws the pictures of the page *Monitor it*.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from deploy.grafana.drawing import KINDS, NAMED, Line
from deploy.grafana.prometheus_source import Source
from deploy.grafana.reading import FILES, ReadDashboard, ReadEvent, ReadPanel, read
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_ROW_INCHES, _COLUMN_INCHES = 0.27, 0.5


def draw(url: str, start: float, end: float, folder: Path, window_seconds: float, model: str = "") -> None:
    """Draw every dashboard into ``folder``, one PNG each; the migration is that of ``model``, or of the first one."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        dashboard = read(file)
        values = dict.fromkeys(dashboard.variables, ".*")
        values |= {"job": "triton" if dashboard.name == "triton" else "turnout"}
        values |= {"__rate_interval": f"{window_seconds:g}s", "__range": f"{round(end - start)}s"}
        source = Source(url, start, end, values)
        values["__interval"] = f"{round(source.step)}s"
        if dashboard.name == "migration":
            values["model"] = model or source.label_values(*dashboard.variables["model"])[0]
        _save(_figure(dashboard, source), folder / f"{dashboard.name}.png")


def _figure(dashboard: ReadDashboard, source: Source) -> Figure:
    height = max(y + tall for _, y, _, tall in (panel.place for panel in dashboard.panels))
    figure = Figure(figsize=(24 * _COLUMN_INCHES, height * _ROW_INCHES), dpi=90, facecolor="#f4f5f5")
    FigureCanvasAgg(figure)
    marks = [(NAMED[event.color], moment) for event in dashboard.events for moment in _moments(event, source)]
    for place, heading in dashboard.headings.items():
        figure.text(0.006, 1 - (place + 0.75) / height, heading, fontsize=9, color="#555555")
    for panel in dashboard.panels:
        for part, asked in _repeated(dashboard, panel, source):
            axes = _axes(figure, part, height)
            _draw_panel(axes, part, asked)
            if part.kind in {"timeseries", "state-timeline"} and axes.axison:
                axes.set_xlim(0, source.end - source.start)
                for color, moment in marks:
                    axes.axvline(moment, color=color, linewidth=0.7, linestyle="--")
    return figure


def _draw_panel(axes: Any, panel: ReadPanel, source: Source) -> None:
    """Draw a panel, or its text for no data."""
    answers = [(query, answer) for query in panel.queries for answer in source.ask(query.expression)]
    lines = [Line(labels, query, times, values) for query, (labels, times, values) in answers if not np.isnan(values).all()]
    if lines:
        KINDS[panel.kind](axes, panel, lines)
        return
    axes.text(0.5, 0.5, panel.no_data, ha="center", va="center", fontsize=8, color="#888888", wrap=True)
    axes.set_axis_off()


def _repeated(dashboard: ReadDashboard, panel: ReadPanel, source: Source) -> Iterator[tuple[ReadPanel, Source]]:
    """Yield a panel, or one for each value of the variable that it is repeated for, beside each other."""
    name = panel.raw.get("repeat")
    if not name:
        yield panel, source
        return
    found = source.label_values(*dashboard.variables[name])
    x, y, width, height = panel.place
    each = width // len(found)
    for number, value in enumerate(found):
        part = replace(panel, title=value, place=(x + number * each, y, each, height))
        yield part, replace(source, values={**source.values, name: value})


def _axes(figure: Figure, panel: ReadPanel, height: int) -> Any:
    x, y, width, tall = panel.place
    card = figure.add_axes(((x + 0.1) / 24, 1 - (y + tall - 0.1) / height, (width - 0.2) / 24, (tall - 0.2) / height))
    card.set_xticks([])
    card.set_yticks([])
    for spine in card.spines.values():
        spine.set_color("#dddddd")
    card.text(0.01, 1 - 0.35 / tall, panel.title, transform=card.transAxes, fontsize=8, weight="bold", va="top")
    left = {"timeseries": 1.1, "heatmap": 1.1, "state-timeline": 2.6}.get(panel.kind, 0.2)
    box = ((x + left) / 24, 1 - (y + tall - 0.9) / height, (width - left - 0.3) / 24, (tall - 2.2) / height)
    axes = figure.add_axes(box)
    axes.tick_params(labelsize=6, length=2, width=0.4)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} s")
    return axes


def _moments(event: ReadEvent, source: Source) -> set[float]:
    """Return the moments of an annotation, in seconds since the start."""
    moments: set[float] = set()
    for _, times, values in source.ask(event.expression):
        there = values[~np.isnan(values)] / 1000 - source.start if event.value_is_time else times[values > 0]
        moments |= {float(one) for one in there if 0 <= one <= source.end - source.start}
    return moments


def _save(figure: Figure, file: Path) -> None:
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    # A palette is a third of the size; no panel needs more colors.
    Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Draw by the command line's arguments."""
    parser = argparse.ArgumentParser(description="Draw the dashboards from the data of a Prometheus.")
    parser.add_argument("url", help="such as http://localhost:9090")
    parser.add_argument("--minutes", type=float, default=60, help="the time range, until now")
    parser.add_argument("--window", type=float, default=60, help="seconds of a rate: four scrapes at least")
    parser.add_argument("--model", default="", help="the model of the migration")
    parser.add_argument("--into", type=Path, default=Path("pictures"), help="the folder of the pictures")
    given = parser.parse_args()
    now = time.time()
    draw(given.url, now - 60 * given.minutes, now, given.into, given.window, given.model)


if __name__ == "__main__":
    main()
