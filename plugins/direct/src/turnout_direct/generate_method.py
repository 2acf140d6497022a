"""Method ``generate``: a vision-language model generates the answers.

``pixel_values`` FP32 [-1, 3, H, W], ``input_ids`` INT64 [-1, L], ``attention_mask`` INT64 [-1, L] (prompts padded on the right)
-> ``generated_ids`` INT64 [-1, max_length].

Each row equals the answer of ``module.generate(..., do_sample=False)`` to that row alone, without padding. It starts with the
same tokens as in transformers, ends after its first end token, and is filled with the pad token. A padded batch in transformers
gives other answers: there a row depends on its neighbors. So rows are generated in groups of equal prompt length. In float32 a
group gives the same tokens as single rows; in half precision two tokens can tie, and the answers may differ.

The width is ``max_length`` if that is set. Else it is ``max_new_tokens`` plus the start of an answer, for the padded length L
of the request: L - 1 for BLIP captions (transformers drops the prompt's last token), L for BLIP-2 with a decoder only, 1 for
BLIP question answering and for BLIP-2 with encoder and decoder. If neither is set, the checkpoint's own generation settings
apply. If those set no limit, ``max_length`` is 20, so that an exported graph, whose width is fixed, gives the same answers;
BLIP-2 prompts are longer than that and get 20 new tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import InvalidTensorError
from turnout.tensors import TensorSpec
from turnout_direct.generation_family import family_of
from turnout_direct.generation_options import GenerationOptions
from turnout_direct.length_limit import generated_width, limit_of
from turnout_direct.prompt_groups import PromptGroup, group_prompts

if TYPE_CHECKING:
    import torch


class GenerateMethod:
    """Generates answers that do not depend on other rows. Thread-safe: ``generate`` stores nothing in the module."""

    def __init__(self, module: torch.nn.Module, model: ModelDeclaration, options: GenerationOptions) -> None:
        self._module = module
        self._model = model
        self._family = family_of(module, model.name)
        self._limit = limit_of(self._family, options)
        # If the options set a limit, it is this one, under the same name.
        self._arguments = options.arguments() | self._limit.arguments()
        self._configure_decoder()

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        # Check every group before the first one generates, so that a wrong row fails at once.
        groups = list(group_prompts(inputs, self._model.name))
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
        """Return the declared inputs and outputs, else the three inputs and ``generated_ids``."""
        output = TensorSpec("generated_ids", "INT64", (-1, self._limit.max_length or -1))
        return ModelSignature(self._model.inputs or self._family.input_specs(), self._model.outputs or (output,))

    def _generate(self, group: PromptGroup) -> torch.Tensor:
        """Return INT64 [G, <= width]: each row up to its first end token, then the pad token."""
        import torch

        answer = self._module.generate(
            pixel_values=group.pixel_values,
            input_ids=group.input_ids,
            attention_mask=torch.ones_like(group.input_ids),
            **self._arguments,
        )
        start = self._family.start_length(group.input_ids.shape[1])
        ends = torch.tensor(self._family.ends, dtype=answer.dtype, device=answer.device)
        # With a pad token of 0, beam search in transformers pads finished rows with the end token; keep the first one only.
        is_end = torch.isin(answer[:, start:], ends).int()
        after_end = torch.nn.functional.pad(is_end.cumsum(dim=1) - is_end, (start, 0)) > 0
        return answer.masked_fill(after_end, self._family.pad)

    def _check(self, group: PromptGroup) -> None:
        """Raise InvalidTensorError for prompts on which transformers fails late or mixes rows."""
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
                f"'input_ids' contains token {low if low < 0 else high}; model {name!r} accepts 0 to {family.vocabulary - 1}; "
                "use the tokenizer of its checkpoint"
            )
        if family.image_token is not None:
            self._check_image_tokens(group)

    def _check_image_tokens(self, group: PromptGroup) -> None:
        found = (group.input_ids == self._family.image_token).sum(dim=1)
        wrong = (found != self._family.image_tokens).nonzero()
        if len(wrong):
            index = int(wrong[0])
            raise InvalidTensorError(
                f"row {int(group.rows[index])} of 'input_ids' has {int(found[index])} image tokens "
                f"({self._family.image_token}); model {self._model.name!r} needs {self._family.image_tokens}; "
                "use the processor of its checkpoint"
            )

    def _configure_decoder(self) -> None:
        # transformers warns at every call about a second limit and about a missing pad token.
        settings = self._family.decoder.generation_config
        settings.max_length = settings.max_new_tokens = None
        settings.pad_token_id = self._family.pad
