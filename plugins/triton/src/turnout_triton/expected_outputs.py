"""Comparison of a response's outputs with those of the model."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.tensors import TensorSpec
from turnout_triton.client.messages import TensorHead
from turnout_triton.served_model import ServedModel

_MOST_FITTING = 512


class ExpectedOutputs:
    """Compares names, datatypes and shapes with those that the server described; a server that described none may send any.

    Thread-safe without a lock: operations of a set are atomic, and a lost entry only costs a comparison.

    Attributes:
        fitting: heads of whole responses that fit. A model answers with few shapes, so most are found here.
    """

    def __init__(self, served: ServedModel) -> None:
        self._specs = {spec.name: spec for spec in served.signature.outputs}
        self._widened = served.widened
        self.fitting: set[tuple[TensorHead, ...]] = set()

    def difference(self, heads: tuple[TensorHead, ...]) -> str:
        """Return how the outputs differ from the model's, in words; empty if they fit."""
        found = self.difference_of_part(heads)
        missing = self._specs.keys() - {head.name for head in heads}
        if missing:
            names = ", ".join(repr(head.name) for head in heads)
            found = f"lacks output {', '.join(map(repr, sorted(missing)))}; it has: {names or 'none'}"
        if not found:
            if len(self.fitting) >= _MOST_FITTING:
                self.fitting.clear()
            self.fitting.add(heads)
        return found

    def difference_of_part(self, heads: tuple[TensorHead, ...]) -> str:
        """Return the same for a response that may lack outputs, as one of a stream."""
        return "; ".join(self._differences(heads)) if self._specs else ""

    def _differences(self, heads: tuple[TensorHead, ...]) -> Iterator[str]:
        for head in heads:
            spec = self._specs.get(head.name)
            if spec is None:
                yield f"has an output {head.name!r}, which the model has not"
            elif head.datatype != spec.datatype or not self._fits(head, spec):
                shape = "of any shape" if spec.shape is None else list(spec.shape)
                yield f"has output {head.name!r} as {head.datatype} {list(head.shape)}, the model's is {spec.datatype} {shape}"

    def _fits(self, head: TensorHead, spec: TensorSpec) -> bool:
        if spec.shape is None:
            return True
        sizes = (*spec.shape, 1) if spec.name in self._widened else spec.shape
        return len(sizes) == len(head.shape) and all(size in (-1, got) for size, got in zip(sizes, head.shape, strict=True))
