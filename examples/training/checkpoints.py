"""Hugging Face checkpoints of trained weights, rounded to values of float16."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from examples.training import crops, tokenizer
from transformers import PreTrainedModel


def round_to_half(model: torch.nn.Module) -> None:
    """Round every parameter and buffer to a value of float16, in place; the dtype is unchanged."""
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())


def save(model: PreTrainedModel, folder: Path) -> None:
    """Save ``model`` as float16; ``dtype=torch.float32`` loads the rounded values."""
    round_to_half(model)
    model.half().save_pretrained(folder)
    model.float()


def save_for_text(model: PreTrainedModel, folder: Path) -> None:
    """Save a BLIP model with its tokenizer and preprocessor."""
    save(model, folder)
    tokenizer.build().save(str(folder / "tokenizer.json"))
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_input_names": ["input_ids", "attention_mask"],
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "bos_token": "[DEC]",
            "padding_side": "right",
        },
    )
    _write(folder / "preprocessor_config.json", _preprocessor(crops.CAPTION_SIZE, crops.MEAN, crops.STD, resample=3))


def save_for_masks(model: PreTrainedModel, folder: Path) -> None:
    """Save the segmenter with its preprocessor."""
    save(model, folder)
    size, mean, std = crops.MASK_SIZE, crops.IMAGENET_MEAN, crops.IMAGENET_STD
    _write(folder / "preprocessor_config.json", _preprocessor(size, mean, std, resample=2))


def _preprocessor(size: int, mean: tuple[float, ...], std: tuple[float, ...], *, resample: int) -> dict[str, object]:
    return {
        "image_processor_type": "BlipImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": size, "width": size},
        "resample": resample,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(mean),
        "image_std": list(std),
    }


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
