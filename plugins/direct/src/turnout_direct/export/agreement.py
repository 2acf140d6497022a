"""Proving a written file on the runtime it is written for."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ExportError
from turnout_direct.export.failures import first_line
from turnout_direct.export.traceable import Traceable

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# Sizes in turn: a lone row, which torch's tracing takes for granted it never sees, then the size of the trace plus one.
BATCHES = (1, 3)
# Rows of more elements than this are pictures of megapixels, where three rows may not fit into memory.
LARGE_ROW_ELEMENTS = 1_000_000
# A wrong graph is wrong by far; this is no statement about how near two runtimes are.
RELATIVE_ERROR = 1e-3


def check_answers(file: Path, traceable: Traceable) -> None:
    """Return if onnxruntime answers with ``file`` what the module answers, or if onnxruntime is not installed.

    Raises:
        ExportError: onnxruntime cannot load or run the file, or answers something else.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        logger.warning("model %r was exported, but not tried: onnxruntime is not installed", traceable.model)
        return
    session = _session(file, traceable)
    for batch in _batches(traceable):
        inputs = traceable.example(batch)
        for name, want, got in zip(
            traceable.outputs, _expected(traceable, inputs), _run(session, traceable, inputs), strict=True
        ):
            _compare(traceable, name, batch, want.detach().cpu().numpy(), got)


def _batches(traceable: Traceable) -> tuple[int, ...]:
    if all(axes.get(0) != "batch" for axes in traceable.free_axes()):
        return BATCHES[:1]
    largest = max(row.numel() for row in traceable.example(1))
    return BATCHES[:1] if largest > LARGE_ROW_ELEMENTS else BATCHES


def _expected(traceable: Traceable, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    try:
        return traceable.answer(*inputs)
    except Exception as error:
        sizes = zip(traceable.inputs, inputs, strict=True)
        shapes = ", ".join(f"{spec.name!r} {list(tensor.shape)}" for spec, tensor in sizes)
        raise ExportError(
            f"model {traceable.model!r} ({traceable.label}) was written as ONNX, but torch itself fails on {shapes}: "
            f"{type(error).__name__}: {first_line(error)!r}; declare the sizes that it takes in turnout.yaml"
        ) from error


def _session(file: Path, traceable: Traceable) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _refusal(traceable, "load", error) from error


def _run(session: Any, traceable: Traceable, inputs: tuple[torch.Tensor, ...]) -> list[NDArray[Any]]:
    feed = {spec.name: tensor.numpy() for spec, tensor in zip(traceable.inputs, inputs, strict=True)}
    try:
        answers: list[NDArray[Any]] = session.run(list(traceable.outputs), feed)
    except Exception as error:
        raise _refusal(traceable, "run", error) from error
    return answers


def _compare(traceable: Traceable, output: str, batch: int, want: NDArray[Any], got: NDArray[Any]) -> None:
    if want.shape == got.shape and _near(want, got):
        return
    raise ExportError(
        f"model {traceable.model!r} ({traceable.label}) was written as ONNX, but for a batch of {batch} onnxruntime answers "
        f"another {output!r} ({list(got.shape)}) than torch ({list(want.shape)}); its code probably decides by x.shape: "
        "make it treat every batch size alike, or keep the model on the backend 'direct'"
    )


def _near(want: NDArray[Any], got: NDArray[Any]) -> bool:
    if want.dtype.kind != "f":
        return bool(np.array_equal(want, got))
    finite = np.abs(want[np.isfinite(want)])
    scale = float(finite.max()) if finite.size else 1.0
    return bool(np.allclose(got, want, rtol=RELATIVE_ERROR, atol=RELATIVE_ERROR * scale, equal_nan=True))


def _refusal(traceable: Traceable, verb: str, error: Exception) -> ExportError:
    return ExportError(
        f"model {traceable.model!r} ({traceable.label}) was written as ONNX, but onnxruntime cannot {verb} it: "
        f"{first_line(error)!r}; with half precision set 'dtype: float32', else keep the model on the backend 'direct'"
    )
