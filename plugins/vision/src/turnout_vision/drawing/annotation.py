"""Annotated pictures: what the steps of a pipeline found, drawn on a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.files.atomic import open_atomic
from turnout_vision.drawing.captions import LegendEntry, add_footer, add_legend, add_panel
from turnout_vision.drawing.class_maps import draw_class_map
from turnout_vision.drawing.colors import class_color, region_color
from turnout_vision.drawing.depth_maps import depth_panel
from turnout_vision.drawing.findings import Findings, find_findings, texts_of
from turnout_vision.drawing.masks import draw_masks
from turnout_vision.drawing.pen import Pen
from turnout_vision.drawing.text_lines import draw_outlines, lines_panel

if TYPE_CHECKING:
    from PIL.Image import Image

# Smaller pictures are enlarged, so that their text is readable.
_MIN_SIDE = 640


def annotate(picture: NDArray[np.uint8], findings: Findings) -> Image:
    """Return ``picture``, UINT8 [height, width, 3], with ``findings`` on it, next to it and below it."""
    from PIL import Image

    base = picture if findings.class_map is None else draw_class_map(picture, findings.class_map)
    image = Image.fromarray(draw_masks(base, findings.regions))
    scale = max(1, -(-_MIN_SIDE // max(image.size)))
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
    pen = Pen(image, scale)
    _draw_regions(pen, findings, picture.shape[:2])
    if findings.classes and findings.class_map is not None:
        entries = [LegendEntry(class_color(each.index), f"{each.label} {each.share:.1%}") for each in findings.classes]
        image = add_legend(image, entries, pen.text_size)
    if findings.lines:
        panel = lines_panel(findings.lines, picture.shape[1] * scale, picture.shape[0] * scale, scale)
        draw_outlines(image, findings.lines, scale)
        image = add_panel(image, panel)
    if findings.depth is not None:
        image = add_panel(image, depth_panel(findings.depth, scale, pen.text_size))
    return add_footer(image, findings.footer, pen.text_size) if findings.footer else image


def annotate_result(result: Mapping[str, Any]) -> Image:
    """Return the picture of a pipeline's ``result`` with what its steps wrote about it."""
    return annotate(result["picture"], find_findings(result))


def save_png(image: Image, file: Path) -> None:
    """Write ``image`` to ``file`` as PNG, whole or not at all; its folder is created.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with open_atomic(file, mode=0o666) as stream:
        image.save(stream, "PNG")


def _draw_regions(pen: Pen, findings: Findings, size: tuple[int, ...]) -> None:
    is_alone, found = len(findings.regions) == 1, []
    for index, result in enumerate(findings.regions):
        region, texts = result.region, texts_of(result)
        # The edge of the picture is no finding where only the whole picture was looked at.
        is_edge = (
            region is not None and is_alone and not texts and result.mask is None and region.box == (0, 0, size[1], size[0])
        )
        if region is not None and not is_edge:
            found.append((region, texts, region_color(index)))
    # All boxes come first, so that no box crosses a label.
    for region, _, color in found:
        pen.draw_box(region, color)
    for region, texts, color in found:
        pen.draw_label(region, texts, color)
