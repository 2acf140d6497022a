"""A program for the Python of the private environment: it writes TorchScript models and the ids that transformers generates."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch


class Named(torch.nn.Module):
    """Sum and difference; a negative ``a`` is an error."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if bool((a < 0).any()):
            raise ValueError("a is negative")
        return a + b, a - b


class Indexed(torch.nn.Module):
    """A sum of rank 0, and twice the BF16 input."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(), y * 2


class Text(torch.nn.Module):
    """Every word twice."""

    def forward(self, words: list[str]) -> list[str]:
        return [word + word for word in words]


class Mapped(torch.nn.Module):
    """Difference of inputs in one mapping."""

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return inputs["a"] - inputs["b"]


def write_models(repository: Path) -> None:
    for name, module in (("named", Named()), ("indexed", Indexed()), ("text", Text()), ("mapped", Mapped())):
        (repository / name / "1").mkdir(parents=True)
        torch.jit.script(module).save(str(repository / name / "1" / "model.pt"))


def write_expected(checkpoint: Path, given: Path, answers: Path) -> None:
    """Write the ids that ``generate`` returns for each row of ``given`` alone."""
    from transformers import BlipForConditionalGeneration

    model = BlipForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()
    rows = []
    with np.load(given) as arrays, torch.inference_mode():
        for pixels, ids, mask in zip(arrays["pixel_values"], arrays["input_ids"], arrays["attention_mask"], strict=True):
            prompt = torch.from_numpy(ids[mask != 0])[None]
            answer = model.generate(
                pixel_values=torch.from_numpy(pixels)[None], input_ids=prompt, max_length=14, do_sample=False
            )
            rows.append(answer[0].tolist())
    answers.write_text(json.dumps(rows))


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
    write_expected(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
