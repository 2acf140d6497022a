"""Check of an exported file: its outputs on its own runtime against torch's outputs."""

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
from turnout_direct.export.file_format import FileFormat, Outputs, Run
from turnout_direct.export.traceable import LARGEST_EXAMPLE, Traceable

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# Batch 1, which torch's tracing treats as a special case, then a batch in which every free axis differs from the trace.
BATCHES = (1, LARGEST_EXAMPLE)
# Seeds of further examples, which are run if a token differs.
OTHER_SEEDS = (1, 2, 3)
# A wrong graph differs by far more; this is not the tolerance of two runtimes.
RELATIVE_ERROR = 1e-3


Report = Callable[[Mapping[str, Any]], None]


def check_outputs(file: Path, traceable: Traceable, form: FileFormat, report: Report = lambda _: None) -> dict[int, Outputs]:
    """Return the outputs of ``file`` by batch size, compared with the module's; empty if its runtime is not installed.

    ``report`` receives the batch sizes and the greatest difference of each output.

    Raises:
        ExportError: the runtime cannot load or run the file, or its outputs differ.
    """
    run = _open(file, traceable, form)
    if run is None:
        return {}
    errors: dict[str, float] = {}
    outputs = {batch: _check_batch(run, traceable, form, batch, errors) for batch in _batches(traceable)}
    report({"runtime": form.runtime, "reference": "torch", "batch_sizes": list(outputs), "max_abs_error": errors})
    return outputs


def _batches(traceable: Traceable) -> tuple[int, ...]:
    return BATCHES if any(traceable.free_axes()) and not traceable.has_large_rows() else BATCHES[:1]


def _check_batch(run: Run, traceable: Traceable, form: FileFormat, batch: int, errors: dict[str, float]) -> Outputs:
    logger.info("proving a batch of %d of model %r on %s", batch, traceable.model, form.runtime)
    outputs, difference = _compare(run, traceable, form, traceable.example(batch), errors)
    if difference and traceable.decoding is not None:
        # If two tokens are equally likely, rounding decides between them; a wrong graph is wrong for other examples too.
        others = [_compare(run, traceable, form, traceable.example(batch, seed), {})[1] for seed in OTHER_SEEDS]
        if any(others):
            raise _difference_error(traceable, form, f"{difference}, and for other batches; the export is wrong or tokens tie:")
        logger.warning("model %r: %s %s, but not for other batches: two tokens tie", traceable.model, form.runtime, difference)
    elif difference:
        advice = "its code probably branches on x.shape: treat every size alike, or"
        raise _difference_error(traceable, form, f"{difference}; {advice}")
    return outputs


def _compare(
    run: Run, traceable: Traceable, form: FileFormat, inputs: tuple[torch.Tensor, ...], errors: dict[str, float]
) -> tuple[Outputs, str | None]:
    """Return the outputs of the file and their first difference from torch; record in ``errors`` the greatest error so far."""
    expected = _run_reference(traceable, form, inputs)
    try:
        outputs = run(inputs)
    except Exception as error:
        advice = "make its code take sizes from x.shape, with half precision set 'dtype: float32', else"
        raise _runtime_error(traceable, form, f"run it on {_shapes(traceable, inputs)}", error, advice) from error
    for name, tensor, output in zip(traceable.outputs, expected, outputs, strict=True):
        reference = to_numpy(name, tensor)
        if reference.shape != output.shape or not _is_close(reference, output):
            batch = len(inputs[0]) if inputs else 0
            return (
                outputs,
                f"returns another {name!r} ({list(output.shape)}) than torch ({list(reference.shape)}) for a batch of {batch}",
            )
        errors[name] = max(errors.get(name, 0.0), _greatest_difference(reference, output))
    return outputs, None


def _run_reference(traceable: Traceable, form: FileFormat, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    try:
        return traceable.reference(*inputs)
    except Exception as error:
        raise ExportError(
            f"{_subject(traceable, form)}, but torch itself fails on {_shapes(traceable, inputs)}: "
            f"{type(error).__name__}: {first_line(error)!r}; declare the sizes that it takes in turnout.yaml"
        ) from error


def _open(file: Path, traceable: Traceable, form: FileFormat) -> Run | None:
    try:
        return form.open(traceable, file)
    except Exception as error:
        raise _runtime_error(traceable, form, "load it", error, "with half precision set 'dtype: float32', else") from error


def _is_close(reference: NDArray[Any], output: NDArray[Any]) -> bool:
    if reference.dtype.kind != "f":
        return bool(np.array_equal(reference, output))
    finite = np.abs(reference[np.isfinite(reference)])
    scale = float(finite.max()) if finite.size else 1.0
    return bool(np.allclose(output, reference, rtol=RELATIVE_ERROR, atol=RELATIVE_ERROR * scale, equal_nan=True))


def _greatest_difference(reference: NDArray[Any], output: NDArray[Any]) -> float:
    if reference.dtype.kind != "f":
        return 0.0
    finite = np.isfinite(reference)
    return float(np.abs(output[finite].astype(np.float64) - reference[finite]).max(initial=0.0))


def _difference_error(traceable: Traceable, form: FileFormat, text: str) -> ExportError:
    return ExportError(f"{_subject(traceable, form)}, but {form.runtime} {text} keep the model on the backend 'direct'")


def _runtime_error(traceable: Traceable, form: FileFormat, action: str, error: Exception, advice: str) -> ExportError:
    # TorchScript's interpreter prints the traceback first and the reason last.
    reason = last_line(error) if "TorchScript interpreter" in first_line(error) else first_line(error)
    return ExportError(
        f"{_subject(traceable, form)}, but {form.runtime} cannot {action}: {reason!r}; "
        f"{advice} keep the model on the backend 'direct'"
    )


def _subject(traceable: Traceable, form: FileFormat) -> str:
    return f"model {traceable.model!r} ({traceable.label}) was written as {form.title}"


def _shapes(traceable: Traceable, inputs: tuple[torch.Tensor, ...]) -> str:
    sizes = zip(traceable.inputs, inputs, strict=True)
    return ", ".join(f"{spec.name!r} {list(tensor.shape)}" for spec, tensor in sizes)
