"""The maps in a model's outputs, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout.tensors import describe
from turnout_vision.maps.axis import Floats

# Far beyond any logit; the interpolation between infinities would be NaN.
_MOST = np.float32(1e30)
_STRAIGHT = 180


def read_class_logits(values: Floats, model: str) -> Floats:
    """Return ``values``, FP32 [1, classes, h, w], as [classes, h, w].

    Raises:
        InferenceError: ``values`` have another shape, or contain NaN.
    """
    shown = f"the logits of model {model!r}"
    if values.ndim != 4 or values.shape[0] != 1 or values.size == 0:
        raise InferenceError(
            f"{shown} must be FP32 [1, classes, h, w], got {describe(values)}; is it a segmenter? Name another output with "
            "`output:`"
        )
    if values.shape[1] == 1:
        raise InferenceError(f"{shown} are {describe(values)}, one class alone; the step segment_regions makes masks of them")
    return _finite(values[0], shown)


def read_queries(classes: Floats, masks: Floats, model: str) -> tuple[Floats, Floats]:
    """Return the class logits of queries, [queries, classes + 1], and their mask logits, [queries, h, w].

    Raises:
        InferenceError: they have other shapes, or contain NaN.
    """
    fits = (
        (classes.ndim, masks.ndim) == (3, 4)
        and classes.shape[:2] == masks.shape[:2]
        and classes.shape[0] == 1
        and classes.shape[2] > 1
        and masks.size > 0
    )
    if not fits:
        raise InferenceError(
            f"model {model!r} must give the classes of its queries as FP32 [1, queries, classes + 1] and their masks as FP32 "
            f"[1, queries, h, w], got {describe(classes)} and {describe(masks)}; write `class_output:` and `mask_output:`"
        )
    where = f"the queries of model {model!r}"
    return _finite(classes[0], where), _finite(masks[0], where)


def read_depth(values: Floats, model: str) -> Floats:
    """Return ``values``, FP32 [1, h, w] or [1, 1, h, w], as [h, w].

    Raises:
        InferenceError: ``values`` have another shape, or contain NaN or infinity.
    """
    if values.ndim not in (3, 4) or values.size == 0 or values.size != values.shape[-2] * values.shape[-1]:
        raise InferenceError(
            f"the depth of model {model!r} must be FP32 [1, h, w], got {describe(values)}; is it a depth estimator? Name "
            "another output with `output:`"
        )
    depth = values.reshape(values.shape[-2:])
    if not np.isfinite(depth).all():
        raise InferenceError(
            f"the depth of model {model!r} contains NaN or infinity; check the model's precision and its input"
        )
    return depth


def read_view_degrees(values: Floats, model: str) -> float:
    """Return ``values``, FP32 [1] or [1, 1], as a field of view in degrees.

    Raises:
        InferenceError: ``values`` have another shape, or no camera has such a view.
    """
    if values.size != 1:
        raise InferenceError(f"the field of view of model {model!r} must be FP32 [1], got {describe(values)}")
    degrees = float(values.reshape(-1)[0])
    if not 0 < degrees < _STRAIGHT:
        raise InferenceError(
            f"the field of view of model {model!r} is {degrees:g} degrees, not between 0 and 180; name another output with "
            "`view_output:`"
        )
    return degrees


def _finite(values: NDArray[Any], shown: str) -> Floats:
    if np.isnan(values).any():
        raise InferenceError(f"{shown} contain NaN; check the model's precision and its input")
    return values if np.isfinite(values).all() else np.clip(values, -_MOST, _MOST)
