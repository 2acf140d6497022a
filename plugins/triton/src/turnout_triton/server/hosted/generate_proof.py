"""A program that sends requests to a written ``model.py``: ``python generate_proof.py FOLDER SHAPES``.

FOLDER is a version folder, SHAPES the declared shapes by input name in JSON. It runs the model as Triton does, with a stand-in
for ``triton_python_backend_utils``, and prints JSON: ``{"rows": N}`` if each of N rows gets the same answer alone and in one
request with the others, else ``{"error": "..."}``. Self-contained: it needs numpy and what the model needs.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

ROWS = 3
USUAL_PICTURE = 224
FOLDER, SHAPES = 1, 2


class Tensor:
    """Triton's tensor."""

    def __init__(self, name: str, array: NDArray[Any]) -> None:
        self._name, self._array = name, array

    def name(self) -> str:
        """Return the name."""
        return self._name

    def as_numpy(self) -> NDArray[Any]:
        """Return the array."""
        return self._array


def prove(folder: Path, shapes: Mapping[str, list[int]]) -> dict[str, Any]:
    """Return the result for the version in ``folder``; errors of the load pass through."""
    stand_in = ModuleType("triton_python_backend_utils")
    stand_in.__dict__.update(Tensor=Tensor, TritonError=str, InferenceResponse=_response)
    sys.modules[stand_in.__name__] = stand_in
    model = _read_module(folder / "model.py").TritonPythonModel()
    model.initialize({"model_repository": str(folder.parent), "model_version": folder.name, "model_config": "{}"})
    generator: Any = model._generator
    errors = []
    for inputs in _examples(generator, shapes):
        error = _compare(model, inputs, exact=str(generator._module.dtype) == "torch.float32")
        if not error:
            return {"rows": ROWS}
        errors.append(error)
    return {"error": errors[0]}


def _compare(model: Any, inputs: Arrays, *, exact: bool) -> str:
    """Return the error of the rows of ``inputs``, alone and together; empty if they agree."""
    rows = [{name: array[row : row + 1] for name, array in inputs.items()} for row in range(ROWS)]
    together, *alone = (_ask(model, request) for request in (inputs, *rows))
    for answer in (*alone, together):
        if isinstance(answer, str):
            return answer
    for row, answer in enumerate(alone):
        # In half precision two tokens may tie, and rounding depends on the size of a batch.
        if exact and not np.array_equal(answer[0], together[row]):
            return f"row {row} gets another answer alone than with {ROWS - 1} others"
    return ""


def _ask(model: Any, inputs: Arrays) -> Any:
    """Return ``generated_ids``, or the error as text."""
    request = SimpleNamespace(inputs=lambda: [Tensor(name, array) for name, array in inputs.items()])
    (response,) = model.execute([request])
    return response.error or response.output_tensors[0].as_numpy()


def _examples(generator: Any, shapes: Mapping[str, list[int]]) -> Iterator[Arrays]:
    """Yield requests of ``ROWS`` random pictures: with the placeholders of the picture in the prompt, and without."""
    config = generator._module.config
    random = np.random.default_rng(0)
    size = _picture_size(config)
    declared = shapes.get("pixel_values", [-1, 3, -1, -1])[1:]
    picture = [axis if axis != -1 else size for axis in declared]
    pixels = random.standard_normal((ROWS, *picture), dtype=np.float32)
    image = _first(config, "image_token_index", "image_token_id")
    count = _first(config, "num_query_tokens", "image_seq_length") or 0
    vocabulary = int(generator._text.vocab_size)
    declared_length = shapes.get("input_ids", [-1, -1])[1]
    for placeholders, words in itertools.product(dict.fromkeys((count if image is not None else 0, 0)), (4, 2)):
        length = declared_length if declared_length != -1 else placeholders + words
        ids = random.integers(1, vocabulary, (ROWS, length)) if vocabulary > 1 else np.zeros((ROWS, length), np.int64)
        if image is not None:
            ids = np.where(ids == image, 1 if image != 1 else 0, ids)
            ids[:, :placeholders] = image
        yield {"pixel_values": pixels, "input_ids": ids.astype(np.int64), "attention_mask": np.ones_like(ids, dtype=np.int64)}


def _picture_size(config: Any) -> int:
    for part in (getattr(config, "vision_config", None), getattr(config, "encoder", None), config):
        size = _first(part, "image_size")
        if size:
            return size[0] if isinstance(size, list | tuple) else int(size)
    return USUAL_PICTURE


def _first(config: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(config, name, None)) is not None), None)


def _response(output_tensors: list[Tensor], error: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(output_tensors=output_tensors, error=error)


def _read_module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("model", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{str(file)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up by name.
    sys.modules["model"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(json.dumps(prove(Path(sys.argv[FOLDER]), json.loads(sys.argv[SHAPES]))))  # noqa: T201  the answer to the caller
