"""Answering with ``generate`` of a vision-language model.

``pixel_values`` FP32 [-1, 3, H, W], ``input_ids`` INT64 [-1, L], ``attention_mask`` INT64 [-1, L] (prompts padded on the right)
-> ``generated_ids`` INT64 [-1, max_length].

Each row is what ``module.generate(..., do_sample=False)`` answers to that row alone, without its padding: it begins with what
transformers begins with, is cut behind its first end token, then filled with the pad token. transformers' own padded batches
are something else: there a row's answer depends on its neighbours. So rows are generated in groups of equal prompt length.
In float32 a group gives the tokens of single rows; in half precision two tokens can be equally likely, and then may differ.

The width is ``max_length`` if that is set. Otherwise it is ``max_new_tokens`` plus what an answer begins with, for the padded
length L of the request: L - 1 for BLIP captions (transformers drops the prompt's last token), L for BLIP-2 with a decoder only,
1 for BLIP's answers and for BLIP-2 with encoder and decoder. If neither is set, the checkpoint's own generation settings count.
If those say nothing, it is a ``max_length`` of 20, so that an exported graph, whose width is fixed, answers the same; prompts
of BLIP-2 are longer than that, and get 20 new tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import InvalidTensorError
from turnout.tensors import TensorSpec
from turnout_direct.families import Family, family_of
from turnout_direct.generate_options import GenerateOptions
from turnout_direct.prompts import Group, groups_of

if TYPE_CHECKING:
    import torch

DEFAULT_TOKENS = 20


@dataclass(frozen=True, slots=True)
class Limit:
    """The length of an answer: ``max_length`` with its beginning, or ``max_new_tokens`` behind it; one of them is set."""

    max_length: int | None
    max_new_tokens: int | None

    def arguments(self) -> dict[str, int]:
        """Return the limit as a keyword argument of ``generate``."""
        if self.max_length is not None:
            return {"max_length": self.max_length}
        return {"max_new_tokens": self.max_new_tokens or DEFAULT_TOKENS}


def limit_of(family: Family, options: GenerateOptions) -> Limit:
    """Return the limit that counts: the options', else the checkpoint's, else the default."""
    for settings in (options, family.decoder.generation_config):
        if settings.max_new_tokens is not None:
            return Limit(None, settings.max_new_tokens)
        if settings.max_length is not None:
            return Limit(settings.max_length, None)
    return Limit(None, DEFAULT_TOKENS) if family.start == "prompt" else Limit(DEFAULT_TOKENS, None)


def generated_width(family: Family, limit: Limit, prompt_length: int) -> int:
    """Return the width of ``generated_ids`` for prompts padded to ``prompt_length`` tokens."""
    if limit.max_length is not None:
        return limit.max_length
    return family.start_length(prompt_length) + (limit.max_new_tokens or DEFAULT_TOKENS)


class Generate:
    """Generates answers row by row, as the module's docstring says. Thread-safe: ``generate`` keeps nothing in the module."""

    def __init__(self, module: torch.nn.Module, model: ModelDeclaration, options: GenerateOptions) -> None:
        self._module = module
        self._model = model
        self._family = family_of(module, model.name)
        self._limit = limit_of(self._family, options)
        limits = {"max_length", "max_new_tokens"}
        given = {name: value for name, value in options.arguments().items() if name not in limits}
        self._arguments = given | self._limit.arguments()
        self._settle()

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        groups = list(groups_of(inputs, self._model.name))
        for group in groups:
            self._check(group)
        tokens = inputs["input_ids"]
        width = generated_width(self._family, self._limit, tokens.shape[1])
        generated = tokens.new_full((tokens.shape[0], width), self._family.pad)
        for group in groups:
            answer = self._generate(group)
            generated[group.rows, : answer.shape[1]] = answer
        return {"generated_ids": generated}

    def signature(self) -> ModelSignature:
        """Return the declared inputs and outputs; where there are none, those of the module's docstring."""
        size = self._family.picture_size
        inputs = (
            TensorSpec("pixel_values", "FP32", (-1, 3, size, size)),
            TensorSpec("input_ids", "INT64", (-1, -1)),
            TensorSpec("attention_mask", "INT64", (-1, -1)),
        )
        output = TensorSpec("generated_ids", "INT64", (-1, self._limit.max_length or -1))
        return ModelSignature(self._model.inputs or inputs, self._model.outputs or (output,))

    def _generate(self, group: Group) -> torch.Tensor:
        """Return INT64 [G, <= width]: each row cut behind its first end token, the rest filled with the pad token."""
        import torch

        answer = self._module.generate(
            pixel_values=group.pixel_values,
            input_ids=group.input_ids,
            attention_mask=torch.ones_like(group.input_ids),
            **self._arguments,
        )
        start = self._family.start_length(group.input_ids.shape[1])
        ends = torch.tensor(self._family.ends, dtype=answer.dtype, device=answer.device)
        is_end = torch.isin(answer[:, start:], ends).int()
        behind_end = torch.nn.functional.pad(is_end.cumsum(dim=1) - is_end, (start, 0)) > 0
        return answer.masked_fill(behind_end, self._family.pad)

    def _check(self, group: Group) -> None:
        """Refuse prompts on which transformers fails late, or lets rows mix."""
        family, name = self._family, self._model.name
        length = group.input_ids.shape[1]
        row = int(group.rows[0])
        if length < family.shortest:
            raise InvalidTensorError(
                f"row {row} of 'input_ids' has {length} token; model {name!r} needs {family.shortest} or more"
            )
        if self._limit.max_length is not None and family.start_length(length) >= self._limit.max_length:
            raise InvalidTensorError(
                f"row {row} of 'input_ids' has {length} tokens, which leaves no room for an answer within max_length "
                f"{self._limit.max_length} of model {name!r}; send a shorter prompt, or raise 'max_length'"
            )
        low, high = int(group.input_ids.min()), int(group.input_ids.max())
        if low < 0 or high >= family.vocabulary:
            raise InvalidTensorError(
                f"'input_ids' holds token {low if low < 0 else high}; model {name!r} knows 0 to {family.vocabulary - 1}; "
                "use the tokenizer of its checkpoint"
            )
        if family.image_token is not None:
            self._check_image_tokens(group)

    def _check_image_tokens(self, group: Group) -> None:
        found = (group.input_ids == self._family.image_token).sum(dim=1)
        wrong = (found != self._family.image_tokens).nonzero()
        if len(wrong):
            index = int(wrong[0])
            raise InvalidTensorError(
                f"row {int(group.rows[index])} of 'input_ids' has {int(found[index])} image tokens "
                f"({self._family.image_token}); model {self._model.name!r} needs {self._family.image_tokens}; "
                "use the processor of its checkpoint"
            )

    def _settle(self) -> None:
        """Set what transformers would otherwise warn of at every call: a second limit, no pad token."""
        settings = self._family.decoder.generation_config
        settings.max_length = settings.max_new_tokens = None
        settings.pad_token_id = self._family.pad
