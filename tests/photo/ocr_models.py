"""The PP-OCR models of the package rapidocr-onnxruntime, and pipelines of them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

FILES = {
    "text_detector": "ch_PP-OCRv4_det_infer.onnx",
    "text_classifier": "ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "text_recognizer": "ch_PP-OCRv4_rec_infer.onnx",
}
# A group of lines is one batch.
BATCHES = {"text_detector": 1, "text_classifier": 6, "text_recognizer": 6}


def model_file(model: str) -> Path:
    """Return the ONNX file of ``model``."""
    found = find_spec("rapidocr_onnxruntime")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "models" / FILES[model]


def settings(backend: str, grpc_url: str = "", **options: Any) -> dict[str, Any]:
    """Return a turnout.yaml of the pipeline ``read``; ``options`` are those of the steps, by name."""
    models = {
        model: {
            "max_batch_size": BATCHES[model],
            "backends": {
                "onnxruntime": {"path": str(model_file(model)), "intra_op_num_threads": 1},
                "triton": {"url": grpc_url or "localhost:8001"},
            },
        }
        for model in FILES
    }
    steps = {"find_text": "text_detector", "turn_text": "text_classifier", "read_text": "text_recognizer"}
    pipeline = ["load_image", *({step: {"model": model, **options.get(step, {})}} for step, model in steps.items())]
    return {"backend": backend, "models": models, "pipelines": {"read": pipeline}}
