"""Inputs that Turnout makes up are answered by models that generate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import turnout
from turnout.tensors.made_up import zeros_of

CHECKPOINTS = Path(__file__).parents[3] / "examples/checkpoints"


@pytest.mark.parametrize(
    ("checkpoint", "name"), [("captioner", "BlipForConditionalGeneration"), ("answerer", "BlipForQuestionAnswering")]
)
def test_a_model_that_generates_answers_inputs_made_from_its_signature(checkpoint: str, name: str) -> None:
    options: dict[str, Any] = {
        "loader": "transformers", "class": name, "checkpoint": str(CHECKPOINTS / checkpoint), "method": "generate"
    }  # fmt: skip
    with turnout.open({"models": {"m": {"backend": "direct", "backends": {"direct": options}}}}, listen=False) as app:
        made = zeros_of(app.model("m").signature().inputs, 1 << 28)

        assert made is not None
        assert app.model("m").infer(made)["generated_ids"].shape[0] == 1
