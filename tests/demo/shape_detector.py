"""A detector of the demo's shapes: connected pixels of strong color, as an export with its own suppression describes them."""

from __future__ import annotations

import torch
from skimage import measure

# Of 255; the backgrounds of most scenes are paler.
SATURATION = 110
LEAST_PIXELS = 150


class ShapeDetector(torch.nn.Module):
    """Returns [1, 20, 6]: left, top, right, bottom, the share of the box that is filled, and class 0."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pixels = images[0] * 255
        strong = (pixels.amax(0) - pixels.amin(0) > SATURATION).numpy()
        rows = torch.zeros(1, 20, 6)
        found = [each for each in measure.regionprops(measure.label(strong)) if each.area > LEAST_PIXELS]
        for row, each in enumerate(found[:20]):
            top, left, bottom, right = each.bbox
            rows[0, row] = torch.tensor([left, top, right, bottom, each.extent, 0])
        return rows


def make() -> torch.nn.Module:
    return ShapeDetector()
