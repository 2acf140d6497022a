"""BLIP-2 and InstructBLIP, whose prompts have placeholder tokens for the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from turnout.errors import ExportError
from turnout_direct.export.generate.architecture import Encoded
from turnout_direct.export.generate.image_tokens import place_image
from turnout_direct.export.generate.opt_text import OptText
from turnout_direct.export.generate.t5_text import T5Text
from turnout_direct.generation_family import family_of

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Architecture, Tensors


def blip2(name: str, model: Any) -> Architecture:
    """Return the adapter for ``Blip2ForConditionalGeneration`` with its language model.

    Raises:
        ExportError: the language model is not supported.
    """
    return _with_language(name, model, {"OPTForCausalLM": Blip2WithOpt, "T5ForConditionalGeneration": Blip2WithT5})


def instructblip(name: str, model: Any) -> Architecture:
    """Return the adapter for ``InstructBlipForConditionalGeneration``. Raises as ``blip2``."""
    kinds: dict[str, Callable[[str, Any], Architecture]] = {
        "OPTForCausalLM": InstructBlipWithOpt,
        "T5ForConditionalGeneration": InstructBlipWithT5,
    }
    return _with_language(name, model, kinds)


def _with_language(name: str, model: Any, known: Mapping[str, Callable[[str, Any], Architecture]]) -> Architecture:
    language = type(model.language_model).__name__
    if language not in known:
        raise ExportError(
            f"model {name!r}: generate() of class {type(model).__name__!r} can be exported with the language models "
            f"{', '.join(known)}, not with {language!r}; keep it on the backend 'direct'"
        )
    return known[language](name, model)


class _Blip2:
    """The common part: a vision encoder, a Q-Former that queries it, a projection to the language model's embeddings."""

    def __init__(self, name: str, model: Any, text: OptText | T5Text) -> None:
        self.model = model
        self.family = family_of(model, name)
        self._embed = text.embed

    def _embed_prompt(
        self, pictures: Sequence[torch.Tensor], input_ids: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the prompts' embeddings [B, L, size], and BOOL [B, L], true for image tokens."""
        is_image = (input_ids == self.family.image_token) & mask
        return place_image(self._embed_image(*pictures), self._embed(input_ids), is_image), is_image

    def _embed_image(self, *pictures: torch.Tensor) -> torch.Tensor:
        """Return the image as embeddings of the language model, [B, image tokens, size]."""
        vision, qformer = self.model.vision_model, self.model.qformer
        states = vision.post_layernorm(vision.encoder(inputs_embeds=vision.embeddings(pictures[0]))[0])
        queries = self.model.query_tokens.expand(states.shape[0], -1, -1)
        hidden = qformer.encoder(qformer.layernorm(queries), encoder_hidden_states=states, query_length=queries.shape[1])
        return self.model.language_projection(hidden[0])


class Blip2WithOpt(_Blip2):
    """BLIP-2 with a decoder only: the answer continues the prompt.

    One pass reads all prompts up to the length of the shortest; longer ones are then forced token by token.
    """

    def __init__(self, name: str, model: Any) -> None:
        self._text = OptText(model.language_model)
        super().__init__(name, model, self._text)
        self.positions = model.config.text_config.max_position_embeddings

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        *pictures, input_ids, attention_mask = inputs
        memory = self._embed_prompt(pictures, input_ids, attention_mask != 0)
        return Encoded(input_ids, attention_mask.sum(dim=1).clamp(min=1), memory)

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        position = (encoded.lengths.min() - 1).clamp(max=width - 1)
        return position, self._text.read(encoded.memory[0], width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        import torch

        embeddings, is_image = memory
        here = torch.arange(embeddings.shape[1], device=embeddings.device) == position
        # A masked sum selects the embedding at ``position``: every other term is zero.
        in_prompt = torch.where(here[:, None], embeddings, 0.0).sum(dim=1)
        image_here = (is_image & here).any(dim=1, keepdim=True)
        return self._text.step(torch.where(image_here, in_prompt, self._embed(token)), position, cache)


class Blip2WithT5(_Blip2):
    """BLIP-2 with encoder and decoder: the answer starts with the decoder's first token."""

    # T5 encodes distances, not positions, so its decoder has no limit.
    positions = 1 << 31

    def __init__(self, name: str, model: Any) -> None:
        self._text = T5Text(model.language_model)
        super().__init__(name, model, self._text)
        own, config = model.language_model.generation_config.decoder_start_token_id, model.language_model.config
        self._begin = config.decoder_start_token_id if own is None else own

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        import torch

        *pictures, input_ids, attention_mask = inputs
        mask = attention_mask != 0
        embeddings, _ = self._embed_prompt(pictures, input_ids, mask)
        memory = self._text.cross_memory(self._text.read(embeddings, mask))
        prompt = torch.full_like(input_ids[:, :1], self._begin)
        return Encoded(prompt, torch.ones_like(prompt[:, 0]), (*memory, mask))

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        return encoded.lengths.new_zeros(()), self._text.empty_cache(encoded.memory[:-1], width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        return self._text.step(token, position, memory[:-1], memory[-1], cache)


class _InstructBlip(_Blip2):
    """The part in which InstructBLIP differs: the Q-Former reads the instruction beside its queries."""

    def _embed_image(self, *pictures: torch.Tensor) -> torch.Tensor:
        import torch

        pixel_values, instruction, mask = pictures
        states = self.model.vision_model(pixel_values=pixel_values).last_hidden_state
        queries = self.model.query_tokens.expand(states.shape[0], -1, -1)
        visible = torch.cat((torch.ones_like(queries[:, :, 0], dtype=torch.int64), mask), dim=1)
        hidden = self.model.qformer(
            input_ids=instruction,
            attention_mask=visible,
            query_embeds=queries,
            encoder_hidden_states=states,
            encoder_attention_mask=torch.ones_like(states[:, :, 0], dtype=torch.int64),
        ).last_hidden_state
        return self.model.language_projection(hidden[:, : queries.shape[1]])


class InstructBlipWithOpt(_InstructBlip, Blip2WithOpt):
    """InstructBLIP with a decoder only."""


class InstructBlipWithT5(_InstructBlip, Blip2WithT5):
    """InstructBLIP with encoder and decoder."""
