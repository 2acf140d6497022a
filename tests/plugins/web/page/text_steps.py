"""A plugin whose steps write lines of text in the types of ``find_text`` and ``read_text``, without OpenCV."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np

from turnout import Options, PipelineContext, PipelineStep, Step, hookimpl
from turnout.plugins.discovery import Plugins
from turnout_vision.text_reading.text_line import TextLine
from turnout_vision.text_reading.text_region import TextRegion

HOSTILE = "<img src=x onerror=alert(1)>"
POLYGONS = (
    np.array([[20, 20], [120, 20], [120, 50], [20, 50]], np.float32),
    np.array([[60, 140], [160, 80], [175, 105], [75, 165]], np.float32),
)


class Find(PipelineStep):
    """Writes a level line and a slanted one."""

    needs = ("picture",)
    provides = ("text_regions",)

    def process(self, context: PipelineContext) -> None:
        crop = np.zeros((30, 100, 3), np.uint8)
        context["text_regions"] = [TextRegion(polygon, 0.75, crop) for polygon in POLYGONS]


class Read(PipelineStep):
    """Reads a text that is like markup, and one in another script."""

    needs = ("text_regions",)
    provides = ("text_lines",)

    def process(self, context: PipelineContext) -> None:
        texts = HOSTILE, "正品促销"
        regions: list[TextRegion] = context["text_regions"]
        context["text_lines"] = [TextLine(text, 0.98, one.polygon) for text, one in zip(texts, regions, strict=True)]


@hookimpl
def turnout_steps() -> Iterable[Step[Any]]:
    yield Step("find", lambda declaration, options: Find(), Options)
    yield Step("read", lambda declaration, options: Read(), Options)


def text_plugins() -> Plugins:
    """Return this plugin with turnout-vision."""
    return Plugins([EntryPoint("texts", __name__, "turnout"), EntryPoint("vision", "turnout_vision.plugin", "turnout")])
