"""Families of generating models: the inputs, the start and the end of their answers, their special tokens."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from turnout.errors import ModelLoadError
from turnout.tensors import TensorSpec
from turnout_direct.generating_classes import GENERATING

if TYPE_CHECKING:
    import torch

Start = Literal["prompt_but_last", "prompt", "first_token"]
Prompt = Literal["input_ids", "decoder_input_ids"]


@dataclass(frozen=True, slots=True)
class GenerationFamily:
    """The token contract of a generating model.

    Attributes:
        start: the start of an answer: the prompt without its last token, the prompt, or the decoder's first token.
        decoder: the module whose ``generation_config`` applies.
        vocabulary: the number of token ids.
        ends: the ids that end an answer.
        pad: the id that fills a row after its end.
        shortest: the minimum number of tokens in a prompt.
        pictures: the inputs that are no prompt, the picture first.
        prompt: the argument of ``generate()`` that the prompt is; None if the model has no prompts.
        default_prompt: ``input_ids`` of a row without a prompt, or None if a prompt is required.
        first_token: the id that each prompt must start with; None if any may.
        image_token: the id of the image's placeholder in a prompt; None if prompts have no placeholder.
        count_image_tokens: returns the number of placeholders that a prompt must have for a picture of some height and width.
    """

    start: Start
    decoder: torch.nn.Module
    vocabulary: int
    ends: tuple[int, ...]
    pad: int
    shortest: int
    pictures: tuple[TensorSpec, ...]
    prompt: Prompt | None = "input_ids"
    default_prompt: tuple[int, ...] | None = None
    first_token: int | None = None
    image_token: int | None = None
    count_image_tokens: Callable[[int, int], int] = lambda height, width: 0

    @property
    def image_tokens(self) -> int:
        """The number of placeholders for a picture of the declared size; 0 if that is free."""
        height, width = (self.pictures[0].shape or ())[-2:]
        return self.count_image_tokens(height, width) if -1 not in (height, width) else 0

    def start_length(self, prompt: int) -> int:
        """Return the number of tokens at the start of an answer that are not generated, for a prompt of ``prompt`` tokens."""
        return {"prompt_but_last": prompt - 1, "prompt": prompt, "first_token": 1}[self.start]

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Return ``pictures``, and for a model with prompts ``input_ids`` and ``attention_mask`` INT64 [-1, -1]."""
        prompts = ("input_ids", "attention_mask") if self.prompt is not None else ()
        return (*self.pictures, *(TensorSpec(name, "INT64", (-1, -1)) for name in prompts))


def family_of(module: torch.nn.Module, model: str) -> GenerationFamily:
    """Return the family of ``module``, by its class or a base class.

    Raises:
        ModelLoadError: the class is not supported, or its config lacks a token.
    """
    name = next((kind.__name__ for kind in type(module).__mro__ if kind.__name__ in GENERATING), None)
    if name is None:
        raise ModelLoadError(
            f"model {model!r}: 'method: generate' supports {', '.join(GENERATING)}, not {type(module).__name__!r}; "
            "use 'method: forward', or a factory whose module generates in its forward"
        )
    path, _, function = GENERATING[name].partition(":")
    family: Callable[[torch.nn.Module, str], GenerationFamily] = getattr(importlib.import_module(path), function)
    return family(module, model)
