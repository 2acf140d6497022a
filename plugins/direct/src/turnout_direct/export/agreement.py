"""Proving a written file on the runtime it is written for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ExportError
from turnout_direct.arrays import to_numpy
from turnout_direct.export.failures import first_line, last_line
from turnout_direct.export.formats import Answers, FileFormat, Run
from turnout_direct.export.traceable import LARGEST_EXAMPLE, Traceable

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# A lone row, which torch's tracing takes for granted it never sees, then another size of every free axis than the trace had.
BATCHES = (1, LARGEST_EXAMPLE)
# What else is tried where a token differs.
OTHER_SEEDS = (1, 2, 3)
# A wrong graph is wrong by far; this is no statement about how near two runtimes are.
RELATIVE_ERROR = 1e-3


Report = Callable[[Mapping[str, Any]], None]


def check_answers(file: Path, traceable: Traceable, form: FileFormat, report: Report = lambda _: None) -> dict[int, Answers]:
    """Return the answers of ``file`` by batch size, which are those of the module; none if its runtime is not installed.

    ``report`` hears what was compared, and how far the answers are apart.

    Raises:
        ExportError: the runtime cannot load or run the file, or answers something else.
    """
    run = _opened(file, traceable, form)
    if run is None:
        return {}
    errors: dict[str, float] = {}
    answers = {batch: _checked(run, traceable, form, batch, errors) for batch in _batches(traceable)}
    report({"runtime": form.runtime, "reference": "torch", "batch_sizes": list(answers), "max_abs_error": errors})
    return answers


def _batches(traceable: Traceable) -> tuple[int, ...]:
    return BATCHES if any(traceable.free_axes()) and not traceable.large_rows() else BATCHES[:1]


def _checked(run: Run, traceable: Traceable, form: FileFormat, batch: int, errors: dict[str, float]) -> Answers:
    answers, difference = _tried(run, traceable, form, traceable.example(batch), errors)
    if difference and traceable.decoding is not None:
        # Where two tokens are equally likely, rounding chooses; a wrong graph is wrong about other pictures too.
        others = [_tried(run, traceable, form, traceable.example(batch, seed), {})[1] for seed in OTHER_SEEDS]
        if any(others):
            raise _disagreement(traceable, form, f"{difference}, and to other batches; its export is wrong, or its tokens tie:")
        logger.warning("model %r: %s %s, but not to other batches: two tokens tie", traceable.model, form.runtime, difference)
    elif difference:
        way_out = "its code probably decides by x.shape: make it treat every size alike, or"
        raise _disagreement(traceable, form, f"{difference}; {way_out}")
    return answers


def _tried(
    run: Run, traceable: Traceable, form: FileFormat, inputs: tuple[torch.Tensor, ...], errors: dict[str, float]
) -> tuple[Answers, str | None]:
    """Return the answers of the file, and how they differ from torch's; ``errors`` gets the greatest of those that are near."""
    expected = _expected(traceable, form, inputs)
    try:
        answers = run(inputs)
    except Exception as error:
        way_out = "make its code take sizes from x.shape, with half precision set 'dtype: float32', else"
        raise _refusal(traceable, form, f"run it on {_shapes(traceable, inputs)}", error, way_out) from error
    for name, tensor, got in zip(traceable.outputs, expected, answers, strict=True):
        want = to_numpy(name, tensor)
        if want.shape != got.shape or not _near(want, got):
            shapes = f"({list(got.shape)}) than torch ({list(want.shape)})"
            return answers, f"answers another {name!r} to a batch of {len(inputs[0]) if inputs else 0} {shapes}"
        errors[name] = max(errors.get(name, 0.0), _greatest_difference(want, got))
    return answers, None


def _expected(traceable: Traceable, form: FileFormat, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    try:
        return traceable.answer(*inputs)
    except Exception as error:
        raise ExportError(
            f"{_written(traceable, form)}, but torch itself fails on {_shapes(traceable, inputs)}: "
            f"{type(error).__name__}: {first_line(error)!r}; declare the sizes that it takes in turnout.yaml"
        ) from error


def _opened(file: Path, traceable: Traceable, form: FileFormat) -> Run | None:
    try:
        return form.open(traceable, file)
    except Exception as error:
        raise _refusal(traceable, form, "load it", error, "with half precision set 'dtype: float32', else") from error


def _near(want: NDArray[Any], got: NDArray[Any]) -> bool:
    if want.dtype.kind != "f":
        return bool(np.array_equal(want, got))
    finite = np.abs(want[np.isfinite(want)])
    scale = float(finite.max()) if finite.size else 1.0
    return bool(np.allclose(got, want, rtol=RELATIVE_ERROR, atol=RELATIVE_ERROR * scale, equal_nan=True))


def _disagreement(traceable: Traceable, form: FileFormat, text: str) -> ExportError:
    return ExportError(f"{_written(traceable, form)}, but {form.runtime} {text} keep the model on the backend 'direct'")


def _greatest_difference(want: NDArray[Any], got: NDArray[Any]) -> float:
    if want.dtype.kind != "f":
        return 0.0
    finite = np.isfinite(want)
    return float(np.abs(got[finite].astype(np.float64) - want[finite]).max(initial=0.0))


def _refusal(traceable: Traceable, form: FileFormat, what: str, error: Exception, way_out: str) -> ExportError:
    # TorchScript's interpreter says where first, and why last.
    reason = last_line(error) if "TorchScript interpreter" in first_line(error) else first_line(error)
    return ExportError(
        f"{_written(traceable, form)}, but {form.runtime} cannot {what}: {reason!r}; "
        f"{way_out} keep the model on the backend 'direct'"
    )


def _written(traceable: Traceable, form: FileFormat) -> str:
    return f"model {traceable.model!r} ({traceable.label}) was written as {form.title}"


def _shapes(traceable: Traceable, inputs: tuple[torch.Tensor, ...]) -> str:
    sizes = zip(traceable.inputs, inputs, strict=True)
    return ", ".join(f"{spec.name!r} {list(tensor.shape)}" for spec, tensor in sizes)
