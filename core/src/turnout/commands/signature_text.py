"""A model's signature as text."""

from __future__ import annotations

from turnout.inference import ModelSignature


def describe_signature(signature: ModelSignature) -> str:
    """Return the inputs and outputs in one line."""
    sides = [", ".join(f"{spec.name} {spec}" for spec in side) or "?" for side in (signature.inputs, signature.outputs)]
    return " -> ".join(sides)
