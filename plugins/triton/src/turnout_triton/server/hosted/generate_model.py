"""A python model for Triton that hosts ``generate()`` of a transformers model, for models that cannot be exported as a graph.

``pixel_values`` FP32 [-1, 3, H, W], ``input_ids`` INT64 [-1, L], ``attention_mask`` INT64 [-1, L] (prompts padded on the right)
-> ``generated_ids`` INT64 [-1, max_length]. Each row equals ``module.generate(..., do_sample=False)`` of that row alone, cut
after its first end token and filled with the pad token.

This file is the ``model.py`` of a version folder and is self-contained: it needs numpy, torch and transformers. Its settings
are in ``generate.json`` in the same folder, or in ``parameters`` of config.pbtxt, which take precedence: ``class``,
``checkpoint`` (a folder, absolute or relative to this file's, or a name on the hub), ``revision``, ``trust_remote_code``,
``dtype``, ``threads``, ``generate`` (JSON: the arguments of ``generate``).
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUTS = ("pixel_values", "input_ids", "attention_mask")
DEFAULT_TOKENS = 20

# The beginning of a result, for classes where it is neither the prompt nor a decoder's first token.
_STARTS = {"BlipForConditionalGeneration": "prompt_but_last", "BlipForQuestionAnswering": "first_token"}


@dataclass
class Row:
    """A row of a request without padding: pixels FP32 [3, H, W], prompt INT64 [L]; and its generated ids or its error."""

    pixels: NDArray[Any]
    prompt: NDArray[Any]
    result: NDArray[Any] | None = None
    error: str = ""


@dataclass
class GenerateRequest:
    """A request: its rows, the width of its ``generated_ids``, and the error in its inputs, if any."""

    rows: list[Row]
    width: int
    error: str = ""


class TritonPythonModel:
    """The model; Triton calls its methods, one at a time."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the checkpoint."""
        folder = Path(args["model_repository"]) / args["model_version"]
        self._generator = Generator(read_settings(folder, json.loads(args["model_config"])), folder)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Generate the rows of all requests, those of equal prompt length together."""
        utils = importlib.import_module("triton_python_backend_utils")
        read = [self._read(request) for request in requests]
        self._generator.generate([row for request in read for row in request.rows])
        return [self._response(utils, request) for request in read]

    def _read(self, request: Any) -> GenerateRequest:
        arrays = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        try:
            return GenerateRequest(list(rows_of(arrays)), self._generator.width(arrays["input_ids"].shape[1]))
        except ValueError as error:
            return GenerateRequest([], 0, str(error))

    def _response(self, utils: Any, request: GenerateRequest) -> Any:
        problem = request.error or next((row.error for row in request.rows if row.error), "")
        if problem:
            return utils.InferenceResponse(output_tensors=[], error=utils.TritonError(problem))
        generated = np.full((len(request.rows), request.width), self._generator.pad, dtype=np.int64)
        for target, row in zip(generated, request.rows, strict=True):
            if row.result is not None:
                target[: len(row.result)] = row.result
        return utils.InferenceResponse(output_tensors=[utils.Tensor("generated_ids", generated)])


class Generator:
    """A loaded module that generates each row as if it were alone. Not thread-safe; Triton calls one instance at a time."""

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        import torch

        if settings.get("threads"):
            torch.set_num_threads(int(settings["threads"]))
        self._torch = torch
        self._module = load(settings, folder).eval()
        self._start = start_of(self._module)
        self._text = getattr(self._module.config, "text_config", None) or self._module.config
        decoder = getattr(self._module, "text_decoder", None) or getattr(self._module, "language_model", None)
        generating = decoder if decoder is not None and hasattr(decoder, "generation_config") else self._module
        defaults = generating.generation_config
        self._arguments = {name: value for name, value in dict(settings.get("generate") or {}).items() if value is not None}
        self._arguments["do_sample"] = False
        self._limit = self._set_limit(defaults)
        self.ends, self.pad = self._special_tokens(defaults)
        defaults.max_length = defaults.max_new_tokens = None  # otherwise transformers warns of two limits at every call
        defaults.pad_token_id = self.pad

    def width(self, prompt: int) -> int:
        """Return the width of ``generated_ids`` for prompts padded to ``prompt`` tokens."""
        name, value = self._limit
        return value if name == "max_length" else self._start_length(prompt) + value

    def generate(self, rows: Sequence[Row]) -> None:
        """Set the result or the error of each row; if a group fails, its rows are run one by one."""
        groups: dict[tuple[int, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault((len(row.prompt), *row.pixels.shape), []).append(row)
        for group in groups.values():
            if not self._attempt(group) and len(group) > 1:
                for row in group:
                    self._attempt([row])

    def _attempt(self, rows: Sequence[Row]) -> bool:
        try:
            results = self._call(np.stack([row.pixels for row in rows]), np.stack([row.prompt for row in rows]))
        except Exception as error:  # noqa: BLE001  # any error of a model is the error of these rows
            for row in rows:
                row.error = f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}"
            return False
        for row, result in zip(rows, results, strict=True):
            row.result, row.error = result, ""
        return True

    def _call(self, pixels: NDArray[Any], prompts: NDArray[Any]) -> NDArray[Any]:
        torch = self._torch
        ids = torch.from_numpy(prompts)
        self._check_length(ids.shape[1])
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= self._text.vocab_size:
            raise ValueError(
                f"'input_ids' holds token {low if low < 0 else high}; the model knows 0 to {self._text.vocab_size - 1}"
            )
        values = torch.from_numpy(pixels).to(self._module.dtype)
        with torch.inference_mode():
            generated = self._module.generate(
                pixel_values=values, input_ids=ids, attention_mask=torch.ones_like(ids), **self._arguments
            )
        array: NDArray[Any] = generated.numpy().astype(np.int64)
        start = min(self._start_length(ids.shape[1]), array.shape[1])
        ended = np.isin(array[:, start:], self.ends)
        behind = np.cumsum(ended, axis=1) - ended > 0
        array[:, start:][behind] = self.pad
        return array

    def _check_length(self, prompt: int) -> None:
        """Raise ValueError for a prompt on which transformers would fail late, or with an unclear message."""
        if self._start == "prompt_but_last" and prompt < 2:
            raise ValueError("a row of 'input_ids' has 1 token; this model needs 2 or more")
        name, value = self._limit
        if name == "max_length" and self._start_length(prompt) >= value:
            raise ValueError(
                f"a row of 'input_ids' has {prompt} tokens, which leaves no room for an answer within max_length {value}"
            )

    def _start_length(self, prompt: int) -> int:
        return {"prompt_but_last": prompt - 1, "prompt": prompt, "first_token": 1}[self._start]

    def _set_limit(self, defaults: Any) -> tuple[str, int]:
        """Set the limit as an argument and return it: that of the settings, or of the checkpoint, or 20 tokens."""
        own = {name: self._arguments.pop(name) for name in ("max_new_tokens", "max_length") if name in self._arguments}
        theirs = {name: getattr(defaults, name, None) for name in ("max_new_tokens", "max_length")}
        found = next(((name, int(value)) for given in (own, theirs) for name, value in given.items() if value), None)
        limit = found or ("max_new_tokens" if self._start == "prompt" else "max_length", DEFAULT_TOKENS)
        self._arguments[limit[0]] = limit[1]
        return limit

    def _special_tokens(self, defaults: Any) -> tuple[list[int], int]:
        if type(self._module).__name__ in _STARTS:
            return [self._text.sep_token_id], self._text.pad_token_id
        end = defaults.eos_token_id
        ends = list(end) if isinstance(end, list | tuple) else [] if end is None else [end]
        return ends, defaults.pad_token_id if defaults.pad_token_id is not None else next(iter(ends), 0)


def read_settings(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a version: those of ``generate.json``, overridden by the config's parameters."""
    file = folder / "generate.json"
    settings: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    settings |= {name: entry["string_value"] for name, entry in (config.get("parameters") or {}).items()}
    for name in ("generate", "trust_remote_code"):
        if isinstance(settings.get(name), str):
            settings[name] = json.loads(settings[name])
    missing = [name for name in ("class", "checkpoint") if not settings.get(name)]
    if missing:
        raise ValueError(f"neither {str(file)!r} nor the parameters of config.pbtxt have {missing[0]!r}; write it there")
    return settings


def load(settings: Mapping[str, Any], folder: Path) -> Any:
    """Return the module of ``settings``, in their ``dtype`` or float32.

    Raises:
        ValueError: the checkpoint lacks weights.
    """
    import torch
    import transformers

    local = folder / settings["checkpoint"]
    options = {"revision": settings["revision"]} if settings.get("revision") else {}
    module, report = getattr(transformers, settings["class"]).from_pretrained(
        str(local) if local.is_dir() else settings["checkpoint"],
        dtype=getattr(torch, settings.get("dtype") or "float32"),
        trust_remote_code=bool(settings.get("trust_remote_code")),
        output_loading_info=True,
        **options,
    )
    if report["missing_keys"]:
        raise ValueError(
            f"checkpoint {settings['checkpoint']!r} lacks weights: {', '.join(sorted(report['missing_keys'])[:5])}"
        )
    return module


def start_of(module: Any) -> str:
    """Return the kind of beginning of a result of ``module``."""
    known = next((_STARTS[kind.__name__] for kind in type(module).__mro__ if kind.__name__ in _STARTS), None)
    text = getattr(module, "language_model", None)
    config = text.config if text is not None else module.config
    return known or ("first_token" if getattr(config, "is_encoder_decoder", False) else "prompt")


def rows_of(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Row]:
    """Yield the rows of a request without their padding.

    Raises:
        ValueError: an input is missing, the shapes do not match, or a prompt is empty or not padded on the right.
    """
    if set(arrays) != set(INPUTS):
        raise ValueError(f"this model needs the inputs {', '.join(INPUTS)}; got: {', '.join(arrays) or 'none'}")
    pixels, tokens, mask = (arrays[name] for name in INPUTS)
    if tokens.ndim != 2 or mask.shape != tokens.shape or len(pixels) != len(tokens):
        raise ValueError(
            f"shapes do not match: pixel_values {pixels.shape}, input_ids {tokens.shape}, attention_mask {mask.shape}"
        )
    for index, used in enumerate(mask != 0):
        length = int(used.sum())
        if length == 0 or not used[:length].all():
            raise ValueError(
                f"row {index} of 'attention_mask' must be ones, at least one, then zeros: pad prompts on the right"
            )
        yield Row(pixels[index], tokens[index, :length])
