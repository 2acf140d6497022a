"""Names and cuts out the objects in a picture. POST /objects: a picture as `image`, boxes as `boxes`, a JSON list."""

import base64
import io
import json
import math
from pathlib import Path

import numpy as np
import torch
from flask import Flask, abort, jsonify, request
from PIL import Image, UnidentifiedImageError
from transformers import AutoModelForImageSegmentation, AutoTokenizer, BlipForConditionalGeneration, BlipImageProcessorPil

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MARGIN = 0.1

captioner = BlipForConditionalGeneration.from_pretrained(CHECKPOINTS / "captioner", dtype=torch.float32).eval().to(DEVICE)
caption_processor = BlipImageProcessorPil.from_pretrained(CHECKPOINTS / "captioner")
tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / "captioner")
segmenter = AutoModelForImageSegmentation.from_pretrained(
    CHECKPOINTS / "segmenter", trust_remote_code=True, dtype=torch.float32
)
segmenter.eval().to(DEVICE)
mask_processor = BlipImageProcessorPil.from_pretrained(CHECKPOINTS / "segmenter")

app = Flask(__name__)


def read_boxes(text):
    try:
        boxes = json.loads(text)
    except (ValueError, RecursionError) as error:
        abort(400, f"boxes must be JSON: {error}")
    if not isinstance(boxes, list):
        abort(400, "boxes must be a list of [left, top, right, bottom]")
    return boxes


def widen(box, size):
    """Return the box with a margin, clipped to the picture."""
    left, top, right, bottom = box
    extra = math.ceil(MARGIN * max(right - left, bottom - top))
    return max(0, left - extra), max(0, top - extra), min(size[0], right + extra), min(size[1], bottom + extra)


def caption(crop):
    pixels = caption_processor(crop, return_tensors="pt")["pixel_values"].to(DEVICE)
    ids = captioner.generate(pixel_values=pixels, max_new_tokens=20)
    return tokenizer.decode(ids[0], skip_special_tokens=True)


def segment(crop):
    pixels = mask_processor(crop, return_tensors="pt")["pixel_values"].to(DEVICE)
    with torch.no_grad():
        return segmenter(pixels)[-1]


def paste(logits, box, size):
    """Return the mask of the whole picture: True where the object is."""
    left, top, right, bottom = box
    fitted = Image.fromarray(logits[0, 0].cpu().numpy()).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    mask = np.zeros((size[1], size[0]), bool)
    mask[top:bottom, left:right] = np.asarray(fitted) >= 0
    return mask


def to_png(mask):
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@app.post("/objects")
def objects():
    try:
        picture = Image.open(request.files["image"]).convert("RGB")
    except UnidentifiedImageError as error:
        abort(400, str(error))
    found = []
    for box in read_boxes(request.form["boxes"]):
        wide = widen(box, picture.size)
        crop = picture.crop(wide)
        logits = segment(crop)
        found.append({"box": box, "caption": caption(crop), "mask": to_png(paste(logits, wide, picture.size))})
    return jsonify(objects=found)
