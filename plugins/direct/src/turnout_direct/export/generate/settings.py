"""What the settings of ``generate()`` ask of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.errors import ExportError

# transformers' own, when nobody says.
DEFAULT_MAX_LENGTH = 20
LENGTHS = ("max_length", "max_new_tokens")

# Settings that change a greedy answer, each with the values that leave it alone; None always does.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "bad_words_ids": (),
    "begin_suppress_tokens": (),
    "constraints": (),
    "do_sample": (False,),
    "encoder_no_repeat_ngram_size": (0,),
    "encoder_repetition_penalty": (1.0,),
    "exponential_decay_length_penalty": (),
    "force_words_ids": (),
    "forced_bos_token_id": (),
    "forced_eos_token_id": (),
    "guidance_scale": (1.0,),
    "max_time": (),
    "min_length": (0,),
    "min_new_tokens": (0,),
    "no_repeat_ngram_size": (0,),
    "num_beams": (1,),
    "num_return_sequences": (1,),
    "penalty_alpha": (),
    "prompt_lookup_num_tokens": (),
    "remove_invalid_values": (False,),
    "repetition_penalty": (1.0,),
    "sequence_bias": (),
    "stop_strings": (),
    "suppress_tokens": (),
    "watermarking_config": (),
}
# Settings that change nothing when the likeliest token is taken.
_IDLE = frozenset({"early_stopping", "length_penalty", "temperature", "top_k", "top_p", "typical_p", "use_cache"})


def check_greedy(model: str, generation: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Return if greedy decoding is what ``generation`` of turnout.yaml, over the checkpoint's ``own`` settings, asks for.

    Raises:
        ExportError: a setting has no form in the graph.
    """
    for name, value in generation.items():
        if name not in _NEUTRAL and name not in _IDLE and name not in LENGTHS:
            raise _refusal(model, name, value, "remove it from turnout.yaml")
    for name, values in _NEUTRAL.items():
        value = generation.get(name, own.get(name))
        if value is not None and value not in values:
            where = "remove it from" if name in generation else f"set '{name}: {_way_out(values)}' in"
            raise _refusal(model, name, value, f"{where} turnout.yaml")


def max_length(model: str, generation: Mapping[str, Any], own: Mapping[str, Any], *, prompt: int | None, positions: int) -> int:
    """Return how many tokens an answer has with its prompt, of ``prompt`` tokens if all have the same number.

    Raises:
        ExportError: the length is none that the graph can have.
    """
    new = generation.get("max_new_tokens", None if "max_length" in generation else own.get("max_new_tokens"))
    if new is not None and prompt is None:
        raise ExportError(
            f"model {model!r}: generation setting 'max_new_tokens': {new!r} gives each prompt another length, "
            "but a graph has one; set 'max_length', which counts the prompt, in turnout.yaml"
        )
    length = prompt + new if new is not None and prompt is not None else _own_length(generation, own)
    if not isinstance(length, int) or not 2 <= length <= positions:
        raise ExportError(
            f"model {model!r}: generation setting 'max_length' must be a whole number from 2 to {positions}, "
            f"the positions that the decoder has; got {length!r}; correct it in turnout.yaml"
        )
    return length


def _own_length(generation: Mapping[str, Any], own: Mapping[str, Any]) -> Any:
    length = generation.get("max_length", own.get("max_length"))
    return DEFAULT_MAX_LENGTH if length is None else length


def _way_out(values: tuple[Any, ...]) -> str:
    return repr(values[0]).lower() if values else "null"


def _refusal(model: str, name: str, value: Any, way_out: str) -> ExportError:
    return ExportError(
        f"model {model!r}: generation setting {name!r}: {value!r} has no form in an exported graph, which decodes greedily; "
        f"{way_out}, or keep the model on the backend 'direct'"
    )
