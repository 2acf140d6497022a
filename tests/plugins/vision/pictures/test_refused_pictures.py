"""Refused pictures and regions, as the metrics of an app count them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout.errors import InvalidInputError
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins

PIXELS = np.zeros((8, 8, 3), np.uint8)
BOX = {"id": "all", "box": [0, 0, 8, 8]}


@pytest.fixture
def app() -> Iterator[turnout.Turnout]:
    plugins = Plugins([EntryPoint("vision", "turnout_vision.plugin", "turnout")])
    with turnout.open({"models": {}, "pipelines": {"load": ["load_image"]}}, plugins=plugins, metrics=Metrics()) as app:
        yield app


def _failures(app: turnout.Turnout) -> float | None:
    labels = {"pipeline": "load", "step": "load_image", "reason": "invalid_input"}
    return app.metrics.registry.get_sample_value("turnout_step_failures_total", labels)


@pytest.mark.parametrize(
    "inputs",
    [{"image": b"no picture"}, {"image": Path("gone.png")}, {"image": PIXELS[:, :0]}, {"image": PIXELS, "regions": "all"}],
    ids=["bytes", "file", "empty", "regions"],
)
def test_a_refused_picture_is_a_failure_of_its_step_and_the_next_is_loaded(
    app: turnout.Turnout, inputs: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError):
        app.run("load", inputs)

    assert _failures(app) == 1
    app.run("load", image=PIXELS)
    assert _failures(app) == 1


def test_the_keys_of_regions_add_no_series(app: turnout.Turnout) -> None:
    app.run("load", image=PIXELS, regions=[BOX])
    before = app.metrics_text().count("\n")

    for number in range(200):
        with suppress(InvalidInputError):
            app.run("load", image=PIXELS, regions=[BOX, {f"user_{number}": [0, 0, 8, 8]}])

    assert _failures(app) == 200
    assert app.metrics_text().count("\n") == before
