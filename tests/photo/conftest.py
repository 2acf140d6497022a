"""Fixtures: pictures with text, what rapidocr reads in them, and a real Triton server with its models."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rapidocr_onnxruntime import RapidOCR
from skimage import data
from tests.photo.ocr_models import BATCHES, FILES, model_file

from turnout_triton.server import LocalServer, ServerOptions
from turnout_vision.pictures.images import read_picture

PICTURES = Path(__file__).parent / "pictures"
Line = tuple[list[list[float]], str, float]


@pytest.fixture(scope="session")
def pictures() -> dict[str, NDArray[np.uint8]]:
    """Return pictures by name: RapidOCR's, scikit-image's, and changed ones."""
    found = {file.stem: read_picture(file) for file in sorted(PICTURES.glob("*.*g"))}
    page = np.stack([data.page()] * 3, axis=-1)
    words = found["text_cls"]
    return {
        **found,
        "page": page,
        "text": np.stack([data.text()] * 3, axis=-1),
        "coffee": data.coffee(),
        "page upside down": np.ascontiguousarray(page[::-1, ::-1]),
        "page upwards": np.ascontiguousarray(np.rot90(page)),
        "flat": words[:12],
        "larger than the limit": np.ascontiguousarray(np.repeat(np.repeat(found["issue_170"], 3, axis=0), 3, axis=1)),
    }


@pytest.fixture(scope="session")
def rapidocr() -> Any:
    """Return rapidocr's own reader."""
    return RapidOCR(intra_op_num_threads=1)


@pytest.fixture(scope="session")
def expected(rapidocr: Any, pictures: dict[str, NDArray[np.uint8]]) -> dict[str, list[Line]]:
    """Return the polygon, the text and the score of each line that rapidocr reads, by the name of the picture."""
    # It takes arrays in OpenCV's order of colors.
    read = {name: rapidocr(np.ascontiguousarray(picture[:, :, ::-1]))[0] for name, picture in pictures.items()}
    return {name: [(polygon, text, score) for polygon, text, score in lines or ()] for name, lines in read.items()}


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Yield a real Triton with the three models."""
    repository = tmp_path_factory.mktemp("repository")
    for model in FILES:
        folder = repository / model
        (folder / "1").mkdir(parents=True)
        shutil.copy(model_file(model), folder / "1" / "model.onnx")
        config = (
            f'backend: "onnxruntime"\nmax_batch_size: {BATCHES[model]}\ndynamic_batching {{}}\ninstance_group {{ count: 1 }}\n'
        )
        (folder / "config.pbtxt").write_text(config, "utf-8")
    with LocalServer(repository, ServerOptions(grace_seconds=0)) as server:
        yield server
