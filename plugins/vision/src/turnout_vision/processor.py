"""What a checkpoint says of preprocessing and of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from turnout.errors import ConfigurationError, MissingDependencyError
from turnout_vision.checkpoint import Checkpoint
from turnout_vision.preprocess import BIREFNET, ImagePreprocessor, preprocessor_of
from turnout_vision.tokens import TextCodec

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PADS = ("[PAD]", "<pad>")
_STOPS = ("[SEP]", "</s>")
# BLIP's own, of which its tokenizer file does not always say that they are special.
_STARTS = ("[DEC]", "[ENC]")


def image_settings(checkpoint: Checkpoint | None) -> ImagePreprocessor:
    """Return how ``checkpoint`` wants pictures; without such settings what BiRefNet documents. May block on the hub.

    Raises:
        ConfigurationError: the settings are broken, unreachable, or ask for what is not done here.
    """
    config = _image_config(checkpoint) if checkpoint else None
    return preprocessor_of(config[0], config[1]) if config else BIREFNET


def required_image_settings(checkpoint: Checkpoint) -> ImagePreprocessor:
    """Return how ``checkpoint`` wants pictures. Raises as ``image_settings``, and where it does not say."""
    config = _image_config(checkpoint)
    if config is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r} has no preprocessor_config.json or processor_config.json; save one with "
            "AutoProcessor.save_pretrained, or name another with `processor:`"
        )
    return preprocessor_of(*config)


def text_codec(checkpoint: Checkpoint) -> TextCodec:
    """Return the tokenizer of ``checkpoint`` with what its files say of special tokens. May block on the hub.

    Raises:
        ConfigurationError: a file is missing, broken or unreachable, or the files do not agree.
    """
    tokenizer = _tokenizer(checkpoint)
    config = checkpoint.json("config.json") or {}
    named = {**(checkpoint.json("special_tokens_map.json") or {}), **(checkpoint.json("tokenizer_config.json") or {})}
    placeholders = _placeholders(checkpoint, config, tokenizer)
    special = {id_ for id_, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    pad = _token_id(tokenizer, (_content(named.get("pad_token")), *_PADS))
    if pad is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: its tokenizer has no pad token; name one in tokenizer_config.json"
        )
    most = named.get("model_max_length")
    text_config = config.get("text_config") or {}
    begins = (text_config.get("bos_token_id"), text_config.get("decoder_start_token_id"))
    return TextCodec(
        tokenizer=tokenizer,
        pad=pad,
        starts=frozenset(special | _ids(tokenizer, _STARTS) | {id_ for id_ in begins if isinstance(id_, int)}),
        stops=frozenset(_stops(checkpoint, config, named, tokenizer)),
        placeholders=placeholders,
        most=int(most) if isinstance(most, int | float) and 0 < most < 1 << 30 else 1 << 30,
        echoes="BlipForQuestionAnswering" not in (config.get("architectures") or ()),
    )


def _image_config(checkpoint: Checkpoint) -> tuple[Mapping[str, Any], str] | None:
    config = checkpoint.json("preprocessor_config.json")
    if config is not None:
        return config, f"preprocessor_config.json of {checkpoint.name!r}"
    # transformers 5 saves the whole processor in one file.
    config = (checkpoint.json("processor_config.json") or {}).get("image_processor")
    if isinstance(config, dict):
        return config, f"processor_config.json of {checkpoint.name!r}"
    return None


def _tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingDependencyError("tokens need the package tokenizers: pip install tokenizers") from error
    file = checkpoint.file("tokenizer.json")
    if file is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r} has no tokenizer.json; save one with AutoProcessor.save_pretrained, or name "
            "another with `processor:`"
        )
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {str(file)!r} is no tokenizer: {error}; save it again"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _placeholders(checkpoint: Checkpoint, config: Mapping[str, Any], tokenizer: Tokenizer) -> tuple[int, ...]:
    if config.get("model_type") not in ("blip-2", "instructblip"):
        return ()
    if config["model_type"] == "instructblip":
        raise ConfigurationError(f"checkpoint {checkpoint.name!r} is an InstructBLIP, not supported here; use BLIP or BLIP-2")
    saved = checkpoint.json("processor_config.json") or {}
    count = saved.get("num_query_tokens") or config.get("num_query_tokens")
    token = _content(saved.get("image_token")) or "<image>"
    if not isinstance(count, int) or not 0 < count <= 1024:
        raise ConfigurationError(f"checkpoint {checkpoint.name!r}: num_query_tokens is {count!r}; a BLIP-2 processor needs it")
    if tokenizer.token_to_id(token) is None:
        tokenizer.add_special_tokens([token])  # as transformers' Blip2Processor does with older checkpoints
    id_ = tokenizer.token_to_id(token)
    expected = config.get("image_token_index", config.get("image_token_id"))
    if expected is not None and id_ != expected:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {token!r} is token {id_} of the tokenizer and {expected} of the model; "
            "save both again"
        )
    return (id_,) * count


def _stops(checkpoint: Checkpoint, config: Mapping[str, Any], named: Mapping[str, Any], tokenizer: Tokenizer) -> set[int]:
    written = {_content(named.get(key)) for key in ("sep_token", "eos_token")} - {None}
    stops = _ids(tokenizer, written or _STOPS)
    if config.get("model_type") == "blip":
        return stops  # BLIP stops at its separator, whatever eos_token_id its files carry over from other models
    generation = checkpoint.json("generation_config.json") or {}
    ends = generation.get("eos_token_id", (config.get("text_config") or {}).get("eos_token_id"))
    return stops | {id_ for id_ in (ends if isinstance(ends, list) else [ends]) if isinstance(id_, int)}


def _content(token: Any) -> str | None:
    value = token.get("content") if isinstance(token, Mapping) else token
    return value if isinstance(value, str) else None


def _ids(tokenizer: Tokenizer, tokens: Iterable[str | None]) -> set[int]:
    return {id_ for token in tokens if token and (id_ := tokenizer.token_to_id(token)) is not None}


def _token_id(tokenizer: Tokenizer, tokens: Iterable[str | None]) -> int | None:
    return next((id_ for token in tokens if token and (id_ := tokenizer.token_to_id(token)) is not None), None)
