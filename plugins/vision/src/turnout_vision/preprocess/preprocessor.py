"""The image preprocessor: geometry, values, padding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout_vision.preprocess.float_resize import AlignedResize, SmoothResize
from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.geometry import Canvas, CenterCrop, Operation, Resize, check_fits
from turnout_vision.preprocess.sizes import ExactSize, Size
from turnout_vision.preprocess.value_operations import Grayscale, Normalize, ValueOperation
from turnout_vision.preprocess.values import Normalization, Scaling


class Padding(Protocol):
    """Adds zeros around values, FP32 [3, height, width]."""

    def margins(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the rows above and below, and the columns left and right."""


@dataclass(frozen=True, slots=True)
class PadTo:
    """Pads on the right and at the bottom, up to ``height`` and ``width``."""

    height: int
    width: int

    def margins(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the margins.

        Raises:
            InvalidInputError: the picture is larger.
        """
        check_fits((height, width), (self.height, self.width))
        return (0, self.height - height), (0, self.width - width)


@dataclass(frozen=True, slots=True)
class PadToMultiple:
    """Pads each side on both ends, up to a multiple of ``divisor``."""

    divisor: int

    def margins(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        missing = [ceil(side / self.divisor) * self.divisor - side for side in (height, width)]
        return (missing[0] // 2, missing[0] - missing[0] // 2), (missing[1] // 2, missing[1] - missing[1] // 2)


@dataclass(frozen=True, slots=True)
class ImagePreprocessor:
    """Computes ``pixel_values`` from pixels. Thread-safe. Equal ones compute the same.

    Attributes:
        geometry: what happens to the picture first.
        scaling: the values of its bytes.
        after: what happens to the values.
        padding: zeros around the values.
        bgr: True if the channels are blue, green, red.
        channels_last: True if the channels are the last axis.
    """

    geometry: tuple[Operation, ...]
    scaling: Scaling
    padding: Padding | None = None
    bgr: bool = False
    channels_last: bool = False
    after: tuple[ValueOperation, ...] = ()

    def pixel_values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return FP32 [1, 3, height, width], or [1, height, width, 3], computed from UINT8 [height, width, 3].

        Raises:
            InvalidInputError: the settings give this picture no size, or one without an end.
        """
        for operation in self.geometry:
            pixels = operation.apply(pixels)
        values = self.scaling.apply(pixels)
        for each in self.after:
            values = each.apply(values)
        if self.padding is not None:
            values = np.pad(values, ((0, 0), *self.padding.margins(*values.shape[1:])))
        values = values[::-1] if self.bgr else values
        return np.ascontiguousarray((values.transpose(1, 2, 0) if self.channels_last else values)[np.newaxis])

    def frame(self, height: int, width: int) -> Frame:
        """Return where a picture of ``height`` and ``width`` is in ``pixel_values``.

        Raises:
            ConfigurationError: the settings turn this picture.
            InvalidInputError: it does not fit into the padding.
        """
        frame = Frame(height, width)
        for operation in self.geometry:
            frame = operation.move(frame)
        for each in self.after:
            frame = each.move(frame)
        if self.padding is None:
            return frame
        (above, below), (before, after) = self.padding.margins(frame.height, frame.width)
        return frame.moved(above, before, above + frame.height + below, before + frame.width + after)

    @property
    def size(self) -> Size | None:
        """The height and width of ``pixel_values``; None if they depend on the picture."""
        if isinstance(self.padding, PadTo):
            return self.padding.height, self.padding.width
        if self.padding is not None:
            return None
        resizing = [each for each in self.after if not isinstance(each, Normalize | Grayscale)]
        return _fixed_size(resizing[-1] if resizing else self.geometry[-1] if self.geometry else None)

    @property
    def keeps_the_frame(self) -> bool:
        """True if ``pixel_values`` show the whole picture and nothing else: no crop, no padding, no rotation."""
        whole = (Resize, AlignedResize, SmoothResize, Normalize, Grayscale)
        return self.padding is None and all(isinstance(operation, whole) for operation in (*self.geometry, *self.after))

    def with_size(self, size: Size) -> ImagePreprocessor:
        """Return a copy that only resizes to ``size``, a height and width, with the same filter and values."""
        filters = [operation.resample for operation in self.geometry if isinstance(operation, Resize)]
        values = tuple(each for each in self.after if isinstance(each, Normalize | Grayscale))
        return replace(self, geometry=(Resize(ExactSize(*size), filters[0] if filters else 2),), padding=None, after=values)


def _fixed_size(operation: Operation | ValueOperation | None) -> Size | None:
    """Return the size that ``operation`` gives every picture; None if it depends on the picture."""
    match operation:
        case Resize(target=ExactSize(height, width)) | AlignedResize(target=ExactSize(height, width)):
            return height, width
        case CenterCrop(height=height, width=width) | Canvas(height=height, width=width):
            return height, width
        case SmoothResize(height=height, width=width):
            return height, width
    return None


# From BiRefNet's documentation; its checkpoints have no preprocessor settings.
BIREFNET = ImagePreprocessor(
    (Resize(ExactSize(1024, 1024), 2),),
    Scaling(1 / 255, normalizations=(Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),)),
)
