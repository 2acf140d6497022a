"""The processor of a checkpoint: its image preprocessor and its text codec, read from its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from turnout import StepDeclaration
from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.tokenizer_file import read_tokenizer, token_text
from turnout_vision.options.prepare import PrepareOptions
from turnout_vision.preprocess import BIREFNET, ImagePreprocessor, preprocessor_from, preprocessor_of
from turnout_vision.preprocess.config import any_preprocessor_of
from turnout_vision.preprocess.patches import PatchPreprocessor
from turnout_vision.texts.task_prompts import florence2_prompt
from turnout_vision.texts.tokens import UNLIMITED, TextCodec

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PADS = ("[PAD]", "<pad>")
_STOPS = ("[SEP]", "</s>")
# BLIP's own start tokens; its tokenizer file does not always mark them as special.
_STARTS = ("[DEC]", "[ENC]")


def read_segmenter_preprocessor(checkpoint: Checkpoint | None, prepare: PrepareOptions | None = None) -> ImagePreprocessor:
    """Return the image preprocessor of ``prepare`` or ``checkpoint``, or BiRefNet's without both. May block on the hub.

    Raises:
        ConfigurationError: the settings are broken, unreachable or not supported.
    """
    if prepare is not None:
        return preprocessor_from(prepare)
    config = _read_image_config(checkpoint) if checkpoint else None
    return preprocessor_of(*config) if config else BIREFNET


def read_image_preprocessor(checkpoint: Checkpoint, prepare: PrepareOptions | None = None) -> ImagePreprocessor:
    """Return the image preprocessor of ``prepare``, or else of ``checkpoint``. May block on the hub.

    Raises:
        ConfigurationError: the settings are missing, broken, unreachable or not supported.
    """
    if prepare is not None:
        return preprocessor_from(prepare)
    return preprocessor_of(*_require_image_config(checkpoint))


def read_any_preprocessor(
    checkpoint: Checkpoint, prepare: PrepareOptions | None = None
) -> ImagePreprocessor | PatchPreprocessor:
    """Return the preprocessor of ``prepare``, or else of ``checkpoint``, which may make patches. May block on the hub.

    Raises:
        ConfigurationError: the settings are missing, broken, unreachable or not supported.
    """
    if prepare is not None:
        return preprocessor_from(prepare)
    return any_preprocessor_of(*_require_image_config(checkpoint))


def _require_image_config(checkpoint: Checkpoint) -> tuple[Mapping[str, Any], str]:
    config = _read_image_config(checkpoint)
    if config is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r} has no preprocessor_config.json or processor_config.json; save one with "
            "AutoProcessor.save_pretrained, or name another with `processor:`, or write `prepare:` in the step"
        )
    return config


def find_image_preprocessor(
    checkpoint: Checkpoint | None, prepare: PrepareOptions | None, declaration: StepDeclaration, model: str
) -> ImagePreprocessor:
    """Return the image preprocessor of ``prepare``, or else of ``checkpoint``, for a step of ``model``. May block on the hub.

    Raises:
        ConfigurationError: there is neither, or the settings are missing, broken, unreachable or not supported.
    """
    if prepare is None and checkpoint is None:
        raise ConfigurationError(
            f"step {declaration.name!r} of pipeline {declaration.pipeline!r} cannot prepare pictures: no backend of model "
            f"{model!r} names a checkpoint; write `processor:` with a folder or a hub name, or "
            "`prepare: {size: [H, W], mean: [...], std: [...]}`"
        )
    if prepare is not None:
        return preprocessor_from(prepare)
    assert checkpoint is not None
    return read_image_preprocessor(checkpoint)


def read_text_codec(checkpoint: Checkpoint) -> TextCodec:
    """Return the tokenizer of ``checkpoint`` together with its special tokens. May block on the hub.

    Raises:
        ConfigurationError: a file is missing, broken or unreachable, or two files contradict each other.
    """
    config = checkpoint.json("config.json") or {}
    named = {**(checkpoint.json("special_tokens_map.json") or {}), **(checkpoint.json("tokenizer_config.json") or {})}
    tokenizer = read_tokenizer(checkpoint, named, config.get("model_type"))
    placeholders = _read_placeholders(checkpoint, config, tokenizer)
    special = {id_ for id_, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    text_config = _text_config(config)
    kind = config.get("model_type")
    begins = (text_config.get("bos_token_id"), text_config.get("decoder_start_token_id"))
    return TextCodec(
        tokenizer=tokenizer,
        pad=_read_pad(checkpoint, config, named, tokenizer),
        starts=frozenset(special | _token_ids(tokenizer, _STARTS) | {id_ for id_ in begins if isinstance(id_, int)}),
        stops=frozenset(_read_stops(checkpoint, config, named, tokenizer)),
        placeholders=placeholders,
        first=_read_first(checkpoint, config) if kind == "vision-encoder-decoder" else None,
        names_tasks="donut" in str((config.get("encoder") or {}).get("model_type")),
        reword=florence2_prompt if kind == "florence2" else str,
        max_tokens=_read_max_tokens(named),
        cleans_spaces=_cleans_spaces(named, tokenizer),
        # These encode the question apart from the answer, so an answer that looks like it is an answer.
        echoes=kind not in ("florence2", "pix2struct")
        and "BlipForQuestionAnswering" not in (config.get("architectures") or ()),
    )


def _read_image_config(checkpoint: Checkpoint) -> tuple[Mapping[str, Any], str] | None:
    # transformers 5 saves the image processor and the tokenizer's settings in one file, and reads it first.
    config = (checkpoint.json("processor_config.json") or {}).get("image_processor")
    if isinstance(config, dict):
        return config, f"processor_config.json of {checkpoint.name!r}"
    config = checkpoint.json("preprocessor_config.json")
    return None if config is None else (config, f"preprocessor_config.json of {checkpoint.name!r}")


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of ``config`` about the text model."""
    part = config.get("text_config") or config.get("decoder")
    return part if isinstance(part, dict) else {}


def _read_first(checkpoint: Checkpoint, config: Mapping[str, Any]) -> int:
    """Return the decoder's first id, where transformers looks for it.

    Raises:
        ConfigurationError: the checkpoint has none.
    """
    generation = checkpoint.json("generation_config.json") or {}
    for key in ("decoder_start_token_id", "bos_token_id"):
        for found in (generation, config, _text_config(config)):
            if isinstance(found.get(key), int):
                return int(found[key])
    raise ConfigurationError(
        f"checkpoint {checkpoint.name!r} has no 'decoder_start_token_id', so a text has no start; write the id of that token "
        "in its config.json"
    )


def _read_pad(checkpoint: Checkpoint, config: Mapping[str, Any], named: Mapping[str, Any], tokenizer: Tokenizer) -> int:
    for token in (token_text(named.get("pad_token")), *_PADS):
        if token and (id_ := tokenizer.token_to_id(token)) is not None:
            return int(id_)
    # GPT-2's tokenizer has none, and the model's config names one.
    for found in (config, _text_config(config)) if config.get("model_type") == "vision-encoder-decoder" else ():
        if isinstance(found.get("pad_token_id"), int):
            return int(found["pad_token_id"])
    raise ConfigurationError(
        f"checkpoint {checkpoint.name!r}: its tokenizer has no pad token; name one in tokenizer_config.json"
    )


def _read_max_tokens(named: Mapping[str, Any]) -> int:
    # transformers writes 1e30 where the tokenizer has no limit.
    limit = named.get("model_max_length")
    return int(limit) if isinstance(limit, int | float) and 0 < limit < UNLIMITED else UNLIMITED


def _cleans_spaces(named: Mapping[str, Any], tokenizer: Tokenizer) -> bool:
    """Return the setting for spaces before punctuation, which transformers 5 does not apply to BPE."""
    forced = named.get("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output")
    return bool(named.get("clean_up_tokenization_spaces")) and (type(tokenizer.model).__name__ != "BPE" or bool(forced))


def _read_placeholders(checkpoint: Checkpoint, config: Mapping[str, Any], tokenizer: Tokenizer) -> tuple[int, ...]:
    if config.get("model_type") == "florence2":
        return _read_florence_tokens(checkpoint, config)
    if config.get("model_type") not in ("blip-2", "instructblip"):
        return ()
    saved = checkpoint.json("processor_config.json") or {}
    count = saved.get("num_query_tokens") or config.get("num_query_tokens")
    token = token_text(saved.get("image_token")) or "<image>"
    if not isinstance(count, int) or not 0 < count <= 1024:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: num_query_tokens is {count!r}; a BLIP-2 or InstructBLIP needs 1 to 1024: save it "
            "again"
        )
    if tokenizer.token_to_id(token) is None:
        # As transformers' Blip2Processor does with older checkpoints.
        tokenizer.add_special_tokens([token])
    id_ = tokenizer.token_to_id(token)
    expected = config.get("image_token_index", config.get("image_token_id"))
    if expected is not None and id_ != expected:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {token!r} is token {id_} of the tokenizer but {expected} of the model; "
            "save both again"
        )
    return (id_,) * count


def _read_florence_tokens(checkpoint: Checkpoint, config: Mapping[str, Any]) -> tuple[int, ...]:
    found = _read_image_config(checkpoint)
    count = found[0].get("image_seq_length") if found else None
    token = config.get("image_token_id")
    if not isinstance(count, int) or not 0 < count <= 8192 or not isinstance(token, int):
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: image_seq_length is {count!r} and image_token_id {token!r}; a Florence-2 needs "
            "both, the number of a picture's tokens and their id: save it again with its processor"
        )
    return (token,) * count


def _read_stops(checkpoint: Checkpoint, config: Mapping[str, Any], named: Mapping[str, Any], tokenizer: Tokenizer) -> set[int]:
    written = {token_text(named.get(key)) for key in ("sep_token", "eos_token")} - {None}
    stops = _token_ids(tokenizer, written or _STOPS)
    # BLIP stops at its separator; the eos_token_id 2 in its files is a word of its vocabulary.
    if config.get("model_type") == "blip":
        return stops
    generation = checkpoint.json("generation_config.json") or {}
    ends = generation.get("eos_token_id", _text_config(config).get("eos_token_id"))
    return stops | {id_ for id_ in (ends if isinstance(ends, list) else [ends]) if isinstance(id_, int)}


def _token_ids(tokenizer: Tokenizer, tokens: Iterable[str | None]) -> set[int]:
    return {id_ for token in tokens if token and (id_ := tokenizer.token_to_id(token)) is not None}
