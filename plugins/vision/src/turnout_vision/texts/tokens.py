"""Text codec: text to token ids of a checkpoint's vocabulary, and generated ids to text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError, InvalidInputError
from turnout.tensors import describe
from turnout_vision.brief_text import brief
from turnout_vision.texts.panics import panics_as_errors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNLIMITED = 1 << 30
_CLEANED = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    *((f" {ending}", ending) for ending in ("n't", "'m", "'s", "'ve", "'re")),
)


@dataclass(frozen=True, slots=True, eq=False)
class TextCodec:
    """Encodes prompts, decodes generated ids. Thread-safe.

    Attributes:
        tokenizer: the vocabulary; its post-processor adds the special tokens.
        pad: the id that pads a prompt.
        starts: ids without a meaning at the beginning of a generated text.
        stops: ids that end a generated text.
        placeholders: ids before every prompt, which the model replaces by the picture.
        first: the decoder's first id, where a prompt is the start of its text: it takes the place of special tokens.
        names_tasks: True if a prompt starts with the token of a task in the place of ``first``.
        reword: returns the text that the model was trained with for a prompt.
        max_tokens: the maximum number of tokens of a prompt.
        echoes: True if the model repeats the prompt before the generated text.
        cleans_spaces: True if a decoded text has no space before punctuation and contractions.
    """

    tokenizer: Tokenizer
    pad: int
    starts: frozenset[int]
    stops: frozenset[int]
    placeholders: tuple[int, ...] = ()
    first: int | None = None
    names_tasks: bool = False
    reword: Callable[[str], str] = str
    max_tokens: int = UNLIMITED
    echoes: bool = True
    cleans_spaces: bool = False

    def ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of a prompt: placeholders, special tokens, text.

        Raises:
            InvalidInputError: the text has too many tokens, is not valid Unicode, or contains the picture's token.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInputError(f"text {brief(text)} is not valid Unicode: {error.reason}; fix its encoding") from error
        with panics_as_errors():
            own = self.tokenizer.encode(self.reword(text), add_special_tokens=self.first is None).ids
        if set(own) & set(self.placeholders):
            raise InvalidInputError(f"text {brief(text)} contains the token of the picture; remove it")
        start = () if self.first is None or (own and self.names_tasks) else (self.first,)
        prompt = (*self.placeholders, *start, *own)
        if len(prompt) > self.max_tokens:
            raise InvalidInputError(
                f"text {brief(text)} has {len(prompt)} tokens; the model accepts {self.max_tokens}: shorten it"
            )
        return prompt

    def inputs(self, ids: Sequence[int], length: int | None) -> dict[str, NDArray[Any]]:
        """Return ``input_ids`` and ``attention_mask``, INT64 [1, length], padded on the right; None means no padding.

        Raises:
            InvalidInputError: there are more than ``length`` ids.
        """
        width = len(ids) if length is None else length
        if len(ids) > width:
            raise InvalidInputError(
                f"the prompt has {len(ids)} tokens, but prompt_length is {width}; shorten the text or raise prompt_length"
            )
        input_ids = np.full((1, width), self.pad, np.int64)
        input_ids[0, : len(ids)] = ids
        attention_mask = np.zeros((1, width), np.int64)
        attention_mask[0, : len(ids)] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    def whole_text(self, generated_ids: NDArray[Any], prompt: Sequence[int]) -> str:
        """Return the text of ``generated_ids``, INT64 [1, length], with the prompt if the model repeats it.

        Raises:
            InferenceError: ``generated_ids`` are not token ids.
        """
        ids = self._read_ids(generated_ids)
        start = self._find_start(ids, prompt)
        return self._decode([*ids[:start], *self._cut(ids[start:])])

    def new_text(self, generated_ids: NDArray[Any], prompt: Sequence[int]) -> str:
        """Return the text of ``generated_ids``, INT64 [1, length], without the prompt. Raises as ``whole_text``."""
        ids = self._read_ids(generated_ids)
        return self._decode(self._cut(ids[self._find_start(ids, prompt) :]))

    def _read_ids(self, generated_ids: NDArray[Any]) -> list[int]:
        if generated_ids.ndim != 2 or generated_ids.shape[0] != 1 or generated_ids.dtype.kind not in "iu":
            raise InferenceError(
                f"generated ids must be INT64 [1, length], got {describe(generated_ids)}; does the model generate text?"
            )
        ids = [int(token) for token in generated_ids[0]]
        # The tokenizer is Rust and has ids of 32 bits.
        if ids and not 0 <= min(ids) <= max(ids) < 1 << 31:
            raise InferenceError(
                f"generated ids must be from 0 to 2147483647, got {min(ids)} to {max(ids)}; check the model's output"
            )
        return ids

    def _find_start(self, ids: Sequence[int], prompt: Sequence[int]) -> int:
        """Return the index of the first new token: after the prompt, or after one start token."""
        if self.echoes and tuple(ids[: len(prompt)]) == tuple(prompt):
            return len(prompt)
        # BLIP replaces the first token of the prompt by its own, and drops the last one.
        repeated = len(prompt) - 1
        if self.echoes and repeated > 1 and tuple(ids[1:repeated]) == tuple(prompt[1:repeated]):
            return repeated
        return 1 if ids and ids[0] in self.starts else 0

    def _cut(self, ids: Sequence[int]) -> Sequence[int]:
        """Return ``ids`` before the first stop token."""
        end = next((index for index, token in enumerate(ids) if token in self.stops), len(ids))
        return ids[:end]

    def _decode(self, ids: Sequence[int]) -> str:
        words = [token for token in ids if token not in self.starts]
        with panics_as_errors():
            text = str(self.tokenizer.decode(words, skip_special_tokens=True))
        # A BPE model marks the end of a word, where CLIP has no decoder for it.
        suffix = getattr(self.tokenizer.model, "end_of_word_suffix", None)
        text = text.replace(suffix, " ") if suffix else text
        return (_clean_spaces(text) if self.cleans_spaces else text).strip()


def _clean_spaces(text: str) -> str:
    """Return ``text`` as the ``clean_up_tokenization`` of transformers does, in its order."""
    for found, written in _CLEANED:
        text = text.replace(found, written)
    return text
