"""Rules for the next token, as the settings of ``generate()`` make them: tokens that are forced, banned or less likely."""

from __future__ import annotations

from typing import NamedTuple

import torch  # noqa: TID253  this module is imported by an export only

from turnout_direct.export.generate.loop import is_one_of


class TokenRules(NamedTuple):
    """Settings with the names of ``generate()``; ``ends`` are the ids that end an answer, ``limit`` the longest answer.

    ``suppress_tokens`` are never chosen, ``begin_suppress_tokens`` never first.
    """

    ends: tuple[int, ...] = ()
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    min_length: int = 0
    min_new_tokens: int = 0
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | None = None
    suppress_tokens: tuple[int, ...] = ()
    begin_suppress_tokens: tuple[int, ...] = ()

    def apply(
        self, scores: torch.Tensor, ids: torch.Tensor, count: torch.Tensor, starts: torch.Tensor, limits: torch.Tensor
    ) -> torch.Tensor:
        """Return ``scores`` FP32 [R, vocabulary] of the token after the first ``count`` INT64 [] of ``ids`` INT64 [R, width].

        ``starts`` INT64 [R] is the length of each row's prompt, ``limits`` INT64 [R] of its longest answer, prompt included.
        """
        # In the order of transformers, in which a forced token comes after what is banned.
        scores = self._penalize(scores, ids, count)
        scores = self._ban_repeats(scores, ids, count)
        scores = self._ban_early_ends(scores, count, starts)
        if self.forced_bos_token_id is not None:
            scores = _force(scores, self.forced_bos_token_id, (count == 1).expand_as(starts))
        if self.forced_eos_token_id is not None:
            scores = _force(scores, self.forced_eos_token_id, count == limits - 1)
        scores = _ban(scores, self.suppress_tokens, torch.ones_like(starts, dtype=torch.bool))
        return _ban(scores, self.begin_suppress_tokens, count == starts + self._forced_starts(starts))

    def _forced_starts(self, starts: torch.Tensor) -> torch.Tensor:
        """Return 1 for rows whose first new token is forced, so that the second one is the first choice."""
        forced = self.forced_bos_token_id is not None
        return (starts == 1).long() if forced else torch.zeros_like(starts)

    def _penalize(self, scores: torch.Tensor, ids: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        if self.repetition_penalty == 1.0:
            return scores
        used = torch.arange(ids.shape[1], device=ids.device) < count
        reached = torch.gather(scores, 1, ids)
        penalized = torch.where(reached < 0, reached * self.repetition_penalty, reached / self.repetition_penalty)
        return _scatter(scores, ids, used.expand_as(ids), penalized)

    def _ban_repeats(self, scores: torch.Tensor, ids: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """Ban each token that followed the last ``no_repeat_ngram_size - 1`` tokens before."""
        size, width = self.no_repeat_ngram_size, ids.shape[1]
        if not 0 < size < width:
            return scores
        columns = torch.arange(width - size + 1, device=ids.device)
        same = (columns + size - 1 < count).expand(ids.shape[0], -1)
        for place in range(size - 1):
            # A short answer has no such tokens yet, and no n-gram to repeat.
            last = torch.index_select(ids, 1, (count - size + 1 + place).clamp(min=0).reshape(1))
            same = same & (ids[:, place : place + width - size + 1] == last)
        following = ids[:, size - 1 :]
        return _scatter(scores, following, same, torch.full_like(following, -torch.inf, dtype=scores.dtype))

    def _ban_early_ends(self, scores: torch.Tensor, count: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        if self.min_length > 0:
            scores = _ban(scores, self.ends, (count < self.min_length).expand_as(starts))
        return _ban(scores, self.ends, count - starts < self.min_new_tokens) if self.min_new_tokens > 0 else scores


def _scatter(scores: torch.Tensor, ids: torch.Tensor, chosen: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return ``scores`` with ``values`` [R, N] at ``ids`` [R, N] where ``chosen`` BOOL [R, N] is true."""
    # What is not chosen is written to one more column: a scatter cannot leave out an index.
    vocabulary = scores.shape[1]
    wider = torch.nn.functional.pad(scores, (0, 1))
    return torch.scatter(wider, 1, torch.where(chosen, ids, vocabulary), values)[:, :vocabulary]


def _ban(scores: torch.Tensor, tokens: tuple[int, ...], rows: torch.Tensor) -> torch.Tensor:
    """Return ``scores`` with minus infinity for ``tokens`` in ``rows`` BOOL [R]."""
    if not tokens:
        return scores
    banned = is_one_of(torch.arange(scores.shape[1], device=scores.device), tokens)
    return torch.where(rows[:, None] & banned, -torch.inf, scores)


def _force(scores: torch.Tensor, token: int, rows: torch.Tensor) -> torch.Tensor:
    """Return ``scores`` with 0 for ``token`` and minus infinity for all others in ``rows`` BOOL [R]."""
    forced = torch.where(torch.arange(scores.shape[1], device=scores.device) == token, 0.0, -torch.inf)
    return torch.where(rows[:, None], forced, scores)
