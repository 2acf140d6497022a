"""Beam search, one token at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch  # noqa: TID253  this module is imported by an export only

from turnout_direct.export.generate.loop import State, is_one_of, pad_prompts
from turnout_direct.export.generate.token_rules import TokenRules

if TYPE_CHECKING:
    from turnout_direct.export.generate.architecture import Architecture

# transformers adds this to the score of a beam that must not win.
_NEVER = -1.0e9


class BeamSettings(NamedTuple):
    """Settings of a beam search, with the names of ``generate()``."""

    num_beams: int
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False


class BeamState(NamedTuple):
    """The state of a search.

    Attributes:
        done: BOOL [B], the search of this row has ended.
        can_improve: BOOL [B], a running beam may still become better than the finished ones.
        running: INT64 [B, beams, width], the beams that continue, the likeliest first.
        scores: FP32 [B, beams], their log probabilities.
        best: INT64 [B, beams, width], the finished beams, the best first; arbitrary where ``finished`` is false.
        best_scores: FP32 [B, beams], their log probabilities with the length penalty.
        finished: BOOL [B, beams], true for the entries of ``best`` that are finished.
    """

    done: torch.Tensor
    can_improve: torch.Tensor
    running: torch.Tensor
    scores: torch.Tensor
    best: torch.Tensor
    best_scores: torch.Tensor
    finished: torch.Tensor


class Candidates(NamedTuple):
    """The likeliest continuations of a row's beams, the likeliest first; [B, candidates], ``ids`` INT64 [B, candidates, width].

    ``source`` is the index of the beam that a candidate continues; ``ends`` is true if the candidate ends there.
    """

    ids: torch.Tensor
    scores: torch.Tensor
    source: torch.Tensor
    ends: torch.Tensor


class BeamDecoding(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A decoding with the beam search of transformers; its inputs are pixel_values, input_ids, attention_mask.

    As in greedy decoding, each row is forced through its own prompt and then searches independently: it has its own length, and
    does not change after its search has ended. ``generated_ids`` INT64 [B, width] is a row's best beam.
    """

    def __init__(
        self,
        architecture: Architecture,
        settings: BeamSettings,
        rules: TokenRules | None = None,
        *,
        width: int,
        new_tokens: int | None = None,
    ) -> None:
        super().__init__()
        # Registered for its weights only: the architecture is not a module.
        self.model = architecture.model
        self.architecture = architecture
        self.beams = settings.num_beams
        self.penalty = settings.length_penalty
        self.early_stopping = settings.early_stopping
        # As in transformers: even if as many candidates as possible end, num_beams of them continue.
        self.candidate_count = self.beams * max(2, 1 + len(architecture.family.ends))
        self.rules = rules
        self.width = width
        self.new_tokens = width if new_tokens is None else new_tokens

    def begin(self, *inputs: torch.Tensor) -> tuple[State, State]:
        encoded = self.architecture.encode(*inputs)
        position, cache = self.architecture.begin(encoded, self.width)
        ids = pad_prompts(encoded, self.width, self.architecture.family.pad).unsqueeze(1).repeat(1, self.beams, 1)
        nowhere = torch.full_like(ids[:, :, 0], _NEVER, dtype=torch.float32)
        # All beams start with the same prompt, so only the first one may continue.
        scores = torch.where(torch.arange(self.beams, device=ids.device) == 0, 0.0, nowhere)
        done = torch.zeros_like(encoded.lengths, dtype=torch.bool)
        beams = BeamState(done, ~done, ids, scores, ids.clone(), nowhere, torch.zeros_like(nowhere, dtype=torch.bool))
        return (encoded.lengths, *map(self._repeat, encoded.memory)), (position, *beams, *map(self._repeat, cache))

    def unfinished(self, state: State) -> torch.Tensor:
        position, done, *_ = state
        return (position < self.width - 1) & ~done.all()

    def advance(self, constants: State, state: State) -> State:
        lengths, *memory = constants
        position, beams, cache = state[0], BeamState(*state[1:8]), state[8:]
        tokens = torch.index_select(beams.running, 2, position.reshape(1)).flatten()
        logits, written = self.architecture.step(tokens, position, tuple(memory), cache)
        following = position + 1
        length = (following + 1 - lengths).clamp(min=1)
        most = (lengths + self.new_tokens).clamp(max=self.width) - lengths
        likely = self._score(beams, logits, following, lengths, lengths + most)
        candidates = self._candidates(beams, likely, following, length >= most)
        running, source = self._select_running(candidates)
        finished = self._merge_finished(beams, candidates, length)
        updated = self._evaluate(running, finished, candidates, most if self._assumes_full_length() else length)
        # A row inside its prompt, or with an ended search, keeps its state.
        active = ~beams.done & (following >= lengths)
        beams = BeamState(*(_select_rows(active, new, old) for new, old in zip(updated, beams, strict=True)))
        # The cache follows its beams: each row takes the keys and values of the beam that it continues.
        first = torch.arange(source.shape[0], device=source.device)[:, None] * self.beams
        rows = (first + _select_rows(active, source, torch.arange(self.beams, device=source.device))).flatten()
        return following, *beams, *(torch.index_select(entry, 0, rows) for entry in written)

    def finish(self, state: State) -> torch.Tensor:
        return BeamState(*state[1:8]).best[:, 0]

    def _score(
        self, beams: BeamState, logits: torch.Tensor, following: torch.Tensor, lengths: torch.Tensor, limits: torch.Tensor
    ) -> torch.Tensor:
        """Return the log probabilities FP32 [B * beams, vocabulary] of the next token."""
        scores = torch.log_softmax(logits.float(), dim=-1)
        if self.rules is None:
            return scores
        return self.rules.apply(scores, beams.running.flatten(0, 1), following, self._repeat(lengths), self._repeat(limits))

    def _candidates(self, beams: BeamState, likely: torch.Tensor, following: torch.Tensor, full: torch.Tensor) -> Candidates:
        vocabulary = likely.shape[-1]
        scored = likely.reshape(-1, self.beams, vocabulary) + beams.scores[:, :, None]
        scores, index = torch.topk(scored.flatten(1), self.candidate_count)
        source, token = index // vocabulary, index % vocabulary
        here = torch.arange(self.width, device=index.device) == following
        ids = torch.where(here, token[:, :, None], _gather_beams(beams.running, source))
        return Candidates(ids, scores, source, is_one_of(token, self.architecture.family.ends) | full[:, None])

    def _select_running(self, candidates: Candidates) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Return ids and scores of the beams that continue, and the indices of their sources."""
        scores = candidates.scores + candidates.ends.float() * _NEVER
        chosen = torch.topk(scores, self.beams).indices
        running = _gather_beams(candidates.ids, chosen), torch.gather(scores, 1, chosen)
        return running, torch.gather(candidates.source, 1, chosen)

    def _merge_finished(
        self, beams: BeamState, candidates: Candidates, length: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return ids, scores and ``finished`` of the best finished beams; only the ``beams`` likeliest candidates can join."""
        joins = candidates.ends & (torch.arange(self.candidate_count, device=length.device) < self.beams)
        scores = candidates.scores / self._penalty(length)
        if self.early_stopping is True:
            scores = scores + beams.finished.all(dim=1, keepdim=True).float() * _NEVER
        scores = scores + (~beams.can_improve[:, None]).float() * _NEVER
        scores = scores + (~joins).float() * _NEVER
        every = torch.cat((beams.best_scores, scores), dim=1)
        chosen = torch.topk(every, self.beams).indices
        finished = torch.gather(torch.cat((beams.finished, joins), dim=1), 1, chosen)
        return _gather_beams(torch.cat((beams.best, candidates.ids), dim=1), chosen), torch.gather(every, 1, chosen), finished

    def _evaluate(
        self,
        running: tuple[torch.Tensor, torch.Tensor],
        finished: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        candidates: Candidates,
        reach: torch.Tensor,
    ) -> BeamState:
        """Return the new state, with ``can_improve`` and ``done``."""
        (ids, scores), (best, best_scores, is_finished) = running, finished
        worst = torch.where(is_finished, best_scores.min(dim=1, keepdim=True).values, _NEVER)
        can_improve = (scores[:, :1] / self._penalty(reach) > worst).any(dim=1)
        done = ~can_improve | candidates.ends.all(dim=1)
        if self.early_stopping is True:
            done = done | is_finished.all(dim=1)
        return BeamState(done, can_improve, ids, scores, best, best_scores, is_finished)

    def _assumes_full_length(self) -> bool:
        """Return whether ``can_improve`` compares the score that a running beam would have at full length."""
        return self.early_stopping == "never" and self.penalty > 0.0

    def _penalty(self, length: torch.Tensor) -> torch.Tensor:
        # transformers divides by a Python power: computed in double precision and rounded once.
        return torch.pow(length.double(), self.penalty).float()[:, None]

    def _repeat(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return ``tensor`` [B, ...] with each row repeated for each beam, [B * beams, ...]."""
        return tensor.unsqueeze(1).expand(-1, self.beams, *[-1] * (tensor.dim() - 1)).flatten(0, 1)


def _gather_beams(ids: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return torch.gather(ids, 1, index[:, :, None].expand(-1, -1, ids.shape[2]))


def _select_rows(rows: torch.Tensor, new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """Return ``new`` where ``rows`` BOOL [B] is true, else ``old``."""
    here = rows.reshape(-1, *[1] * (new.dim() - 1))
    if new.dtype == torch.bool:  # onnxruntime has no Where for BOOL
        return (here & new) | (~here & old)
    return torch.where(here, new, old)
