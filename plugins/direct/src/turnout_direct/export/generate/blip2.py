"""BLIP-2, in whose prompts the picture takes the place of some tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from turnout.errors import ExportError
from turnout_direct.export.generate.architecture import Encoded
from turnout_direct.export.generate.opt_text import OptText
from turnout_direct.export.generate.t5_text import T5Text
from turnout_direct.families import family_of

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Architecture, Tensors


def blip2(name: str, model: Any) -> Architecture:
    """Return the adapter for ``Blip2ForConditionalGeneration`` with its language model.

    Raises:
        ExportError: the language model is none of those known.
    """
    known: dict[str, Callable[[str, Any], Architecture]] = {
        "OPTForCausalLM": Blip2WithOpt,
        "T5ForConditionalGeneration": Blip2WithT5,
    }
    language = type(model.language_model).__name__
    if language not in known:
        raise ExportError(
            f"model {name!r}: generate() of class {type(model).__name__!r} has an exported form with the language models "
            f"{', '.join(known)}, not with {language!r}; keep it on the backend 'direct'"
        )
    return known[language](name, model)


class _Blip2:
    """What both have: a vision encoder, a Q-Former that asks it, a projection into the language model's words.

    A prompt without words is the picture and the first token, as transformers has it.
    """

    def __init__(self, name: str, model: Any, text: OptText | T5Text) -> None:
        begin = model.config.text_config.bos_token_id
        self.model = model
        self.family = family_of(model, name)
        picture = [self.family.image_token] * self.family.image_tokens
        self.unprompted = None if begin is None else (*picture, begin)
        self._words = text.words

    def _prompt(
        self, pixel_values: torch.Tensor, input_ids: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the prompts' words [B, L, size], and BOOL [B, L], which of them are the picture."""
        import torch

        picture = self._picture(pixel_values)
        is_picture = (input_ids == self.family.image_token) & mask
        part = (is_picture.cumsum(dim=1) - 1).clamp(min=0, max=self.family.image_tokens - 1)
        placed = torch.gather(picture, 1, part[:, :, None].expand(-1, -1, picture.shape[2]))
        return torch.where(is_picture[:, :, None], placed, self._words(input_ids)), is_picture

    def _picture(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return the picture as the language model reads it, [B, image tokens, size]."""
        vision, qformer = self.model.vision_model, self.model.qformer
        seen = vision.post_layernorm(vision.encoder(inputs_embeds=vision.embeddings(pixel_values))[0])
        queries = self.model.query_tokens.expand(seen.shape[0], -1, -1)
        asked = qformer.encoder(qformer.layernorm(queries), encoder_hidden_states=seen, query_length=queries.shape[1])
        return self.model.language_projection(asked[0])


class Blip2WithOpt(_Blip2):
    """The answer continues the prompt.

    The whole prompt is read in one pass; rows with longer prompts than the shortest are then forced through the rest.
    """

    def __init__(self, name: str, model: Any) -> None:
        self._text = OptText(model.language_model)
        super().__init__(name, model, self._text)
        self.positions = model.config.text_config.max_position_embeddings

    def encode(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Encoded:
        memory = self._prompt(pixel_values, input_ids, attention_mask != 0)
        return Encoded(input_ids, attention_mask.sum(dim=1).clamp(min=1), memory)

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        position = (encoded.lengths.min() - 1).clamp(max=width - 1)
        return position, self._text.read(encoded.memory[0], width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        import torch

        words, is_picture = memory
        here = torch.arange(words.shape[1], device=words.device) == position
        prompted = torch.where(here[:, None], words, 0.0).sum(dim=1)
        pictured = (is_picture & here).any(dim=1, keepdim=True)
        return self._text.step(torch.where(pictured, prompted, self._words(token)), position, cache)


class Blip2WithT5(_Blip2):
    """The prompt is read by an encoder, the answer begins with the decoder's first token."""

    # Distances are all that T5 knows of positions.
    positions = 1 << 31

    def __init__(self, name: str, model: Any) -> None:
        self._text = T5Text(model.language_model)
        super().__init__(name, model, self._text)
        own, config = model.language_model.generation_config.decoder_start_token_id, model.language_model.config
        self._begin = config.decoder_start_token_id if own is None else own

    def encode(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Encoded:
        import torch

        mask = attention_mask != 0
        words, _ = self._prompt(pixel_values, input_ids, mask)
        memory = self._text.cross_memory(self._text.read(words, mask))
        prompt = torch.full_like(input_ids[:, :1], self._begin)
        return Encoded(prompt, torch.ones_like(prompt[:, 0]), (*memory, mask))

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        return encoded.lengths.new_zeros(()), self._text.empty_cache(encoded.memory[:-1], width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        return self._text.step(token, position, memory[:-1], memory[-1], cache)
