"""Method ``generate``: a vision-language model generates the answers.

``pixel_values`` FP32 [-1, 3, H, W], ``input_ids`` INT64 [-1, L], ``attention_mask`` INT64 [-1, L] (prompts padded on the right)
-> ``generated_ids`` INT64 [-1, max_length]. Where an empty prompt exists, ``pixel_values`` alone are enough if turnout.yaml
declares no other input. InstructBLIP takes ``qformer_input_ids`` and ``qformer_attention_mask`` INT64 [-1, Q] too; Pix2Struct
takes ``flattened_patches`` FP32 [-1, P, 770] and ``attention_mask`` FP32 [-1, P], and no prompt.

Each row equals the answer of ``module.generate(..., do_sample=False)`` to that row alone, without padding. It starts with the
same tokens as in transformers, ends after its first end token, and is filled with the pad token. A padded batch in transformers
gives other answers: there a row depends on its neighbors. So rows are generated in groups of equal prompt length. In float32 a
group gives the same tokens as single rows; in half precision two tokens can tie, and the answers may differ.

The width is ``max_length`` if that is set. Else it is ``max_new_tokens`` plus the start of an answer, for the padded length L
of the request: L - 1 for BLIP captions (transformers drops the prompt's last token), L for BLIP-2 with a decoder only and for
VisionEncoderDecoder, whose prompt is the start of the decoder's text, 1 for the others, whose encoder reads the prompt. If
neither is set, the checkpoint's own generation settings apply. If those set no limit, ``max_length`` is 20, so that an exported
graph, whose width is fixed, gives the same answers; prompts of BLIP-2 with a decoder only are longer than that and get 20 new
tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from turnout import ModelDeclaration, ModelSignature
from turnout.tensors import TensorSpec
from turnout_direct.generation_family import family_of
from turnout_direct.generation_options import GenerationOptions
from turnout_direct.length_limit import generated_width, limit_of
from turnout_direct.prompt_check import check_prompts
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
        given = self._with_prompts(inputs)
        # Check every group before the first one generates, so that a wrong row fails at once.
        groups = list(group_prompts(given, self._family, self._model.name))
        for group in groups:
            check_prompts(group, self._family, self._limit, self._model.name)
        return {"generated_ids": self._generate_all(given, groups)}

    def signature(self) -> ModelSignature:
        """Return the declared inputs and outputs, else all inputs and ``generated_ids``."""
        output = TensorSpec("generated_ids", "INT64", (-1, self._limit.max_length or -1))
        return ModelSignature(self._model.inputs or self._family.input_specs(), self._model.outputs or (output,))

    def _with_prompts(self, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return ``inputs``, with the default prompt for each row of pictures that come alone."""
        import torch

        default = self._family.default_prompt
        names = [spec.name for spec in self._family.pictures]
        if default is None or list(inputs) != names or not inputs[names[0]].dim():
            return inputs
        pictures = inputs[names[0]]
        ids = torch.tensor([default], device=pictures.device).expand(len(pictures), -1)
        return {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}

    def _generate_all(self, inputs: Mapping[str, torch.Tensor], groups: Sequence[PromptGroup]) -> torch.Tensor:
        import torch

        family = self._family
        longest = inputs["input_ids"].shape[1] if family.prompt is not None else 0
        pictures = inputs[family.pictures[0].name]
        shape = (len(pictures), generated_width(family, self._limit, longest))
        generated = torch.full(shape, family.pad, dtype=torch.int64, device=pictures.device)
        for group in groups:
            answer = self._generate(group)
            generated[group.rows, : answer.shape[1]] = answer
        return generated

    def _generate(self, group: PromptGroup) -> torch.Tensor:
        """Return INT64 [G, <= width]: each row up to its first end token, then the pad token."""
        import torch

        answer = self._module.generate(**group.pictures, **self._prompt_arguments(group), **self._arguments)
        start = self._family.start_length(group.input_ids.shape[1])
        ends = torch.tensor(self._family.ends, dtype=answer.dtype, device=answer.device)
        # With a pad token of 0, beam search in transformers pads finished rows with the end token; keep the first one only.
        is_end = torch.isin(answer[:, start:], ends).int()
        after_end = torch.nn.functional.pad(is_end.cumsum(dim=1) - is_end, (start, 0)) > 0
        return answer.masked_fill(after_end, self._family.pad)

    def _prompt_arguments(self, group: PromptGroup) -> dict[str, torch.Tensor]:
        import torch

        if self._family.prompt == "input_ids":
            return {"input_ids": group.input_ids, "attention_mask": torch.ones_like(group.input_ids)}
        return {} if self._family.prompt is None else {self._family.prompt: group.input_ids}

    def _configure_decoder(self) -> None:
        # transformers warns at every call about a second limit and about a missing pad token.
        settings = self._family.decoder.generation_config
        settings.max_length = settings.max_new_tokens = None
        settings.pad_token_id = self._family.pad
