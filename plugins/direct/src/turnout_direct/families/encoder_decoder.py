"""Models that encode a picture and decode a text: VisionEncoderDecoder, Pix2Struct, Florence-2."""

from __future__ import annotations

from typing import Any

from turnout.tensors import TensorSpec
from turnout_direct.families.generation_tokens import end_tokens, pad_token
from turnout_direct.generation_family import GenerationFamily
from turnout_direct.required_config import check_token


def vision_encoder_decoder_family(module: Any, model: str) -> GenerationFamily:
    """Return the family of ``VisionEncoderDecoderModel``: TrOCR, Donut, Nougat, vit-gpt2 and the like.

    A prompt is the start of the decoder's text: the decoder's first token, then words. Donut has a first token for each task.
    """
    settings, encoder = module.generation_config, module.config.encoder
    vocabulary = module.decoder.get_input_embeddings().num_embeddings
    first = _first_token(settings, "decoder_start_token_id", model, vocabulary)
    return GenerationFamily(
        start="prompt",
        decoder=module,
        vocabulary=vocabulary,
        ends=end_tokens(settings),
        pad=pad_token(settings),
        shortest=1,
        pictures=(TensorSpec("pixel_values", "FP32", (-1, getattr(encoder, "num_channels", 3), *_size_of(encoder))),),
        prompt="decoder_input_ids",
        default_prompt=(first,),
        first_token=None if "donut" in encoder.model_type else first,
    )


def pix2struct_family(module: Any, model: str) -> GenerationFamily:
    """Return the family of ``Pix2StructForConditionalGeneration``: a picture as patches, a question as text in it."""
    settings = module.generation_config
    vocabulary = module.config.text_config.vocab_size
    _first_token(settings, "decoder_start_token_id", model, vocabulary)
    patch = module.encoder.embeddings.patch_projection.in_features
    return GenerationFamily(
        start="first_token",
        decoder=module,
        vocabulary=vocabulary,
        ends=end_tokens(settings),
        pad=pad_token(settings),
        shortest=0,
        pictures=(
            # The first two values of a patch are its row and its column, from 1.
            TensorSpec("flattened_patches", "FP32", (-1, -1, 2 + patch)),
            TensorSpec("attention_mask", "FP32", (-1, -1)),
        ),
        prompt=None,
    )


def florence2_family(module: Any, model: str) -> GenerationFamily:
    """Return the family of ``Florence2ForConditionalGeneration``: the encoder reads the picture, then the task's words."""
    settings = module.generation_config
    vocabulary = module.get_input_embeddings().num_embeddings
    check_token(model, "image_token_id", module.config.image_token_id, vocabulary)
    _first_token(settings, "text_config.decoder_start_token_id", model, vocabulary)
    convolutions = [stage.conv for stage in module.model.vision_tower.convs]

    def count(height: int, width: int) -> int:
        for one in convolutions:
            height, width = (
                (size + 2 * one.padding[axis] - one.kernel_size[axis]) // one.stride[axis] + 1
                for axis, size in enumerate((height, width))
            )
        # One more is the mean of the others.
        return height * width + 1

    return GenerationFamily(
        start="first_token",
        decoder=module,
        vocabulary=vocabulary,
        ends=end_tokens(settings),
        pad=pad_token(settings),
        shortest=1,
        pictures=(TensorSpec("pixel_values", "FP32", (-1, 3, -1, -1)),),
        image_token=module.config.image_token_id,
        count_image_tokens=count,
    )


def _first_token(settings: Any, key: str, model: str, vocabulary: int) -> int:
    """Return the first token of the decoder.

    Raises:
        ModelLoadError: the checkpoint has none.
    """
    first = settings.decoder_start_token_id
    first = settings.bos_token_id if first is None else first
    check_token(model, key, first, vocabulary)
    return int(first)


def _size_of(encoder: Any) -> tuple[int, int]:
    size = getattr(encoder, "image_size", -1)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(height), int(width)
