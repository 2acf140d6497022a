"""Check of an exported file: its outputs on its own runtime against torch's outputs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from turnout.errors import ExportError
from turnout_direct.arrays import to_numpy
from turnout_direct.export.closeness import greatest_difference, is_as_close_to_truth, is_close, scale_of
from turnout_direct.export.failures import first_line, last_line
from turnout_direct.export.file_format import FileFormat, Outputs, Run
from turnout_direct.export.row_check import check_rows
from turnout_direct.export.traceable import LARGEST_EXAMPLE, OTHER_SEEDS, Traceable

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# Batch 1, which torch's tracing treats as a special case, then a batch in which every free axis differs from the trace.
BATCHES = (1, LARGEST_EXAMPLE)
TRACED_BATCH = 2

Report = Callable[[Mapping[str, Any]], None]


class Difference(NamedTuple):
    """The first output of a file that differs from torch's."""

    name: str
    batch: int
    expected: NDArray[Any]
    actual: NDArray[Any]

    def __str__(self) -> str:
        shapes = f"({list(self.actual.shape)}) than torch ({list(self.expected.shape)})"
        text = f"returns another {self.name!r} {shapes} for a batch of {self.batch}"
        if self.expected.shape != self.actual.shape or not scale_of(self.expected):
            return text
        difference = greatest_difference(self.expected, self.actual)
        return f"{text}: by up to {difference:.3g}, in values up to {scale_of(self.expected):.3g}" if difference else text


def check_outputs(file: Path, traceable: Traceable, form: FileFormat, report: Report = lambda _: None) -> dict[int, Outputs]:
    """Return the outputs of ``file`` by batch size, compared with the module's.

    If a server may merge requests, each row of a batch is also compared with the answer that it gets alone. ``report`` receives
    the batch sizes and the greatest difference of each output.

    Raises:
        ExportError: the runtime cannot load or run the file, its outputs differ, or its rows depend on each other.
    """
    run = _open(file, traceable, form)
    errors: dict[str, float] = {}
    outputs = {batch: _check_batch(run, traceable, form, batch, errors) for batch in _batches(traceable)}
    proof = {"runtime": form.runtime, "reference": "torch", "batch_sizes": list(outputs), "max_abs_error": errors}
    sizes = check_rows(run, traceable, form)
    report(proof | ({"independent_rows": list(sizes)} if sizes else {}))
    return outputs


def _batches(traceable: Traceable) -> tuple[int, ...]:
    return BATCHES if any(traceable.free_axes()) and not traceable.has_large_rows() else BATCHES[:1]


def _check_batch(run: Run, traceable: Traceable, form: FileFormat, batch: int, errors: dict[str, float]) -> Outputs:
    logger.info("proving a batch of %d of model %r on %s", batch, traceable.model, form.runtime)
    outputs, difference = _compare(run, traceable, form, traceable.example(batch), errors)
    if difference and traceable.decoding is not None:
        # If two tokens are equally likely, rounding decides between them; a wrong graph is wrong for other examples too.
        if any(_compare(run, traceable, form, traceable.example(batch, seed), {})[1] for seed in OTHER_SEEDS):
            tie = (
                "tokens tie" if traceable.dtype == "float32" else f"tokens tie, as in {traceable.dtype} they may (try float32)"
            )
            raise _difference_error(traceable, form, f"{difference}, and for other batches; the export is wrong or {tie}:")
        logger.warning("model %r: %s %s, but not for other batches: two tokens tie", traceable.model, form.runtime, difference)
    elif difference:
        raise _difference_error(traceable, form, f"{difference}; {_cause(run, traceable, form, batch)}, or")
    return outputs


def _cause(run: Run, traceable: Traceable, form: FileFormat, batch: int) -> str:
    """Return why the file differs for a batch of ``batch`` rows, found by more calls, and what to do."""
    inputs = traceable.example(batch)
    first, second = (_as_arrays(traceable, _run_reference(traceable, form, inputs)) for _ in range(2))
    if not all(is_close(first[name], second[name], traceable.relative_error) for name in first):
        return (
            "torch itself answers differently from call to call: remove dropout, sampling and random numbers from its forward"
        )
    if batch != TRACED_BATCH and _compare(run, traceable, form, traceable.example(TRACED_BATCH), {})[1] is None:
        return "other sizes are right, so its code branches on x.shape: treat every size alike"
    if traceable.dtype != "float32":
        return f"{traceable.dtype} rounds more than the export allows ({traceable.relative_error:g}): set 'dtype: float32'"
    return "its code does something that the written graph does not: write it with torch operators on tensors"


def _compare(
    run: Run, traceable: Traceable, form: FileFormat, inputs: tuple[torch.Tensor, ...], errors: dict[str, float]
) -> tuple[Outputs, Difference | None]:
    """Return the outputs of the file and their first difference from torch; record in ``errors`` the greatest error so far."""
    expected = _as_arrays(traceable, _run_reference(traceable, form, inputs))
    try:
        outputs = run(inputs)
    except Exception as error:
        advice = "make its code take sizes from x.shape, else"
        raise _runtime_error(traceable, form, f"run it on {_shapes(traceable, inputs)}", error, advice) from error
    truth: Mapping[str, NDArray[Any]] | None = None
    for (name, reference), output in zip(expected.items(), outputs, strict=True):
        if not is_close(reference, output, traceable.relative_error):
            truth = truth or _truth(traceable, inputs)
            if name not in truth or not is_as_close_to_truth(reference, output, truth[name], traceable.relative_error):
                return outputs, Difference(name, len(inputs[0]) if inputs else 0, reference, output)
        errors[name] = max(errors.get(name, 0.0), greatest_difference(reference, output))
    return outputs, None


def _truth(traceable: Traceable, inputs: tuple[torch.Tensor, ...]) -> Mapping[str, NDArray[Any]]:
    """Return the outputs in float32, for a module in half precision; empty if it cannot compute them."""
    if traceable.truth is None:
        return {}
    try:
        return _as_arrays(traceable, traceable.truth(*inputs))
    except Exception as error:  # noqa: BLE001  # its code may insist on half precision
        logger.info("model %r cannot be run in float32: %s", traceable.model, first_line(error))
        return {}


def _as_arrays(traceable: Traceable, tensors: tuple[torch.Tensor, ...]) -> dict[str, NDArray[Any]]:
    return {name: to_numpy(name, tensor) for name, tensor in zip(traceable.outputs, tensors, strict=True)}


def _run_reference(traceable: Traceable, form: FileFormat, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    try:
        return traceable.reference(*inputs)
    except Exception as error:
        raise ExportError(
            f"{_subject(traceable, form)}, but torch itself fails on {_shapes(traceable, inputs)}: "
            f"{type(error).__name__}: {first_line(error)!r}; declare the sizes that it takes in turnout.yaml"
        ) from error


def _open(file: Path, traceable: Traceable, form: FileFormat) -> Run:
    try:
        return form.open(traceable, file)
    except Exception as error:
        raise _runtime_error(traceable, form, "load it", error, "") from error


def _difference_error(traceable: Traceable, form: FileFormat, text: str) -> ExportError:
    return ExportError(f"{_subject(traceable, form)}, but {form.runtime} {text} keep the model on the backend 'direct'")


def _runtime_error(traceable: Traceable, form: FileFormat, action: str, error: Exception, advice: str) -> ExportError:
    # TorchScript's interpreter prints the traceback first and the reason last.
    reason = last_line(error) if "TorchScript interpreter" in first_line(error) else first_line(error)
    half = (
        "" if traceable.dtype == "float32" else f"set 'dtype: float32' ({form.runtime} may lack it in {traceable.dtype}), else "
    )
    return ExportError(
        f"{_subject(traceable, form)}, but {form.runtime} cannot {action}: {reason!r}; "
        f"{half}{advice}{' ' * bool(advice)}keep the model on the backend 'direct'"
    )


def _subject(traceable: Traceable, form: FileFormat) -> str:
    return f"model {traceable.model!r} ({traceable.label}) was written as {form.title}"


def _shapes(traceable: Traceable, inputs: tuple[torch.Tensor, ...]) -> str:
    sizes = zip(traceable.inputs, inputs, strict=True)
    return ", ".join(f"{spec.name!r} {list(tensor.shape)}" for spec, tensor in sizes)
