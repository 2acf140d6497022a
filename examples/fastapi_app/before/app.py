"""Answers a question about each object in a picture. POST /answers: `image`, `question`, and `boxes`, a JSON list."""

import json
import math
from pathlib import Path
from typing import Annotated

import torch
from fastapi import FastAPI, Form, HTTPException, UploadFile
from PIL import Image, UnidentifiedImageError
from transformers import AutoTokenizer, BlipForQuestionAnswering, BlipImageProcessorPil

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "answerer"
MARGIN = 0.1

device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
model = BlipForQuestionAnswering.from_pretrained(CHECKPOINT, dtype=torch.float32).to(device)
model.eval()
processor = BlipImageProcessorPil.from_pretrained(CHECKPOINT)
tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)

app = FastAPI()


def read_boxes(text):
    try:
        boxes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"boxes must be JSON: {error}") from error
    if not isinstance(boxes, list):
        raise HTTPException(400, "boxes must be a list of [left, top, right, bottom]")
    return boxes


def crop(picture, box):
    left, top, right, bottom = box
    extra = math.ceil(MARGIN * max(right - left, bottom - top))
    return picture.crop(
        (max(0, left - extra), max(0, top - extra), min(picture.width, right + extra), min(picture.height, bottom + extra))
    )


def prepare(picture, box):
    return processor(crop(picture, box), return_tensors="pt")["pixel_values"].to(device)


@torch.inference_mode()
def answer(pixels, question):
    tokens = tokenizer(question, return_tensors="pt").to(device)
    ids = model.generate(
        pixel_values=pixels, input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], max_length=20
    )
    return tokenizer.decode(ids[0], skip_special_tokens=True)


@app.post("/answers")
async def answers(image: UploadFile, question: Annotated[str, Form()], boxes: Annotated[str, Form()]):
    try:
        picture = Image.open(image.file).convert("RGB")
    except UnidentifiedImageError as error:
        raise HTTPException(400, str(error)) from error
    found = []
    for box in read_boxes(boxes):
        pixels = prepare(picture, box)
        found.append({"box": box, "answer": answer(pixels, question)})
    return {"question": question, "answers": found}
