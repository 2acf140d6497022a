"""The colors of regions, classes and depths."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_vision.pictures.pixels import Color

# From dark to bright, so that the order is seen without colors too.
_DEPTH_STOPS = ((12, 8, 60), (78, 18, 124), (158, 36, 104), (222, 74, 62), (250, 150, 42), (254, 228, 130))
_DEPTH_STEPS = 256
# Blue, magenta and green of one brightness look alike on a photograph; three levels of it do not.
_CLASS_VALUES = (0.95, 0.7, 0.85)
_BRIGHT = 140


def region_color(index: int) -> Color:
    """Return the color of region ``index``; consecutive regions have very different hues."""
    # Steps of the golden ratio around the hue circle.
    return _of_hue(0.02 + index * 0.618034, 0.85 if index % 2 == 0 else 0.65, 0.95)


def class_color(index: int) -> Color:
    """Return the color of the class ``index``, which is the same in each picture."""
    return _of_hue(0.58 + index * 0.618034, 0.75, _CLASS_VALUES[index % len(_CLASS_VALUES)])


def depth_colors(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the colors of ``levels``, floats [...] of 0 to 1, as UINT8 [..., 3]: from dark blue to bright yellow."""
    steps = np.rint(levels * (_DEPTH_STEPS - 1)).astype(np.uint8)
    colors: NDArray[np.uint8] = _DEPTH_TABLE[steps]
    return colors


def text_color(background: Color) -> Color:
    """Return black on a bright ``background``, white on a dark one."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > _BRIGHT else (255, 255, 255)


def _of_hue(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _interpolate() -> NDArray[np.uint8]:
    stops = np.array(_DEPTH_STOPS, np.float64)
    places = np.linspace(0, len(stops) - 1, _DEPTH_STEPS)
    channels = [np.interp(places, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


_DEPTH_TABLE = _interpolate()
