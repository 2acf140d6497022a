"""Crops of a picture as a model's input, and masks of a crop pasted into the picture."""

from __future__ import annotations

import numpy as np
from examples.training.scenes import Box
from numpy.typing import NDArray
from PIL import Image

MARGIN = 0.10
CAPTION_SIZE = 96
MASK_SIZE = 128
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def add_margin(box: Box, size: tuple[int, int]) -> Box:
    """Return the box with ``MARGIN`` of its larger side added on each side, clipped to ``size`` (width, height)."""
    left, top, right, bottom = box
    margin = round(MARGIN * max(right - left, bottom - top))
    return max(0, left - margin), max(0, top - margin), min(size[0], right + margin), min(size[1], bottom + margin)


def crop(picture: Image.Image, box: Box) -> Image.Image:
    """Return the part of the picture that a model receives for a box: the box with its margin."""
    return picture.crop(add_margin(box, picture.size))


def resize_for_captions(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the picture in the size of the captioner and the answerer: uint8 [96, 96, 3], bicubic."""
    return np.asarray(picture.convert("RGB").resize((CAPTION_SIZE, CAPTION_SIZE), Image.Resampling.BICUBIC))


def resize_for_masks(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the picture in the size of the segmenter: uint8 [128, 128, 3], bilinear."""
    return np.asarray(picture.convert("RGB").resize((MASK_SIZE, MASK_SIZE), Image.Resampling.BILINEAR))


def normalize(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return BLIP's ``pixel_values`` FP32 [batch, 3, 96, 96] of uint8 [batch, 96, 96, 3]."""
    return _normalize(pixels, MEAN, STD)


def normalize_imagenet(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the segmenter's ``pixel_values`` FP32 [batch, 3, 128, 128] of uint8 [batch, 128, 128, 3]."""
    return _normalize(pixels, IMAGENET_MEAN, IMAGENET_STD)


def paste_mask(logits: NDArray[np.float32], box: Box, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask of the whole picture, bool [height, width], from the logits of a box's crop, FP32 [h, w]."""
    left, top, right, bottom = add_margin(box, size)
    fitted = Image.fromarray(logits).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    mask = np.zeros((size[1], size[0]), bool)
    mask[top:bottom, left:right] = np.asarray(fitted) > 0
    return mask


def _normalize(pixels: NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...]) -> NDArray[np.float32]:
    scaled = (pixels.astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)
