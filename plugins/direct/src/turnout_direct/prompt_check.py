"""Check of prompts on which transformers fails late or mixes rows."""

from __future__ import annotations

from turnout.errors import InvalidTensorError
from turnout_direct.generation_family import GenerationFamily
from turnout_direct.length_limit import LengthLimit
from turnout_direct.prompt_groups import PromptGroup


def check_prompts(group: PromptGroup, family: GenerationFamily, limit: LengthLimit, model: str) -> None:
    """Raise InvalidTensorError for prompts on which transformers fails late or mixes rows."""
    length = group.input_ids.shape[1]
    row = int(group.rows[0])
    if length < family.shortest:
        raise InvalidTensorError(
            f"row {row} of 'input_ids' has {length} token; model {model!r} needs {family.shortest} or more"
        )
    if limit.max_length is not None and family.start_length(length) >= limit.max_length:
        raise InvalidTensorError(
            f"row {row} of 'input_ids' has {length} tokens, which leaves no room for an answer within max_length "
            f"{limit.max_length} of model {model!r}; send a shorter prompt, or raise 'max_length'"
        )
    if family.prompt is None:
        return
    low, high = int(group.input_ids.min()), int(group.input_ids.max())
    if low < 0 or high >= family.vocabulary:
        raise InvalidTensorError(
            f"'input_ids' contains token {low if low < 0 else high}; model {model!r} accepts 0 to {family.vocabulary - 1}; "
            "use the tokenizer of its checkpoint"
        )
    _check_first_token(group, family, model)
    _check_image_tokens(group, family, model)


def _check_first_token(group: PromptGroup, family: GenerationFamily, model: str) -> None:
    if family.first_token is None:
        return
    wrong = (group.input_ids[:, 0] != family.first_token).nonzero()
    if len(wrong):
        index = int(wrong[0])
        raise InvalidTensorError(
            f"row {int(group.rows[index])} of 'input_ids' starts with token {int(group.input_ids[index, 0])}; the decoder of "
            f"model {model!r} starts with {family.first_token}: put that before the prompt"
        )


def _check_image_tokens(group: PromptGroup, family: GenerationFamily, model: str) -> None:
    if family.image_token is None:
        return
    height, width = group.pictures[family.pictures[0].name].shape[-2:]
    needed = family.count_image_tokens(height, width)
    found = (group.input_ids == family.image_token).sum(dim=1)
    wrong = (found != needed).nonzero()
    if len(wrong):
        index = int(wrong[0])
        raise InvalidTensorError(
            f"row {int(group.rows[index])} of 'input_ids' has {int(found[index])} image tokens "
            f"({family.image_token}); model {model!r} needs {needed}; use the processor of its checkpoint"
        )
