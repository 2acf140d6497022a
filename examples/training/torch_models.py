"""The checkpoints as plain functions, run by torch one picture at a time: what other runtimes are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from examples.training import crops
from examples.training.scenes import Box
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer
from transformers import AutoModelForImageSegmentation, BlipForConditionalGeneration, BlipForQuestionAnswering

MAX_LENGTH = 20


class TorchCaptioner:
    """Captions a picture or a box of it, after ``prompt`` when there is one."""

    def __init__(self, folder: Path) -> None:
        self.model = BlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def __call__(self, picture: Image.Image, box: Box | None = None, prompt: str = "") -> str:
        """Return the caption, greedy."""
        asked = {"input_ids": torch.tensor([self._tokenizer.encode(prompt).ids])} if prompt else {}
        ids = self.model.generate(**_pixels(picture, box), **asked, do_sample=False, max_length=MAX_LENGTH)
        return self._tokenizer.decode(ids[0].tolist())


class TorchAnswerer:
    """Answers a question about a picture or a box of it."""

    def __init__(self, folder: Path) -> None:
        self.model = BlipForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def __call__(self, picture: Image.Image, box: Box | None, question: str) -> str:
        """Return the answer, greedy."""
        asked = torch.tensor([self._tokenizer.encode(question).ids])
        ids = self.model.generate(
            input_ids=asked,
            attention_mask=torch.ones_like(asked),
            **_pixels(picture, box),
            do_sample=False,
            max_length=MAX_LENGTH,
        )
        return self._tokenizer.decode(ids[0].tolist())


class TorchSegmenter:
    """Finds the pixels of the object that a box was drawn for."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForImageSegmentation.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()

    def __call__(self, picture: Image.Image, box: Box) -> NDArray[np.bool_]:
        """Return the mask of the whole picture, bool [height, width]."""
        pixels = crops.imagenet_normalised(crops.for_masks(crops.crop(picture, box))[None])
        with torch.no_grad():
            logits = self.model(torch.from_numpy(pixels))[-1]
        return crops.pasted(logits[0, 0].numpy(), box, picture.size)


def _pixels(picture: Image.Image, box: Box | None) -> dict[str, torch.Tensor]:
    seen = crops.crop(picture, box) if box else picture
    return {"pixel_values": torch.from_numpy(crops.normalised(crops.for_captions(seen)[None]))}
