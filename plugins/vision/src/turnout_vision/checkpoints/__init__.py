"""Checkpoints: the files next to a model's weights, and the processor that they describe."""
