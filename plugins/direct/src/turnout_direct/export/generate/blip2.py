"""BLIP-2, which continues a prompt in which the picture takes the place of some tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import ExportError
from turnout_direct.export.generate.architecture import Encoded
from turnout_direct.export.generate.opt_text import OptText
from turnout_direct.families import family_of

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors

_LANGUAGE = "OPTForCausalLM"


class Blip2Writer:
    """``Blip2ForConditionalGeneration`` with OPT: the answer continues the prompt, whose image tokens are the picture.

    A prompt without words is the picture and the first token, as transformers has it. The whole prompt is read in one pass;
    rows with longer prompts than the shortest are then forced through the rest.
    """

    def __init__(self, name: str, model: Any) -> None:
        language, text = model.language_model, model.config.text_config
        if type(language).__name__ != _LANGUAGE:
            raise ExportError(
                f"model {name!r}: generate() of class {type(model).__name__!r} has an exported form with {_LANGUAGE} as its "
                f"language model, not with {type(language).__name__!r}; keep the model on the backend 'direct'"
            )
        self.model = model
        self.family = family_of(model, name)
        self.positions = text.max_position_embeddings
        self.unprompted = (*[self.family.image_token] * self.family.image_tokens, text.bos_token_id)
        self._text = OptText(language)

    def encode(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Encoded:
        import torch

        picture = self._picture(pixel_values)
        is_picture = (input_ids == self.family.image_token) & (attention_mask != 0)
        part = (is_picture.cumsum(dim=1) - 1).clamp(min=0, max=self.family.image_tokens - 1)
        placed = torch.gather(picture, 1, part[:, :, None].expand(-1, -1, picture.shape[2]))
        words = torch.where(is_picture[:, :, None], placed, self._text.words(input_ids))
        return Encoded(input_ids, attention_mask.sum(dim=1).clamp(min=1), (words, is_picture))

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
        return self._text.step(torch.where(pictured, prompted, self._text.words(token)), position, cache)

    def _picture(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return the picture as the language model reads it, [B, image tokens, size]."""
        vision, qformer = self.model.vision_model, self.model.qformer
        seen = vision.post_layernorm(vision.encoder(inputs_embeds=vision.embeddings(pixel_values))[0])
        queries = self.model.query_tokens.expand(seen.shape[0], -1, -1)
        asked = qformer.encoder(qformer.layernorm(queries), encoder_hidden_states=seen, query_length=queries.shape[1])
        return self.model.language_projection(asked[0])
