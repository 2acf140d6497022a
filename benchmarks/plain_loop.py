"""The pipeline ``describe`` of the demo as a user writes it by hand: one picture after the other, no Turnout.

Sessions of ONNX Runtime with its default threads (0, one for each core) or a number; Pillow, numpy, tokenizers. The picture is
decoded once, and prepared once for the two BLIP models, whose image processors are equal. A JSON line per picture.

    python benchmarks/plain_loop.py 0 results.jsonl photo.jpg ...        # in the folder of the demo
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps
from tokenizers import Tokenizer

QUESTION = "what colour is it?"
BLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def open_session(name: str, threads: int) -> onnxruntime.InferenceSession:
    """Return a session of the demo's model; 0 threads are ONNX Runtime's default, one for each core."""
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(f"model_repository/{name}/1/model.onnx", options, providers=["CPUExecutionProvider"])


def prepare(image: Image.Image, side: int, resample: int, values: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Return FP32 [1, 3, side, side]."""
    small = np.asarray(image.resize((side, side), resample), np.float32) / 255
    mean, std = (np.float32(each) for each in values)
    return np.ascontiguousarray(((small - mean) / std).transpose(2, 0, 1))[np.newaxis]


def generate(session: onnxruntime.InferenceSession, pixels: np.ndarray, prompt: list[int]) -> list[int]:
    """Return the generated ids up to the separator."""
    tokens = np.array([prompt], np.int64)
    feed = {"pixel_values": pixels, "input_ids": tokens, "attention_mask": np.ones_like(tokens)}
    ids = session.run(["generated_ids"], feed)[0][0].tolist()
    return ids[: ids.index(3, 1)] if 3 in ids[1:] else ids


def main() -> None:
    """Describe every picture."""
    threads, out, *pictures = sys.argv[1:]
    names = ("birefnet", "blip_caption", "blip_vqa")
    segmenter, captioner, answerer = (open_session(name, int(threads)) for name in names)
    words = Tokenizer.from_file("examples/checkpoints/captioner/tokenizer.json")
    prompt, question = words.encode("").ids, words.encode(QUESTION).ids
    with Path(out).open("w") as lines:
        for picture in pictures:
            start = time.perf_counter()
            with Image.open(picture) as file:
                image = ImageOps.exif_transpose(file).convert("RGB")
            logits = segmenter.run(["logits"], {"pixel_values": prepare(image, 128, 2, IMAGENET)})[0][0, 0]
            mask = np.asarray(Image.fromarray(logits).resize(image.size, Image.Resampling.BILINEAR)) >= 0
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1] if rows.size else None
            pixels = prepare(image, 96, 3, BLIP)
            caption = words.decode(generate(captioner, pixels, prompt), skip_special_tokens=True).strip()
            answer = words.decode(generate(answerer, pixels, question), skip_special_tokens=True).strip()
            region = {"caption": caption, "answer": answer, "mask": {"area": int(mask.sum()), "box": box}}
            seconds = round(time.perf_counter() - start, 4)
            lines.write(json.dumps({"image": picture, "ok": True, "regions": [region], "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
