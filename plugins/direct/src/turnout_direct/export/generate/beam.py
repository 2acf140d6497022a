"""Beam search, a token at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch  # noqa: TID253  this module is imported by an export only

from turnout_direct.export.generate.loop import State, filled_prompts, is_any

if TYPE_CHECKING:
    from turnout_direct.export.generate.architecture import Architecture

# What transformers adds to a score that must not win.
_NEVER = -1.0e9


class BeamSettings(NamedTuple):
    """How beams are searched, in the words of ``generate()``."""

    num_beams: int
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False


class Beams(NamedTuple):
    """Where a search stands.

    Attributes:
        done: BOOL [B], the search of this row has ended.
        hopeful: BOOL [B], a running beam may still become better than the finished ones.
        running: INT64 [B, beams, width], the beams that go on, the likeliest first.
        scores: FP32 [B, beams], their log probabilities.
        best: INT64 [B, beams, width], the finished ones, the best first; where there are fewer, something.
        best_scores: FP32 [B, beams], their log probabilities under the length penalty.
        finished: BOOL [B, beams], which of them are finished.
    """

    done: torch.Tensor
    hopeful: torch.Tensor
    running: torch.Tensor
    scores: torch.Tensor
    best: torch.Tensor
    best_scores: torch.Tensor
    finished: torch.Tensor


class Candidates(NamedTuple):
    """The likeliest continuations of a row's beams, the likeliest first; [B, kept], ``ids`` INT64 [B, kept, width].

    ``source`` is the beam that one continues, ``ends`` tells that it ends there.
    """

    ids: torch.Tensor
    scores: torch.Tensor
    source: torch.Tensor
    ends: torch.Tensor


class BeamDecoding(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A decoding with the beam search of transformers; it begins with pixel_values, input_ids, attention_mask.

    As in greedy decoding each row is forced through its own prompt, and searches as if it were alone: it has its own length,
    and stops on its own, whereupon nothing of it changes any more. ``generated_ids`` INT64 [B, width] is a row's best beam.
    """

    def __init__(
        self, architecture: Architecture, settings: BeamSettings, *, width: int, new_tokens: int | None = None
    ) -> None:
        super().__init__()
        self.model = architecture.model
        self.architecture = architecture
        self.beams = settings.num_beams
        self.penalty = settings.length_penalty
        self.early = settings.early_stopping
        # So many that enough go on when as many as can end do.
        self.kept = self.beams * max(2, 1 + len(architecture.family.ends))
        self.width = width
        self.new_tokens = width if new_tokens is None else new_tokens

    def begin(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[State, State]:
        encoded = self.architecture.encode(pixel_values, input_ids, attention_mask)
        position, cache = self.architecture.begin(encoded, self.width)
        ids = filled_prompts(encoded, self.width, self.architecture.family.pad).unsqueeze(1).repeat(1, self.beams, 1)
        nowhere = torch.full_like(ids[:, :, 0], _NEVER, dtype=torch.float32)
        scores = torch.where(torch.arange(self.beams, device=ids.device) == 0, 0.0, nowhere)
        done = torch.zeros_like(encoded.lengths, dtype=torch.bool)
        beams = Beams(done, ~done, ids, scores, ids.clone(), nowhere, torch.zeros_like(nowhere, dtype=torch.bool))
        return (encoded.lengths, *map(self._repeated, encoded.memory)), (position, *beams, *map(self._repeated, cache))

    def unfinished(self, state: State) -> torch.Tensor:
        position, done, *_ = state
        return (position < self.width - 1) & ~done.all()

    def advance(self, constants: State, state: State) -> State:
        lengths, *memory = constants
        position, beams, cache = state[0], Beams(*state[1:8]), state[8:]
        tokens = torch.index_select(beams.running, 2, position.reshape(1)).flatten()
        logits, written = self.architecture.step(tokens, position, tuple(memory), cache)
        following = position + 1
        length = (following + 1 - lengths).clamp(min=1)
        most = (lengths + self.new_tokens).clamp(max=self.width) - lengths
        candidates = self._candidates(beams, logits, following, length >= most)
        going, source = self._going_on(candidates)
        ended = self._merged(beams, candidates, length)
        moved = self._judged(going, ended, candidates, most if self._looks_far() else length)
        active = ~beams.done & (following >= lengths)
        kept = Beams(*(_chosen(active, new, old) for new, old in zip(moved, beams, strict=True)))
        first = torch.arange(source.shape[0], device=source.device)[:, None] * self.beams
        rows = (first + _chosen(active, source, torch.arange(self.beams, device=source.device))).flatten()
        return following, *kept, *(torch.index_select(entry, 0, rows) for entry in written)

    def finish(self, state: State) -> torch.Tensor:
        return Beams(*state[1:8]).best[:, 0]

    def _candidates(self, beams: Beams, logits: torch.Tensor, following: torch.Tensor, full: torch.Tensor) -> Candidates:
        words = logits.shape[-1]
        likely = torch.log_softmax(logits.float(), dim=-1).reshape(-1, self.beams, words) + beams.scores[:, :, None]
        scores, index = torch.topk(likely.flatten(1), self.kept)
        source, token = index // words, index % words
        here = torch.arange(self.width, device=index.device) == following
        ids = torch.where(here, token[:, :, None], _picked(beams.running, source))
        return Candidates(ids, scores, source, is_any(token, self.architecture.family.ends) | full[:, None])

    def _going_on(self, candidates: Candidates) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Return ids and scores of the beams that go on, and the beams that these continue."""
        scores = candidates.scores + candidates.ends.float() * _NEVER
        chosen = torch.topk(scores, self.beams).indices
        going = _picked(candidates.ids, chosen), torch.gather(scores, 1, chosen)
        return going, torch.gather(candidates.source, 1, chosen)

    def _merged(
        self, beams: Beams, candidates: Candidates, length: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return ids, scores and ``finished`` of the best ended beams; only the likeliest candidates may join them."""
        joins = candidates.ends & (torch.arange(self.kept, device=length.device) < self.beams)
        scores = candidates.scores / self._penalty(length)
        if self.early is True:
            scores = scores + beams.finished.all(dim=1, keepdim=True).float() * _NEVER
        scores = scores + (~beams.hopeful[:, None]).float() * _NEVER
        scores = scores + (~joins).float() * _NEVER
        every = torch.cat((beams.best_scores, scores), dim=1)
        chosen = torch.topk(every, self.beams).indices
        finished = torch.gather(torch.cat((beams.finished, joins), dim=1), 1, chosen)
        return _picked(torch.cat((beams.best, candidates.ids), dim=1), chosen), torch.gather(every, 1, chosen), finished

    def _judged(
        self,
        going: tuple[torch.Tensor, torch.Tensor],
        ended: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        candidates: Candidates,
        reach: torch.Tensor,
    ) -> Beams:
        """Return the beams with what can be said of them: whether to hope for better ones, whether the search ends."""
        (running, scores), (best, best_scores, finished) = going, ended
        worst = torch.where(finished, best_scores.min(dim=1, keepdim=True).values, _NEVER)
        hopeful = (scores[:, :1] / self._penalty(reach) > worst).any(dim=1)
        done = ~hopeful | candidates.ends.all(dim=1)
        if self.early is True:
            done = done | finished.all(dim=1)
        return Beams(done, hopeful, running, scores, best, best_scores, finished)

    def _looks_far(self) -> bool:
        """Tell whether a running beam is judged by the score that it had at full length."""
        return self.early == "never" and self.penalty > 0.0

    def _penalty(self, length: torch.Tensor) -> torch.Tensor:
        """Return FP32 [B, 1], rounded once, as Python's power is where transformers divides by it."""
        return torch.pow(length.double(), self.penalty).float()[:, None]

    def _repeated(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return ``tensor`` [B, ...] with each row once for each beam."""
        return tensor.unsqueeze(1).expand(-1, self.beams, *[-1] * (tensor.dim() - 1)).flatten(0, 1)


def _picked(ids: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return torch.gather(ids, 1, index[:, :, None].expand(-1, -1, ids.shape[2]))


def _chosen(rows: torch.Tensor, new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """Return ``new`` for some rows, ``old`` for the others."""
    here = rows.reshape(-1, *[1] * (new.dim() - 1))
    if new.dtype == torch.bool:  # onnxruntime has no Where for BOOL
        return (here & new) | (~here & old)
    return torch.where(here, new, old)
