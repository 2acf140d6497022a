"""The checkpoints run by torch, one picture at a time: the reference for other runtimes."""

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
    """Captions a picture or a box of it; the caption continues ``prompt`` if there is one."""

    def __init__(self, folder: Path) -> None:
        self.model = BlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def __call__(self, picture: Image.Image, box: Box | None = None, prompt: str = "") -> str:
        """Return the caption, greedy."""
        tokens = {"input_ids": torch.tensor([self._tokenizer.encode(prompt).ids])} if prompt else {}
        ids = self.model.generate(**_pixels(picture, box), **tokens, do_sample=False, max_length=MAX_LENGTH)
        return self._tokenizer.decode(ids[0].tolist())


class TorchAnswerer:
    """Answers a question about a picture or a box of it."""

    def __init__(self, folder: Path) -> None:
        self.model = BlipForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def __call__(self, picture: Image.Image, box: Box | None, question: str) -> str:
        """Return the answer, greedy."""
        question_ids = torch.tensor([self._tokenizer.encode(question).ids])
        ids = self.model.generate(
            input_ids=question_ids,
            attention_mask=torch.ones_like(question_ids),
            **_pixels(picture, box),
            do_sample=False,
            max_length=MAX_LENGTH,
        )
        return self._tokenizer.decode(ids[0].tolist())


class TorchSegmenter:
    """Segments the object in a box."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForImageSegmentation.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()

    def __call__(self, picture: Image.Image, box: Box) -> NDArray[np.bool_]:
        """Return the mask of the whole picture, bool [height, width]."""
        pixels = crops.normalize_imagenet(crops.resize_for_masks(crops.crop(picture, box))[None])
        with torch.no_grad():
            logits = self.model(torch.from_numpy(pixels))[-1]
        return crops.paste_mask(logits[0, 0].numpy(), box, picture.size)


def _pixels(picture: Image.Image, box: Box | None) -> dict[str, torch.Tensor]:
    part = crops.crop(picture, box) if box else picture
    return {"pixel_values": torch.from_numpy(crops.normalize(crops.resize_for_captions(part)[None]))}
