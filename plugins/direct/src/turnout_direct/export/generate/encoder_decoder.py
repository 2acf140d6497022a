"""Models that encode a picture and decode a text: VisionEncoderDecoder, Pix2Struct, Florence-2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.architecture import Encoded
from turnout_direct.export.generate.bart_text import BartText
from turnout_direct.export.generate.image_tokens import place_image
from turnout_direct.export.generate.pix2struct_text import Pix2StructText
from turnout_direct.export.generate.text_decoder import TextDecoder, text_decoder_of
from turnout_direct.generation_family import family_of

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors


class EncoderDecoder:
    """The common part: a text decoder that attends to the encoder's states.

    ``memory`` is the keys and values of each layer's cross-attention, then BOOL [B, S], true for the states that it sees.
    """

    def __init__(self, name: str, model: Any, text: TextDecoder) -> None:
        self.model = model
        self.family = family_of(model, name)
        self.positions = text.positions
        self._text = text
        settings = model.generation_config
        first = settings.decoder_start_token_id
        self._begin = settings.bos_token_id if first is None else first

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        return encoded.lengths.new_zeros(()), self._text.empty_cache(encoded.memory[:-1], width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        return self._text.step(token, position, memory[:-1], memory[-1], cache)

    def _remember(self, states: torch.Tensor, visible: torch.Tensor) -> Tensors:
        return (*self._text.cross_memory(states), visible)

    def _start(self, states: torch.Tensor, visible: torch.Tensor) -> Encoded:
        """Return answers that start with the decoder's first token."""
        import torch

        prompt = torch.full_like(visible[:, :1], self._begin, dtype=torch.int64)
        return Encoded(prompt, torch.ones_like(prompt[:, 0]), self._remember(states, visible))


class VisionEncoderDecoder(EncoderDecoder):
    """``VisionEncoderDecoderModel``: the prompt is the start of the decoder's text."""

    def __init__(self, name: str, model: Any) -> None:
        super().__init__(name, model, text_decoder_of(name, model, model.decoder))

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        import torch

        pixel_values, input_ids, attention_mask = inputs
        states = self.model.encoder(pixel_values=pixel_values)[0]
        encoder, decoder = self.model.encoder.config, self.model.decoder.config
        if encoder.hidden_size != decoder.hidden_size and getattr(decoder, "cross_attention_hidden_size", None) is None:
            states = self.model.enc_to_dec_proj(states)
        visible = torch.ones_like(states[:, :, 0], dtype=torch.bool)
        return Encoded(input_ids, attention_mask.sum(dim=1).clamp(min=1), self._remember(states, visible))


class Pix2Struct(EncoderDecoder):
    """``Pix2StructForConditionalGeneration``: a question is written into the picture, so there are no prompts."""

    def __init__(self, name: str, model: Any) -> None:
        super().__init__(name, model, Pix2StructText(model.decoder))

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        flattened_patches, attention_mask = inputs
        visible = attention_mask != 0
        hidden = self.model.encoder.embeddings(flattened_patches)
        states = self.model.encoder.encoder(hidden, attention_mask=_additive(visible, hidden)).last_hidden_state
        return self._start(self.model.encoder.layernorm(states), visible)


class Florence2(EncoderDecoder):
    """``Florence2ForConditionalGeneration``: the encoder reads the picture's tokens, then the words of the task."""

    def __init__(self, name: str, model: Any) -> None:
        super().__init__(name, model, BartText(model.model.language_model.decoder, model.lm_head))

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        pixel_values, input_ids, attention_mask = inputs
        visible = attention_mask != 0
        image = self.model.get_image_features(pixel_values).pooler_output
        words = self.model.get_input_embeddings()(input_ids)
        embeddings = place_image(image, words, (input_ids == self.family.image_token) & visible)
        encoder = self.model.model.language_model.encoder
        states = encoder(inputs_embeds=embeddings, attention_mask=_additive(visible, embeddings)).last_hidden_state
        return self._start(states, visible)


def _additive(visible: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return the mask [B, 1, L, L] that is added to scores; ``visible`` is BOOL [B, L].

    transformers takes a mask with four axes as it is, and would else decide by the values of the mask.
    """
    import torch

    mask = torch.zeros_like(visible, dtype=like.dtype).masked_fill(~visible, torch.finfo(like.dtype).min)
    return mask[:, None, None, :].expand(-1, 1, visible.shape[1], -1)
