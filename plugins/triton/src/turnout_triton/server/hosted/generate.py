"""Hosts ``generate()`` of a transformers model in Triton's python backend: for what cannot be exported as a graph.

``pixel_values`` FP32 [-1, 3, H, W], ``input_ids`` INT64 [-1, L], ``attention_mask`` INT64 [-1, L] (prompts padded on the right)
-> ``generated_ids`` INT64 [-1, max_length]. Each row is what ``module.generate(..., do_sample=False)`` answers to that row
alone, cut behind its first end token, then filled with the pad token.

This file is the ``model.py`` of a model's version folder and stands alone: it needs numpy, torch and transformers. Its settings
are in ``generate.json`` beside it, or in ``parameters`` of config.pbtxt, which come first: ``class``, ``checkpoint`` (a folder,
relative ones start at this file's, or a name on the hub), ``revision``, ``trust_remote_code``, ``dtype``, ``threads``,
``generate`` (JSON: what ``generate`` is told, in its own words).
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

# What an answer begins with, where it is neither the prompt nor a decoder's first token.
_STARTS = {"BlipForConditionalGeneration": "prompt_but_last", "BlipForQuestionAnswering": "first_token"}


@dataclass
class Row:
    """A row of a request, without padding, and in the end its answer or what went wrong."""

    pixels: NDArray[Any]
    prompt: NDArray[Any]
    answer: NDArray[Any] | None = None
    error: str = ""


@dataclass
class Question:
    """A request: its rows, how wide its answer is, and what is wrong with it."""

    rows: list[Row]
    width: int
    error: str = ""


class TritonPythonModel:
    """The model; Triton calls its methods, one at a time."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the checkpoint."""
        folder = Path(args["model_repository"]) / args["model_version"]
        self._generate = Generate(read_settings(folder, json.loads(args["model_config"])), folder)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the rows of all requests, those of equal prompt length together."""
        utils = importlib.import_module("triton_python_backend_utils")
        asked = [self._read(request) for request in requests]
        self._generate.answer([row for question in asked for row in question.rows])
        return [self._response(utils, question) for question in asked]

    def _read(self, request: Any) -> Question:
        arrays = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        try:
            return Question(list(rows_of(arrays)), self._generate.width(arrays["input_ids"].shape[1]))
        except ValueError as error:
            return Question([], 0, str(error))

    def _response(self, utils: Any, question: Question) -> Any:
        problem = question.error or next((row.error for row in question.rows if row.error), "")
        if problem:
            return utils.InferenceResponse(output_tensors=[], error=utils.TritonError(problem))
        generated = np.full((len(question.rows), question.width), self._generate.pad, dtype=np.int64)
        for target, row in zip(generated, question.rows, strict=True):
            if row.answer is not None:
                target[: len(row.answer)] = row.answer
        return utils.InferenceResponse(output_tensors=[utils.Tensor("generated_ids", generated)])


class Generate:
    """Generates answers row by row, as the module's docstring says."""

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        import torch

        if settings.get("threads"):
            torch.set_num_threads(int(settings["threads"]))
        self._torch = torch
        self._module = load(settings, folder).eval()
        self._start = start_of(self._module)
        self._text = getattr(self._module.config, "text_config", None) or self._module.config
        decoder = getattr(self._module, "text_decoder", None) or getattr(self._module, "language_model", None)
        known = (decoder if decoder is not None and hasattr(decoder, "generation_config") else self._module).generation_config
        self._arguments = {name: value for name, value in dict(settings.get("generate") or {}).items() if value is not None}
        self._arguments["do_sample"] = False
        self._limit = self._take_limit(known)
        self.ends, self.pad = self._special_tokens(known)
        known.max_length = known.max_new_tokens = None  # else transformers warns of two limits at every call
        known.pad_token_id = self.pad

    def width(self, prompt: int) -> int:
        """Return the width of ``generated_ids`` for prompts padded to ``prompt`` tokens."""
        name, value = self._limit
        return value if name == "max_length" else self._start_length(prompt) + value

    def answer(self, rows: Sequence[Row]) -> None:
        """Set the answer of each row, or its error; where a group fails, its rows are asked one by one."""
        groups: dict[tuple[int, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault((len(row.prompt), *row.pixels.shape), []).append(row)
        for group in groups.values():
            if not self._attempt(group) and len(group) > 1:
                for row in group:
                    self._attempt([row])

    def _attempt(self, rows: Sequence[Row]) -> bool:
        try:
            answers = self._call(np.stack([row.pixels for row in rows]), np.stack([row.prompt for row in rows]))
        except Exception as error:  # noqa: BLE001  # whatever a model raises becomes the answer of these rows
            for row in rows:
                row.error = f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}"
            return False
        for row, answer in zip(rows, answers, strict=True):
            row.answer, row.error = answer, ""
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
            answer = self._module.generate(
                pixel_values=values, input_ids=ids, attention_mask=torch.ones_like(ids), **self._arguments
            )
        array: NDArray[Any] = answer.numpy().astype(np.int64)
        start = min(self._start_length(ids.shape[1]), array.shape[1])
        ended = np.isin(array[:, start:], self.ends)
        behind = np.cumsum(ended, axis=1) - ended > 0
        array[:, start:][behind] = self.pad
        return array

    def _check_length(self, prompt: int) -> None:
        """Refuse prompts on which transformers fails late, or in words of its own."""
        if self._start == "prompt_but_last" and prompt < 2:
            raise ValueError("a row of 'input_ids' has 1 token; this model needs 2 or more")
        name, value = self._limit
        if name == "max_length" and self._start_length(prompt) >= value:
            raise ValueError(
                f"a row of 'input_ids' has {prompt} tokens, which leaves no room for an answer within max_length {value}"
            )

    def _start_length(self, prompt: int) -> int:
        return {"prompt_but_last": prompt - 1, "prompt": prompt, "first_token": 1}[self._start]

    def _take_limit(self, known: Any) -> tuple[str, int]:
        """Return the limit that counts: the settings', else the checkpoint's, else 20; and keep it as an argument."""
        own = {name: self._arguments.pop(name) for name in ("max_new_tokens", "max_length") if name in self._arguments}
        theirs = {name: getattr(known, name, None) for name in ("max_new_tokens", "max_length")}
        found = next(((name, int(value)) for given in (own, theirs) for name, value in given.items() if value), None)
        limit = found or ("max_new_tokens" if self._start == "prompt" else "max_length", DEFAULT_TOKENS)
        self._arguments[limit[0]] = limit[1]
        return limit

    def _special_tokens(self, known: Any) -> tuple[list[int], int]:
        if type(self._module).__name__ in _STARTS:
            return [self._text.sep_token_id], self._text.pad_token_id
        end = known.eos_token_id
        ends = list(end) if isinstance(end, list | tuple) else [] if end is None else [end]
        return ends, known.pad_token_id if known.pad_token_id is not None else next(iter(ends), 0)


def read_settings(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a version: those of ``generate.json``, with the config's parameters over them."""
    file = folder / "generate.json"
    settings: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    settings |= {name: entry["string_value"] for name, entry in (config.get("parameters") or {}).items()}
    for name in ("generate", "trust_remote_code"):
        if isinstance(settings.get(name), str):
            settings[name] = json.loads(settings[name])
    missing = [name for name in ("class", "checkpoint") if not settings.get(name)]
    if missing:
        raise ValueError(f"neither {str(file)!r} nor the parameters of config.pbtxt say {missing[0]!r}; write it there")
    return settings


def load(settings: Mapping[str, Any], folder: Path) -> Any:
    """Return the module that ``settings`` describe, in its own ``dtype`` or float32; weights that lack are refused."""
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
    """Return what an answer of ``module`` begins with."""
    known = next((_STARTS[kind.__name__] for kind in type(module).__mro__ if kind.__name__ in _STARTS), None)
    text = getattr(module, "language_model", None)
    config = text.config if text is not None else module.config
    return known or ("first_token" if getattr(config, "is_encoder_decoder", False) else "prompt")


def rows_of(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Row]:
    """Yield the rows of a request without their padding.

    Raises:
        ValueError: an input lacks or the shapes do not fit, or a prompt is empty or not padded on the right.
    """
    if set(arrays) != set(INPUTS):
        raise ValueError(f"this model generates from {', '.join(INPUTS)}; got: {', '.join(arrays) or 'nothing'}")
    pixels, tokens, mask = (arrays[name] for name in INPUTS)
    if tokens.ndim != 2 or mask.shape != tokens.shape or len(pixels) != len(tokens):
        raise ValueError(
            f"shapes do not fit: pixel_values {pixels.shape}, input_ids {tokens.shape}, attention_mask {mask.shape}"
        )
    for index, used in enumerate(mask != 0):
        length = int(used.sum())
        if length == 0 or not used[:length].all():
            raise ValueError(
                f"row {index} of 'attention_mask' must be ones, at least one, then zeros: pad prompts on the right"
            )
        yield Row(pixels[index], tokens[index, :length])
