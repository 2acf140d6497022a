"""Shows the object in each box of a picture: its mask, what it is, and the answer to a question about it."""

import json
import math
from pathlib import Path

import gradio as gr
import numpy as np
import torch
from PIL import Image
from transformers import (
    AutoModelForImageSegmentation,
    AutoTokenizer,
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    BlipImageProcessorPil,
)

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
MARGIN = 0.1
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def read_boxes(text):
    try:
        boxes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise gr.Error(f"boxes must be JSON: {error}") from error
    if not isinstance(boxes, list):
        raise gr.Error("boxes must be a list of [left, top, right, bottom]")
    return boxes


def load(kind, name, **options):
    return kind.from_pretrained(CHECKPOINTS / name, dtype=torch.float32, **options).eval().to(DEVICE)


captioner = load(BlipForConditionalGeneration, "captioner")
answerer = load(BlipForQuestionAnswering, "answerer")
segmenter = load(AutoModelForImageSegmentation, "segmenter", trust_remote_code=True)
text_processor = BlipImageProcessorPil.from_pretrained(CHECKPOINTS / "captioner")
mask_processor = BlipImageProcessorPil.from_pretrained(CHECKPOINTS / "segmenter")
tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / "captioner")


def widen(box, size):
    left, top, right, bottom = box
    extra = math.ceil(MARGIN * max(right - left, bottom - top))
    return max(0, left - extra), max(0, top - extra), min(size[0], right + extra), min(size[1], bottom + extra)


def to_pixels(processor, crop):
    return processor(crop, return_tensors="pt")["pixel_values"].to(DEVICE)


def to_mask(logits, box, size):
    left, top, right, bottom = box
    fitted = Image.fromarray(logits[0, 0].cpu().numpy()).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    mask = np.zeros((size[1], size[0]), bool)
    mask[top:bottom, left:right] = np.asarray(fitted) >= 0
    return mask


def ask(crop, question):
    tokens = tokenizer(question, return_tensors="pt").to(DEVICE)
    ids = answerer.generate(
        pixel_values=to_pixels(text_processor, crop),
        input_ids=tokens["input_ids"],
        attention_mask=tokens["attention_mask"],
        max_length=20,
    )
    return tokenizer.decode(ids[0], skip_special_tokens=True)


def describe(picture, text, question):
    masks, rows = [], []
    for box in read_boxes(text):
        wide = widen(box, picture.size)
        crop = picture.crop(wide)
        with torch.no_grad():
            logits = segmenter(to_pixels(mask_processor, crop))[-1]
        ids = captioner.generate(pixel_values=to_pixels(text_processor, crop), max_new_tokens=20)
        caption = tokenizer.decode(ids[0], skip_special_tokens=True)
        masks.append((to_mask(logits, wide, picture.size), caption))
        rows.append({"box": box, "caption": caption, "answer": ask(crop, question)})
    return (picture, masks), rows


demo = gr.Interface(
    describe,
    inputs=[
        gr.Image(type="pil", label="Picture"),
        gr.Textbox("[[34, 150, 98, 213]]", label="Boxes, as JSON: [[left, top, right, bottom], ...]"),
        gr.Textbox("what color is it?", label="Question"),
    ],
    outputs=[gr.AnnotatedImage(label="Masks"), gr.JSON(label="Objects")],
    title="Objects in a picture",
    api_name="describe",
    flagging_mode="never",
)

if __name__ == "__main__":
    demo.launch()
