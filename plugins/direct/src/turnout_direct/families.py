"""The generating models that are known: what their answers begin with, where they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from turnout.errors import ModelLoadError

if TYPE_CHECKING:
    import torch

Start = Literal["prompt_but_last", "prompt", "first_token"]

_STARTS: dict[str, Start] = {
    "BlipForConditionalGeneration": "prompt_but_last",
    "BlipForQuestionAnswering": "first_token",
    "Blip2ForConditionalGeneration": "prompt",
}


@dataclass(frozen=True, slots=True)
class Family:
    """How a generating model answers.

    Attributes:
        start: what an answer begins with: the prompt without its last token, the prompt, or the decoder's first token.
        decoder: the part that transformers' generation settings count for.
        vocabulary: how many token ids there are.
        ends: the ids that end an answer.
        pad: the id that follows an end.
        shortest: the least tokens of a prompt.
        image_token: the id that stands for the picture in a prompt; None where the picture has no place there.
        image_tokens: how many of them a prompt must have.
        picture_size: height and width of ``pixel_values``.
    """

    start: Start
    decoder: torch.nn.Module
    vocabulary: int
    ends: tuple[int, ...]
    pad: int
    shortest: int
    picture_size: int
    image_token: int | None = None
    image_tokens: int = 0

    def start_length(self, prompt: int) -> int:
        """Return how many tokens an answer begins with, for a prompt of so many tokens."""
        return {"prompt_but_last": prompt - 1, "prompt": prompt, "first_token": 1}[self.start]


def family_of(module: torch.nn.Module, model: str) -> Family:
    """Return how ``module`` generates.

    Raises:
        ModelLoadError: its class is none of those known.
    """
    name = next((kind.__name__ for kind in type(module).__mro__ if kind.__name__ in _STARTS), None)
    if name is None:
        raise ModelLoadError(
            f"model {model!r}: 'method: generate' knows {', '.join(_STARTS)}, not {type(module).__name__!r}; "
            "use 'method: forward', or a factory whose module generates in its forward"
        )
    return _blip2(module) if name.startswith("Blip2") else _blip(module, _STARTS[name])


def _blip(module: Any, start: Start) -> Family:
    text = module.config.text_config
    return Family(
        start=start,
        decoder=module.text_decoder,
        vocabulary=text.vocab_size,
        ends=(text.sep_token_id,),
        pad=text.pad_token_id,
        shortest=2 if start == "prompt_but_last" else 1,
        picture_size=module.config.vision_config.image_size,
    )


def _blip2(module: Any) -> Family:
    decoder = module.language_model
    settings = decoder.generation_config
    end = settings.eos_token_id
    ends = tuple(end) if isinstance(end, list | tuple) else () if end is None else (end,)
    pad = settings.pad_token_id if settings.pad_token_id is not None else next(iter(ends), 0)
    return Family(
        start="first_token" if decoder.config.is_encoder_decoder else "prompt",
        decoder=decoder,
        vocabulary=module.get_input_embeddings().num_embeddings,
        ends=ends,
        pad=pad,
        shortest=1,
        picture_size=module.config.vision_config.image_size,
        image_token=module.config.image_token_index,
        image_tokens=module.config.num_query_tokens,
    )
