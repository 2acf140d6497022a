"""BLIP, BLIP-2 and InstructBLIP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from turnout.tensors import TensorSpec
from turnout_direct.families.generation_tokens import end_tokens, pad_token
from turnout_direct.generation_family import GenerationFamily, Start
from turnout_direct.required_config import check_placeholder, check_token


def captioner_family(module: Any, model: str) -> GenerationFamily:
    """Return the family of ``BlipForConditionalGeneration``; ``[first, last]`` is an empty prompt."""
    family = _blip(module, "prompt_but_last", model)
    return replace(family, shortest=2, default_prompt=(module.config.text_config.bos_token_id, *family.ends))


def answerer_family(module: Any, model: str) -> GenerationFamily:
    """Return the family of ``BlipForQuestionAnswering``."""
    return _blip(module, "first_token", model)


def blip2_family(module: Any, model: str) -> GenerationFamily:
    """Return the family of ``Blip2ForConditionalGeneration``; a prompt without text is the image and the first token."""
    decoder = module.language_model
    settings = decoder.generation_config
    vocabulary = module.get_input_embeddings().num_embeddings
    check_placeholder(module, model, None)
    check_token(model, "image_token_index", module.config.image_token_index, vocabulary)
    if decoder.config.is_encoder_decoder:
        start = settings.decoder_start_token_id
        begin = getattr(decoder.config, "decoder_start_token_id", None) if start is None else start
        check_token(model, "text_config.decoder_start_token_id", begin, vocabulary)
    queries = module.config.num_query_tokens
    # T5 has none.
    first = getattr(module.config.text_config, "bos_token_id", None)
    return GenerationFamily(
        start="first_token" if decoder.config.is_encoder_decoder else "prompt",
        decoder=decoder,
        vocabulary=vocabulary,
        ends=end_tokens(settings),
        pad=pad_token(settings),
        shortest=1,
        pictures=_pixels(module),
        default_prompt=None if first is None else (*[module.config.image_token_index] * queries, first),
        image_token=module.config.image_token_index,
        count_image_tokens=lambda height, width: queries,
    )


def instructblip_family(module: Any, model: str) -> GenerationFamily:
    """Return the family of ``InstructBlipForConditionalGeneration``: the Q-Former reads the instruction in its own tokens."""
    family = blip2_family(module, model)
    names = ("qformer_input_ids", "qformer_attention_mask")
    instruction = tuple(TensorSpec(name, "INT64", (-1, -1)) for name in names)
    return replace(family, pictures=(*family.pictures, *instruction), default_prompt=None)


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
        shortest=1,
        pictures=_pixels(module),
    )


def _pixels(module: Any) -> tuple[TensorSpec, ...]:
    size = module.config.vision_config.image_size
    return (TensorSpec("pixel_values", "FP32", (-1, 3, size, size)),)
