"""Half precision inside a module, FP32 outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout import ModelDeclaration
from turnout_direct.options import DirectOptions

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Precision:
    """Converts FP32 inputs to ``dtype``, and outputs of ``dtype`` to FP32.

    Attributes:
        dtype: the module's datatype; None converts nothing.
        unconverted: outputs that keep ``dtype``, because turnout.yaml declares them in half precision.
    """

    dtype: torch.dtype | None = None
    unconverted: frozenset[str] = frozenset()

    def narrow(self, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the inputs in the module's datatype."""
        import torch

        if self.dtype is None:
            return inputs
        return {name: value.to(self.dtype) if value.dtype == torch.float32 else value for name, value in inputs.items()}

    def widen(self, outputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the outputs in the caller's datatype."""
        if self.dtype is None:
            return outputs
        return {
            name: value.float() if value.dtype == self.dtype and name not in self.unconverted else value
            for name, value in outputs.items()
        }


def precision_of(model: ModelDeclaration, options: DirectOptions) -> Precision:
    """Return the conversion that the option ``dtype`` requires."""
    import torch

    if options.dtype not in ("float16", "bfloat16"):
        return Precision()
    unconverted = frozenset(spec.name for spec in model.outputs if spec.datatype in ("FP16", "BF16"))
    return Precision(getattr(torch, options.dtype), unconverted)
