"""A module with the inputs, examples and reference outputs that an exporter needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ExportError
from turnout.tensors import BYTES, TensorSpec
from turnout_direct.export.closeness import RELATIVE_ERRORS

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.decoding import Decoding

    Tensors = tuple[torch.Tensor, ...]

FREE_SIZE = 8
FREE_IMAGE_SIZE = 128
# Rows in the largest example. Its free axes have other sizes too, so that a size that a trace has fixed shows.
LARGEST_EXAMPLE = 3
# Rows with more elements than this are images of megapixels: three of them may not fit into memory.
LARGE_ROW_ELEMENTS = 1_000_000
# Seeds of further examples, which are run if a token differs.
OTHER_SEEDS = (1, 2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Traceable:
    """A module that accepts its inputs by position and returns a tuple of tensors.

    Attributes:
        model: the model's name, for messages.
        label: the class that is exported, for messages.
        module: the ``torch.nn.Module``, on the CPU, in eval mode.
        inputs: its inputs in order; -1 stays free in the file, and -1 on the first axis is the batch of all inputs.
        outputs: the names of its outputs, in order.
        example: returns valid inputs for a batch size, the same at every call; a second argument is another seed.
        reference: returns the outputs that the file must return for such inputs, computed without the graph.
        decoding: the methods of the loop in ``module``, for formats that write a loop in another way.
        max_batch_size: the largest number of rows that a server merges; 0 for a model whose requests are not merged.
        dtype: the precision in which the module computes.
        truth: returns the outputs computed in float32, for a module in half precision; None if it cannot.
    """

    model: str
    label: str
    module: torch.nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    example: Callable[..., Tensors]
    reference: Callable[..., Tensors]
    decoding: Decoding | None = None
    max_batch_size: int = 0
    dtype: str = "float32"
    truth: Callable[..., Tensors] | None = None

    @property
    def relative_error(self) -> float:
        """The allowed difference of an output, as a share of its greatest value."""
        return RELATIVE_ERRORS[self.dtype]

    def free_axes(self) -> tuple[dict[int, str], ...]:
        """Return the names of each input's free axes."""
        return tuple(
            {axis: "batch" if axis == 0 else f"{spec.name}_{axis}" for axis, size in enumerate(sizes_of(spec)) if size == -1}
            for spec in self.inputs
        )

    def has_large_rows(self) -> bool:
        """Return whether several rows are too large for an example."""
        return max((row.numel() for row in self.example(1)), default=0) > LARGE_ROW_ELEMENTS


def sizes_of(spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape of ``spec``, which ``check_inputs`` has found to be known."""
    return spec.shape or ()


def check_inputs(model: str, inputs: Sequence[TensorSpec]) -> None:
    """Raise ExportError if the rank of an input is unknown, or torch or numpy lacks its datatype."""
    for spec in inputs:
        if spec.shape is None:
            raise ExportError(
                f"model {model!r}: the shape of input {spec.name!r} is unknown; "
                "declare it under 'inputs' in turnout.yaml, such as 'FP32[3,384,384]'"
            )
        if spec.datatype in (BYTES, "BF16"):
            raise ExportError(
                f"model {model!r}: input {spec.name!r} is {spec.datatype}, which cannot be exported; "
                "declare it as FP32 or INT64"
            )


def random_example(inputs: Sequence[TensorSpec], batch: int, seed: int = 0) -> Tensors:
    """Return inputs with ``batch`` rows of reproducible random values: normally distributed floats, integers 0 or 1.

    An attention mask is padded on the right: runtimes may differ under a mask that hides everything.
    """
    import torch

    random = np.random.default_rng(batch + 100 * seed)
    return tuple(torch.from_numpy(_random_array(spec, batch, random)) for spec in inputs)


def free_size(size: int, batch: int) -> int:
    """Return the size of a free axis in an example of ``batch`` rows: ``size``, or 1.5 times that in the largest example."""
    return size if batch < LARGEST_EXAMPLE else size + size // 2


def _free_size_of(sizes: Sequence[int], axis: int, batch: int) -> int:
    """Return the size of a free axis; the largest example is no square, nor twice a size of others."""
    if len(sizes) != 4:
        return free_size(FREE_SIZE, batch)
    wide = batch >= LARGEST_EXAMPLE and axis == 3
    return FREE_IMAGE_SIZE * 7 // 4 if wide else free_size(FREE_IMAGE_SIZE, batch)


def _random_array(spec: TensorSpec, batch: int, random: np.random.Generator) -> NDArray[Any]:
    sizes = sizes_of(spec)
    shape = [
        size if size != -1 else batch if axis == 0 else _free_size_of(sizes, axis, batch) for axis, size in enumerate(sizes)
    ]
    if spec.name.endswith("attention_mask") and len(shape) == 2:
        return np.asarray(np.arange(shape[1]) < shape[1] - np.arange(shape[0])[:, None] % shape[1]).astype(spec.dtype)
    values = random.standard_normal(shape) if spec.dtype.kind == "f" else random.integers(0, 2, shape)
    return np.asarray(values).astype(spec.dtype)
