"""From pixels to ``pixel_values``, as the image processor of a checkpoint would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ConfigurationError

# Pillow's numbers for resampling filters, which checkpoints write down.
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_KNOWN_SWITCHES = ("do_resize", "do_rescale", "do_normalize", "do_convert_rgb")

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ImagePreprocessor:
    """Makes ``pixel_values`` of pixels. Thread-safe.

    Attributes:
        size: height and width of ``pixel_values``; None keeps the picture's.
        resample: Pillow's number of the resampling filter.
        scale: what bytes are multiplied with; None leaves them 0..255.
        mean: per channel, subtracted after scaling; None with ``std`` None does not normalise.
        std: per channel, divided by.
    """

    size: tuple[int, int] | None
    resample: int
    scale: float | None
    mean: Triple | None
    std: Triple | None

    def pixel_values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return FP32 [1, 3, height, width] of UINT8 [height, width, 3]."""
        values = self._resized(pixels).astype(np.float32)
        if self.scale is not None:
            values *= np.float32(self.scale)
        if self.mean is not None and self.std is not None:
            values -= np.asarray(self.mean, np.float32)
            values /= np.asarray(self.std, np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1)[np.newaxis])

    def resized_to(self, size: tuple[int, int]) -> ImagePreprocessor:
        """Return the same with another height and width."""
        return replace(self, size=size)

    def _resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.size is None or self.size == pixels.shape[:2]:
            return pixels
        from PIL import Image

        height, width = self.size
        image = Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), Image.Resampling(self.resample))
        return np.asarray(image)


# What BiRefNet's authors document; its checkpoints carry no preprocessor settings.
BIREFNET = ImagePreprocessor((1024, 1024), 2, 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def preprocessor_of(config: Mapping[str, Any], where: str) -> ImagePreprocessor:
    """Return the preprocessor that ``config``, the content of a ``preprocessor_config.json``, describes.

    Raises:
        ConfigurationError: it asks for something that is not done here, or does not say enough.
    """
    for key, value in config.items():
        if key.startswith("do_") and value and key not in _KNOWN_SWITCHES:
            raise ConfigurationError(
                f"{where}: {key} is {value!r}, which is not supported; only {', '.join(_KNOWN_SWITCHES)} are"
            )
    resizes, normalizes = config.get("do_resize", True), config.get("do_normalize", True)
    return ImagePreprocessor(
        size=_size(config.get("size"), where) if resizes else None,
        resample=_resample(config.get("resample"), where) if resizes else 2,
        scale=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else None,
        mean=_triple(config, "image_mean", where) if normalizes else None,
        std=_triple(config, "image_std", where) if normalizes else None,
    )


def _size(size: Any, where: str) -> tuple[int, int]:
    if isinstance(size, Mapping) and {key for key, value in size.items() if value is not None} == {"height", "width"}:
        pair = (size["height"], size["width"])
    else:
        pair = (size, size)
    if all(isinstance(side, int) and 0 < side <= 16_384 for side in pair):
        return pair
    raise ConfigurationError(f"{where}: size is {size!r}, which is not supported; only {{'height': H, 'width': W}} is")


def _resample(resample: Any, where: str) -> int:
    if isinstance(resample, int) and resample in _FILTERS:
        return int(resample)
    known = ", ".join(f"{number} ({name})" for number, name in _FILTERS.items())
    raise ConfigurationError(f"{where}: resample is {resample!r}; known: {known}")


def _triple(config: Mapping[str, Any], key: str, where: str) -> Triple:
    values = config.get(key)
    numbers = isinstance(values, list | tuple) and len(values) == 3 and all(isinstance(value, int | float) for value in values)
    if not numbers or (key == "image_std" and 0 in values):  # type: ignore[operator]  # a list by now
        raise ConfigurationError(f"{where}: {key} is {values!r}; three numbers are needed, one per channel")
    red, green, blue = values  # type: ignore[misc]  # a list by now
    return float(red), float(green), float(blue)
