"""FP32 outside, half precision inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Precision:
    """Converts FP32 inputs to ``dtype``, and outputs of ``dtype`` back, but for those declared as what they are.

    Attributes:
        dtype: the module's datatype; None converts nothing.
        kept: outputs that stay.
    """

    dtype: torch.dtype | None = None
    kept: frozenset[str] = frozenset()

    def narrowed(self, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the inputs as the module wants them."""
        import torch

        if self.dtype is None:
            return inputs
        return {name: value.to(self.dtype) if value.dtype == torch.float32 else value for name, value in inputs.items()}

    def widened(self, outputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the outputs as the caller expects them."""
        if self.dtype is None:
            return outputs
        return {
            name: value.float() if value.dtype == self.dtype and name not in self.kept else value
            for name, value in outputs.items()
        }
