"""A chart of a run: latency over rate, and the parts of an answer."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.result import BenchResult
from turnout.commands.bench.where_time_goes import PARTS
from turnout.errors import ConfigurationError, MissingDependencyError
from turnout.files.atomic import open_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png")
_WIDTH, _HEIGHT = 12.0, 4.2
_MILLISECONDS = 1000.0


def check_plot(file: Path) -> None:
    """Raise an error if no chart can be drawn into ``file``; before a long run.

    Raises:
        ConfigurationError: its suffix is of no format, or its folder does not exist.
        MissingDependencyError: matplotlib is not installed.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise ConfigurationError(
            f"--plot {str(file)!r} must end with {' or '.join(SUFFIXES)}", next_step=f"give --plot {file.stem or 'bench'}.svg"
        )
    if not file.absolute().parent.is_dir():
        raise ConfigurationError(
            f"--plot {str(file)!r}: folder {str(file.parent)!r} does not exist", next_step=f"create the folder {file.parent}"
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDependencyError("--plot needs matplotlib, which is not installed; install it: pip install matplotlib")


def draw_plot(results: Sequence[BenchResult], file: Path) -> None:
    """Draw a row of charts for each of ``results`` into ``file``.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not pyplot, which keeps figures in the process and may ask for a screen.
    figure = Figure(figsize=(_WIDTH, _HEIGHT * len(results)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(results), 2, squeeze=False)
    for (speed, parts), result in zip(rows, results, strict=True):
        _draw_speed(speed, result)
        _draw_parts(parts, result)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=file.suffix.lower().removeprefix("."), dpi=150)
    try:
        with open_atomic(file, mode=0o644) as stream:
            stream.write(drawn.getvalue())
    except OSError as error:
        raise ConfigurationError(f"the chart {str(file)!r} cannot be written: {error.strerror or error}") from error


def _draw_speed(axes: Axes, result: BenchResult) -> None:
    """Draw the median and the 95th percentile over the rate: a line for each arm, a point for each load."""
    for place, name in enumerate(dict.fromkeys(arm_name(one) for one in result.results)):
        points = [one for one in result.results if arm_name(one) == name and one.latency_seconds["p50"] is not None]
        rates = [one.requests_per_second for one in points]
        (line,) = axes.plot(rates, [_milliseconds(one, "p50") for one in points], marker="o", label=f"{name}, p50")
        tail = [(rate, _milliseconds(one, "p95")) for rate, one in zip(rates, points, strict=True)]
        known = [pair for pair in tail if pair[1] is not None]
        axes.plot(*zip(*known, strict=True), marker=".", linestyle="--", color=line.get_color()) if known else None
        for rate, one in zip(rates, points, strict=True):
            axes.annotate(
                load_label(one), (rate, _milliseconds(one, "p50") or 0.0), xytext=(4, 4 + 9 * place), textcoords="offset points"
            )
    axes.set(title=f"{result.name}: latency over rate", xlabel="answered requests/s", ylabel="latency, ms (dashed: p95)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    _draw_legend(axes)


def _draw_parts(axes: Axes, result: BenchResult) -> None:
    """Draw the parts of the mean latency as bars, one for each arm under each load."""
    shown = [one for one in result.results if one.parts]
    labels = [f"{arm_name(one)}, {load_label(one)}" for one in shown]
    left = [0.0] * len(shown)
    for part in PARTS:
        widths = [one.parts.get(part, 0.0) * _MILLISECONDS for one in shown]
        if any(widths):
            axes.barh(labels, widths, left=left, label=part)
            left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(title=f"{result.name}: where the time goes", xlabel="ms of an answer, mean")
    _draw_legend(axes)


def _draw_legend(axes: Axes) -> None:
    # matplotlib warns of a legend without entries.
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")


def arm_name(one: LoadFigures) -> str:
    """Return the name of an arm in a legend."""
    batching: dict[bool | None, str] = {None: "", True: ", batching", False: ", no batching"}
    delay = f" ({one.delay} us)" if one.delay is not None else ""
    instances = f", {one.instances} instances" if one.instances is not None else ""
    batch = f", batch {one.batch}" if one.batch is not None else ""
    return f"{one.backend}{batching[one.batching]}{delay}{instances}{batch}"


def load_label(one: LoadFigures) -> str:
    """Return the load of a point."""
    return f"{one.callers} callers" if one.rate is None else f"{one.rate:g}/s"


def _milliseconds(one: LoadFigures, name: str) -> float | Any:
    seconds = one.latency_seconds[name]
    return None if seconds is None else seconds * _MILLISECONDS
