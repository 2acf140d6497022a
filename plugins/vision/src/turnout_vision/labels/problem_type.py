"""The function that a checkpoint asks for, from its ``problem_type``."""

from __future__ import annotations

from turnout_vision.checkpoints.checkpoint import Checkpoint

_FUNCTIONS = {"regression": "none", "multi_label_classification": "sigmoid"}


def score_function(checkpoint: Checkpoint | None, classes: int) -> str:
    """Return the name of the function that transformers' pipeline applies to ``classes`` logits. May block.

    Raises:
        ConfigurationError: config.json is broken or unreachable.
    """
    config = (checkpoint.json("config.json") or {}) if checkpoint else {}
    usual = "sigmoid" if classes == 1 else "softmax"
    return _FUNCTIONS.get(str(config.get("problem_type")), usual)
