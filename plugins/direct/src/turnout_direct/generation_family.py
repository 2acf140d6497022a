"""Families of generating models: the start and the end of their answers, their special tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from turnout.errors import ModelLoadError
from turnout.tensors import TensorSpec
from turnout_direct.required_config import check_placeholder, check_token

if TYPE_CHECKING:
    import torch

Start = Literal["prompt_but_last", "prompt", "first_token"]

_STARTS: dict[str, Start] = {
    "BlipForConditionalGeneration": "prompt_but_last",
    "BlipForQuestionAnswering": "first_token",
    "Blip2ForConditionalGeneration": "prompt",
}


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
        image_token: the id of the image's placeholder in a prompt; None if prompts have no placeholder.
        image_tokens: the number of placeholders that a prompt must have.
        image_size: height and width of ``pixel_values``.
    """

    start: Start
    decoder: torch.nn.Module
    vocabulary: int
    ends: tuple[int, ...]
    pad: int
    shortest: int
    image_size: int
    image_token: int | None = None
    image_tokens: int = 0

    def start_length(self, prompt: int) -> int:
        """Return the number of tokens at the start of an answer that are not generated, for a prompt of ``prompt`` tokens."""
        return {"prompt_but_last": prompt - 1, "prompt": prompt, "first_token": 1}[self.start]

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Return ``pixel_values`` FP32 [-1, 3, H, W], ``input_ids`` and ``attention_mask`` INT64 [-1, -1]."""
        return (
            TensorSpec("pixel_values", "FP32", (-1, 3, self.image_size, self.image_size)),
            TensorSpec("input_ids", "INT64", (-1, -1)),
            TensorSpec("attention_mask", "INT64", (-1, -1)),
        )


def family_of(module: torch.nn.Module, model: str) -> GenerationFamily:
    """Return the family of ``module``, by its class or a base class.

    Raises:
        ModelLoadError: the class is not supported, or its config lacks a token.
    """
    name = next((kind.__name__ for kind in type(module).__mro__ if kind.__name__ in _STARTS), None)
    if name is None:
        raise ModelLoadError(
            f"model {model!r}: 'method: generate' supports {', '.join(_STARTS)}, not {type(module).__name__!r}; "
            "use 'method: forward', or a factory whose module generates in its forward"
        )
    return _blip2(module, model) if name.startswith("Blip2") else _blip(module, _STARTS[name], model)


def _blip(module: Any, start: Start, model: str) -> GenerationFamily:
    text = module.config.text_config
    for key in ("bos_token_id", "sep_token_id", "pad_token_id"):
        check_token(model, f"text_config.{key}", getattr(text, key, None), text.vocab_size)
    return GenerationFamily(
        start=start,
        decoder=module.text_decoder,
        vocabulary=text.vocab_size,
        ends=(text.sep_token_id,),
        pad=text.pad_token_id,
        shortest=2 if start == "prompt_but_last" else 1,
        image_size=module.config.vision_config.image_size,
    )


def _blip2(module: Any, model: str) -> GenerationFamily:
    decoder = module.language_model
    settings = decoder.generation_config
    vocabulary = module.get_input_embeddings().num_embeddings
    check_placeholder(module, model, None)
    check_token(model, "image_token_index", module.config.image_token_index, vocabulary)
    if decoder.config.is_encoder_decoder:
        start = settings.decoder_start_token_id
        begin = getattr(decoder.config, "decoder_start_token_id", None) if start is None else start
        check_token(model, "text_config.decoder_start_token_id", begin, vocabulary)
    end = settings.eos_token_id
    ends = tuple(end) if isinstance(end, list | tuple) else () if end is None else (end,)
    pad = settings.pad_token_id if settings.pad_token_id is not None else next(iter(ends), 0)
    return GenerationFamily(
        start="first_token" if decoder.config.is_encoder_decoder else "prompt",
        decoder=decoder,
        vocabulary=vocabulary,
        ends=ends,
        pad=pad,
        shortest=1,
        image_size=module.config.vision_config.image_size,
        image_token=module.config.image_token_index,
        image_tokens=module.config.num_query_tokens,
    )
