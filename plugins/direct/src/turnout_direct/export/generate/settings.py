"""What the settings of ``generate()`` ask of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.errors import ExportError
from turnout_direct.export.generate.architecture import Architecture
from turnout_direct.generate import Limit, generated_width

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
    "suppress_tokens": ([],),
    "watermarking_config": (),
}
# Settings that the graph has, or that change nothing when the likeliest token is taken.
_FREE = frozenset({"early_stopping", "length_penalty", "max_length", "max_new_tokens"})


def check_greedy(model: str, generation: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Return if greedy decoding is what ``generation`` of turnout.yaml, over the checkpoint's ``own`` settings, asks for.

    Raises:
        ExportError: a setting has no form in the graph.
    """
    for name in generation:
        if name not in _NEUTRAL and name not in _FREE:
            raise _refusal(model, name, generation[name], "remove it from turnout.yaml")
    for name, neutral in _NEUTRAL.items():
        value = generation.get(name, own.get(name))
        if value is not None and value not in neutral:
            instead = repr(neutral[0]).lower() if neutral else "null"
            own_way = f"it comes from the checkpoint, so set {name!r} to {instead} there"
            raise _refusal(model, name, value, "remove it from turnout.yaml" if name in generation else own_way)


def width_of(model: str, architecture: Architecture, limit: Limit, prompt: int | None) -> int:
    """Return the width of ``generated_ids``, for prompts padded to ``prompt`` tokens or, when None, to any length.

    Raises:
        ExportError: the width depends on the prompts, or the decoder has not so many positions.
    """
    family = architecture.family
    if limit.max_length is None and prompt is None and family.start != "first_token":
        raise ExportError(
            f"model {model!r}: 'max_new_tokens' {limit.max_new_tokens} behind prompts of any length gives answers of any "
            "length, but a graph has one; set 'max_length', which counts the prompt, or declare 'input_ids' with a length"
        )
    width = generated_width(family, limit, prompt or 1)
    if not 2 <= width <= architecture.positions:
        raise ExportError(
            f"model {model!r}: answers would be {width} tokens long with their prompt, but its decoder has positions for "
            f"2 to {architecture.positions}; set 'max_length' within these in turnout.yaml"
        )
    return width


def _refusal(model: str, name: str, value: Any, way_out: str) -> ExportError:
    return ExportError(
        f"model {model!r}: generation setting {name!r} is {value!r}, which has no form in an exported graph; "
        f"a graph decodes greedily: {way_out}, or keep the model on the backend 'direct'"
    )
