"""``turnout check`` names the backends that answer callers without a proof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelSignature, TensorSpec
from turnout.commands import check
from turnout.commands.verify import command
from turnout.testing import PlusOne

Notes = Callable[[str], list[str]]


class Adds(PlusOne):
    """Adds ``number``."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self._number = np.float32(number)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({"x": request.inputs["x"] + self._number})

    def signature(self) -> ModelSignature:
        specs = (TensorSpec("x", "FP32", (-1, 3)),)
        return ModelSignature(specs, specs)


@pytest.fixture
def plugins(plugins_with: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install ``a`` and ``same``, which give equal answers, and ``wrong``, which does not."""
    loaded = plugins_with({"a": lambda: Adds(1), "same": lambda: Adds(1), "wrong": lambda: Adds(2)})
    for module in (check, command):
        monkeypatch.setattr(module, "find_plugins", lambda: loaded)
    return loaded


@pytest.fixture
def notes(tmp_path: Path, plugins: Any) -> Notes:
    """Return a function that checks a model with these lines, and returns the notes about proofs."""

    def run(lines: str) -> list[str]:
        file = tmp_path / "turnout.yaml"
        file.write_text(f"models:\n  m:\n    backend: a\n    {lines}\n    backends: {{a: , same: , wrong: }}\n")
        results = [result for result in check.check_app(file) if result.what == "proof"]
        assert all(result.ok and result.note for result in results)
        return [result.text for result in results]

    return run


@pytest.mark.parametrize(
    ("lines", "part"), [("fallback: same", "fallback"), ("canary: {backend: same, weight: 0.1}", "canary")]
)
def test_a_backend_that_answers_callers_and_was_never_compared_is_noted(notes: Notes, lines: str, part: str) -> None:
    assert notes(lines) == [f"{part}: 'same' was never compared with 'a'; compare them: turnout verify m --against same"]


@pytest.mark.parametrize(
    "lines", ["fallback: a", "shadow: {backend: same}", "canary: {backend: same, weight: 0}", "max_in_flight: 3"]
)
def test_a_backend_whose_answers_reach_no_caller_needs_no_proof(notes: Notes, lines: str) -> None:
    assert notes(lines) == []


def test_a_proof_ends_the_note_and_a_mismatch_explains_it(notes: Notes, tmp_path: Path) -> None:
    notes("fallback: same")
    command.verify_file(tmp_path / "turnout.yaml", "m", command.VerifyOptions(generate=2), warn=lambda _: None)

    assert notes("fallback: same") == []
    [note] = notes("fallback: wrong")
    assert "'wrong' gave other answers than 'a'" in note
