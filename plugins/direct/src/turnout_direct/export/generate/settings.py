"""Settings of ``generate()`` that an exported graph fixes: the beam search, the rules for tokens, the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout.errors import ExportError
from turnout_direct.export.generate.architecture import Architecture
from turnout_direct.export.generate.beam import BeamSettings
from turnout_direct.export.generate.token_rules import TokenRules
from turnout_direct.generation_family import GenerationFamily
from turnout_direct.length_limit import LengthLimit, generated_width

# Settings that a graph cannot express, each with the values that do not change an answer; None never changes it.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "constraints": (),
    "diversity_penalty": (0.0,),
    "do_sample": (False,),
    "encoder_no_repeat_ngram_size": (0,),
    "encoder_repetition_penalty": (1.0,),
    "exponential_decay_length_penalty": (),
    "force_words_ids": (),
    "guidance_scale": (1.0,),
    "max_time": (),
    "num_beam_groups": (1,),
    "num_return_sequences": (1,),
    "penalty_alpha": (),
    "prompt_lookup_num_tokens": (),
    "remove_invalid_values": (False,),
    "sequence_bias": (),
    "stop_strings": (),
    "watermarking_config": (),
}
_RULES = frozenset(TokenRules._fields) - {"ends"}
# The tokens of a usual prompt, for a suggestion.
PROMPT_TOKENS = 16
# Settings that a graph can express.
_SUPPORTED = frozenset({"early_stopping", "length_penalty", "max_length", "max_new_tokens", "num_beams"}) | _RULES


def beams_of(model: str, generation: Mapping[str, Any], own: Mapping[str, Any]) -> BeamSettings | None:
    """Return the beam search set in turnout.yaml (``generation``) or the checkpoint (``own``); None is greedy decoding.

    Raises:
        ExportError: a graph cannot express a setting.
    """
    _check_supported(model, generation, own)
    chosen = {name: generation.get(name, own.get(name)) for name in BeamSettings._fields}
    given = {name: value for name, value in chosen.items() if value is not None}
    return BeamSettings(**given) if given.get("num_beams", 1) > 1 else None


def rules_of(model: str, family: GenerationFamily, generation: Mapping[str, Any], own: Mapping[str, Any]) -> TokenRules | None:
    """Return the rules for the next token set in turnout.yaml (``generation``) or the checkpoint (``own``); None is no rule.

    Raises:
        ExportError: a graph cannot express a setting.
    """
    chosen = {name: generation.get(name, own.get(name)) for name in _RULES}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items() if value is not None
    }
    given["suppress_tokens"] = (*given.get("suppress_tokens", ()), *_bad_words(model, family, own.get("bad_words_ids")))
    for name in ("forced_bos_token_id", "forced_eos_token_id"):
        if isinstance(given.get(name), tuple):
            raise _refusal(model, name, list(given[name]), f"write one id for {name!r} in the checkpoint")
    # Without an end token transformers does not keep an answer from ending.
    rules = TokenRules(ends=family.ends, **given)
    return None if rules == TokenRules(ends=family.ends) else rules


def _bad_words(model: str, family: GenerationFamily, words: Sequence[Sequence[int]] | None) -> tuple[int, ...]:
    """Return the tokens that are words of their own, but for end tokens, which transformers leaves out."""
    longer = next((word for word in words or () if len(word) > 1), None)
    if longer is not None:
        raise _refusal(
            model, "bad_words_ids", [longer], "it comes from the checkpoint, so remove words of several tokens there"
        )
    return tuple(word[0] for word in words or () if word[0] not in family.ends)


def _check_supported(model: str, generation: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for name in generation:
        if name not in _NEUTRAL and name not in _SUPPORTED:
            raise _refusal(model, name, generation[name], "remove it from turnout.yaml")
    for name, neutral in _NEUTRAL.items():
        value = generation.get(name, own.get(name))
        if value is not None and value not in neutral:
            instead = repr(neutral[0]).lower() if neutral else "null"
            in_checkpoint = f"it comes from the checkpoint, so set {name!r} to {instead} there"
            raise _refusal(model, name, value, "remove it from turnout.yaml" if name in generation else in_checkpoint)


def width_of(model: str, architecture: Architecture, limit: LengthLimit, prompt: int | None) -> int:
    """Return the width of ``generated_ids`` for prompts padded to ``prompt`` tokens; None means any length.

    Raises:
        ExportError: the width depends on the prompts, or the decoder has too few positions.
    """
    family = architecture.family
    if limit.max_length is None and prompt is None and family.start != "first_token":
        raise ExportError(
            f"model {model!r}: 'max_new_tokens' {limit.max_new_tokens} after prompts of any length gives answers of any "
            f"length, but a graph has one; in turnout.yaml write 'generate: {{max_length: "
            f"{suggested_max_length(architecture, limit)}}}', which counts the prompt, or declare 'input_ids' with a length"
        )
    width = generated_width(family, limit, prompt or 1)
    least = family.start_length(max(1, family.shortest, family.image_tokens)) + 1
    if not least <= width <= architecture.positions:
        raise ExportError(
            f"model {model!r}: answers would be {width} tokens long with their prompt, but its decoder supports "
            f"{least} to {architecture.positions}; in turnout.yaml write "
            f"'generate: {{max_length: {min(max(width, least), architecture.positions)}}}'"
        )
    return width


def suggested_max_length(architecture: Architecture, limit: LengthLimit) -> int:
    """Return a ``max_length`` with room for the generated tokens of ``limit`` after a prompt of some words."""
    family = architecture.family
    wanted = generated_width(family, LengthLimit(None, limit.max_new_tokens), family.image_tokens + PROMPT_TOKENS)
    return min(wanted, architecture.positions)


def _refusal(model: str, name: str, value: Any, advice: str) -> ExportError:
    return ExportError(
        f"model {model!r}: generation setting {name!r} is {value!r}, which an exported graph cannot express; "
        f"a graph decodes greedily or with beams: {advice}, or keep the model on the backend 'direct'"
    )
