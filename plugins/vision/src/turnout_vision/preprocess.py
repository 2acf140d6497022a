"""Image preprocessing: from RGB pixels to ``pixel_values``, as a checkpoint's image processor in transformers does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ConfigurationError

# Checkpoints name a resampling filter by Pillow's number.
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_SUPPORTED_SWITCHES = ("do_resize", "do_rescale", "do_normalize", "do_convert_rgb")

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ImagePreprocessor:
    """Computes ``pixel_values`` from pixels. Thread-safe.

    Attributes:
        size: height and width of ``pixel_values``; None keeps those of the picture.
        resample: Pillow's number of the resampling filter.
        scale: the factor for the bytes; None leaves them 0..255.
        mean: per channel, subtracted after scaling; if ``mean`` and ``std`` are None, nothing is normalized.
        std: per channel, the divisor.
    """

    size: tuple[int, int] | None
    resample: int
    scale: float | None
    mean: Triple | None
    std: Triple | None

    def pixel_values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return FP32 [1, 3, height, width] computed from UINT8 [height, width, 3]."""
        values = self._resize(pixels).astype(np.float32)
        if self.scale is not None:
            values *= np.float32(self.scale)
        if self.mean is not None and self.std is not None:
            values -= np.asarray(self.mean, np.float32)
            values /= np.asarray(self.std, np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1)[np.newaxis])

    def with_size(self, size: tuple[int, int]) -> ImagePreprocessor:
        """Return a copy with another height and width."""
        return replace(self, size=size)

    def _resize(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.size is None or self.size == pixels.shape[:2]:
            return pixels
        from PIL import Image

        height, width = self.size
        image = Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), Image.Resampling(self.resample))
        return np.asarray(image)


# From BiRefNet's documentation; its checkpoints have no preprocessor settings.
BIREFNET = ImagePreprocessor((1024, 1024), 2, 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def parse_preprocessor(config: Mapping[str, Any], where: str) -> ImagePreprocessor:
    """Return the preprocessor that ``config``, the content of a ``preprocessor_config.json``, describes.

    Raises:
        ConfigurationError: ``config`` is incomplete or has a setting that is not supported.
    """
    for key, value in config.items():
        if key.startswith("do_") and value and key not in _SUPPORTED_SWITCHES:
            raise ConfigurationError(
                f"{where}: {key} is {value!r}, which is not supported; only {', '.join(_SUPPORTED_SWITCHES)} are"
            )
    resizes, normalizes = config.get("do_resize", True), config.get("do_normalize", True)
    return ImagePreprocessor(
        size=_parse_size(config.get("size"), where) if resizes else None,
        resample=_parse_resample(config.get("resample"), where) if resizes else 2,
        scale=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else None,
        mean=_parse_triple(config, "image_mean", where) if normalizes else None,
        std=_parse_triple(config, "image_std", where) if normalizes else None,
    )


def _parse_size(size: Any, where: str) -> tuple[int, int]:
    if isinstance(size, Mapping) and {key for key, value in size.items() if value is not None} == {"height", "width"}:
        pair = (size["height"], size["width"])
    else:
        pair = (size, size)
    if all(isinstance(side, int) and 0 < side <= 16_384 for side in pair):
        return pair
    raise ConfigurationError(f"{where}: size is {size!r}, which is not supported; only {{'height': H, 'width': W}} is")


def _parse_resample(resample: Any, where: str) -> int:
    if isinstance(resample, int) and resample in _FILTERS:
        return int(resample)
    supported = ", ".join(f"{number} ({name})" for number, name in _FILTERS.items())
    raise ConfigurationError(f"{where}: resample is {resample!r}; supported: {supported}")


def _parse_triple(config: Mapping[str, Any], key: str, where: str) -> Triple:
    values = config.get(key)
    numbers = isinstance(values, list | tuple) and len(values) == 3 and all(isinstance(value, int | float) for value in values)
    if not numbers or (key == "image_std" and 0 in values):  # type: ignore[operator]  # a list by now
        raise ConfigurationError(f"{where}: {key} is {values!r}; three numbers are required, one per channel")
    red, green, blue = values  # type: ignore[misc]  # a list by now
    return float(red), float(green), float(blue)
