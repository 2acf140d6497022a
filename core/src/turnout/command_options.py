"""Options of commands that several distributions have: the settings file, and times."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_CONFIG = "turnout.yaml"


class FiniteNumber(click.FloatRange):
    """A finite number of a unit, above 0 unless ``least`` is given."""

    def __init__(self, unit: str, least: float | None = None) -> None:
        super().__init__(min=least or 0, min_open=least is None)
        self._unit = unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        # A NaN passes every range: each comparison with it is false.
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number of {self._unit}", param, ctx)
        return number


SECONDS = FiniteNumber("seconds")


def settings_file_option(text: str) -> Callable[[Command], Command]:
    """Return the option ``--config``, a Path, with its help ``text``."""
    return click.option(
        "--config",
        "-c",
        default=DEFAULT_CONFIG,
        envvar="TURNOUT_CONFIG",
        show_default=True,
        type=click.Path(path_type=Path),
        help=text,
    )


config_option = settings_file_option("The settings file.")
