"""Batching changes no answers of Turnout's backends, but some of transformers' own padded batches."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from tests.demo.conftest import ROOT

from turnout.commands.verify.batching import compare_batching
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.parity import Tolerances, Verdict

torch = pytest.importorskip("torch")

CAPTIONER = ROOT / "examples" / "checkpoints" / "captioner"
WIDTH = 24
PROMPTS = ([], ["a"], ["a", "red"], ["a", "blue", "circle"])


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Return eight pictures of noise with prompts of 2 to 5 tokens, padded to one length."""
    words = json.loads((CAPTIONER / "tokenizer.json").read_text())["model"]["vocab"]
    random = np.random.default_rng(3)
    requests = []
    for index in range(8):
        prompt = [words["[CLS]"], *(words[word] for word in PROMPTS[index % 4]), words["[SEP]"]]
        ids = np.zeros((1, 5), np.int64)
        ids[0, : len(prompt)] = prompt
        mask = (np.arange(5) < len(prompt)).astype(np.int64)[None]
        pixels = random.standard_normal((1, 3, 96, 96)).astype(np.float32)
        requests.append({"pixel_values": pixels, "input_ids": ids, "attention_mask": mask})
    return requests


@pytest.fixture(scope="module")
def padded_generate() -> Callable[[Mapping[str, Any]], InferenceResponse]:
    """Return a function that calls transformers' own ``generate``: the tokens after the prompts, up to the first end token."""
    from transformers import BlipForConditionalGeneration

    module = BlipForConditionalGeneration.from_pretrained(CAPTIONER).eval()
    end = module.config.text_config.sep_token_id

    def generate(inputs: Mapping[str, Any]) -> InferenceResponse:
        longest = int(inputs["attention_mask"].sum(axis=1).max())
        given = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in inputs.items()}
        given |= {name: given[name][:, :longest] for name in ("input_ids", "attention_mask")}
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            tokens = module.generate(**given, max_new_tokens=8, do_sample=False)[:, longest - 1 :].numpy()
        answer = np.zeros((len(tokens), WIDTH), np.int64)
        for row, found in enumerate(tokens):
            row_ids = found[: np.flatnonzero(found == end)[0]] if end in found else found
            answer[row, : len(row_ids)] = row_ids
        return InferenceResponse({"generated_ids": answer})

    return generate


def test_padded_batches_of_transformers_change_answers(rows: Any, padded_generate: Any) -> None:
    (found,) = compare_batching({"transformers": padded_generate}, rows, Tolerances())

    assert (found.verdict, found.unsteady) == (Verdict.MISMATCH, ())
    assert found.text.startswith("batching, not the backend, changes answers: 'transformers' answers row")
    assert 3 not in found.changed


@pytest.mark.parametrize("backend", ["direct", "onnxruntime"])
def test_batches_of_turnouts_backends_change_no_answer(rows: Any, open_demo: Any, backend: str) -> None:
    arm = open_demo(backend).arm("blip_caption", backend)

    (found,) = compare_batching({backend: lambda inputs: arm.infer(InferenceRequest(inputs))}, rows, Tolerances())
    arm.close()

    assert (found.verdict, found.text) == (Verdict.MATCH, "")
