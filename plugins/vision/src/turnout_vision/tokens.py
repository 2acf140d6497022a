"""Text to tokens of a checkpoint's own vocabulary, with the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError, InvalidInputError
from turnout.tensors import describe

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True, eq=False)
class TextCodec:
    """Makes prompts of text, reads text from answers. Thread-safe.

    Attributes:
        tokenizer: the vocabulary, whose post-processor adds the special tokens.
        pad: the id that fills a prompt up.
        starts: ids that an answer may begin with without meaning anything.
        stops: ids that end an answer.
        placeholders: ids in front of every prompt, where the model puts what it sees.
        most: how many tokens a prompt may have.
        echoes: answers begin with their prompt; False where they do not, even if it looks so.
    """

    tokenizer: Tokenizer
    pad: int
    starts: frozenset[int]
    stops: frozenset[int]
    placeholders: tuple[int, ...] = ()
    most: int = 1 << 30
    echoes: bool = True

    def ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of a prompt: placeholders, special tokens, text.

        Raises:
            InvalidInputError: the text has more tokens than the model takes.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInputError(f"text {text!r:.60} is no valid Unicode: {error.reason}; mend it") from error
        own = self.tokenizer.encode(text).ids
        if set(own) & set(self.placeholders):
            raise InvalidInputError(f"text {text!r:.60} holds the token that stands for the picture; leave it out")
        encoded = (*self.placeholders, *own)
        if len(encoded) > self.most:
            raise InvalidInputError(f"text {text!r:.60} has {len(encoded)} tokens; the model takes {self.most}: shorten it")
        return encoded

    def inputs(self, ids: Sequence[int], length: int | None) -> dict[str, NDArray[Any]]:
        """Return ``input_ids`` and ``attention_mask``, INT64 [1, length], padded on the right; None pads nothing.

        Raises:
            InvalidInputError: there are more than ``length`` ids.
        """
        width = len(ids) if length is None else length
        if len(ids) > width:
            raise InvalidInputError(
                f"the prompt has {len(ids)} tokens, and prompt_length is {width}; shorten the text or raise prompt_length"
            )
        input_ids = np.full((1, width), self.pad, np.int64)
        input_ids[0, : len(ids)] = ids
        attention_mask = np.zeros((1, width), np.int64)
        attention_mask[0, : len(ids)] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    def whole_text(self, generated_ids: NDArray[Any], prompt: Sequence[int]) -> str:
        """Return what was generated, INT64 [1, length], with the prompt if the model repeats it. Raises as ``new_text``."""
        ids = self._checked(generated_ids)
        start = self._start(ids, prompt)
        return self._decoded([*ids[:start], *self._until_stop(ids[start:])])

    def new_text(self, generated_ids: NDArray[Any], prompt: Sequence[int]) -> str:
        """Return what was generated, INT64 [1, length], behind the prompt if the model repeats it.

        Raises:
            InferenceError: these are no token ids.
        """
        ids = self._checked(generated_ids)
        return self._decoded(self._until_stop(ids[self._start(ids, prompt) :]))

    def _checked(self, generated_ids: NDArray[Any]) -> list[int]:
        if generated_ids.ndim != 2 or generated_ids.shape[0] != 1 or generated_ids.dtype.kind not in "iu":
            raise InferenceError(f"generated ids must be INT64 [1, length], got {describe(generated_ids)}; does it generate?")
        ids = [int(token) for token in generated_ids[0]]
        if ids and not 0 <= min(ids) <= max(ids) < 1 << 31:
            raise InferenceError(f"generated ids run from {min(ids)} to {max(ids)}; they must be 0 or more: check the model")
        return ids

    def _start(self, ids: Sequence[int], prompt: Sequence[int]) -> int:
        """Return where the answer begins: behind the prompt, or behind one token that only starts it."""
        if self.echoes and tuple(ids[: len(prompt)]) == tuple(prompt):
            return len(prompt)
        # BLIP puts its own first token in place of the prompt's and drops the prompt's last.
        kept = len(prompt) - 1
        if self.echoes and kept > 1 and tuple(ids[1:kept]) == tuple(prompt[1:kept]):
            return kept
        return 1 if ids and ids[0] in self.starts else 0

    def _until_stop(self, ids: Sequence[int]) -> Sequence[int]:
        end = next((index for index, token in enumerate(ids) if token in self.stops), len(ids))
        return ids[:end]

    def _decoded(self, ids: Sequence[int]) -> str:
        words = [token for token in ids if token not in self.starts]
        return str(self.tokenizer.decode(words, skip_special_tokens=True)).strip()
