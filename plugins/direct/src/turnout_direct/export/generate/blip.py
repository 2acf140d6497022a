"""BLIP: captions and question answering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.architecture import Encoded
from turnout_direct.export.generate.blip_text import BlipText
from turnout_direct.generation_family import family_of

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors


class _Blip:
    """The common part: a vision encoder and a text decoder with a language head."""

    def __init__(self, name: str, model: Any) -> None:
        text = model.config.text_config
        self.model = model
        self.family = family_of(model, name)
        self.positions = text.max_position_embeddings
        self._begin = text.bos_token_id
        self._text = BlipText(model.text_decoder.bert)

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        return encoded.lengths.new_zeros(()), self._text.empty_cache(encoded.memory[0], width)

    def _encode_image(self, pixel_values: torch.Tensor) -> torch.Tensor:
        vision = self.model.vision_model
        states = vision.encoder(inputs_embeds=vision.embeddings(pixel_values))[0]
        return vision.post_layernorm(states)

    def _logits(self, state: torch.Tensor) -> torch.Tensor:
        return self.model.text_decoder.cls(state)


class BlipCaptioner(_Blip):
    """``BlipForConditionalGeneration``: the answer continues the prompt, and the decoder attends to the image.

    transformers replaces the prompt's first token with its own and drops the last one, so ``[first, last]`` is an empty prompt.
    In a padded row the last token is the one before the padding.
    """

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        import torch

        pixel_values, input_ids, attention_mask = inputs
        first = torch.arange(input_ids.shape[1], device=input_ids.device) == 0
        prompt = torch.where(first, self._begin, input_ids)
        lengths = (attention_mask.sum(dim=1) - 1).clamp(min=1)
        return Encoded(prompt, lengths, self._text.cross_memory(self._encode_image(pixel_values)))

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        state, cache = self._text.step(token, position, memory, None, cache)
        return self._logits(state), cache


class BlipAnswerer(_Blip):
    """``BlipForQuestionAnswering``: the text encoder attends to the image, and the decoder attends to the encoded question."""

    def __init__(self, name: str, model: Any) -> None:
        super().__init__(name, model)
        self._question = BlipText(model.text_encoder)

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        import torch

        pixel_values, input_ids, attention_mask = inputs
        mask = attention_mask != 0
        states = self._question.read(input_ids, mask, self._question.cross_memory(self._encode_image(pixel_values)))
        prompt = torch.full_like(input_ids[:, :1], self._begin)
        return Encoded(prompt, torch.ones_like(prompt[:, 0]), (*self._text.cross_memory(states), mask))

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        state, cache = self._text.step(token, position, memory[:-1], memory[-1], cache)
        return self._logits(state), cache
