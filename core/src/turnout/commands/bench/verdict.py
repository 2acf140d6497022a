"""Verdicts in one line: whether merging requests into batches makes a model answer more of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.ratio import Ratio, ratio_of
from turnout.commands.bench.rounds import pair_ratios

GAIN = 1.05
"""A smaller gain is none that is worth a setting."""
_NO_GAIN = 1.10
_MIN_BATCHES = 20


class Gain(StrEnum):
    """The outcome of a comparison."""

    HELPS = "helps"
    NONE = "none"
    HURTS = "hurts"
    UNCLEAR = "unclear"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BatchingVerdict:
    """The verdict on batching of one arm.

    Attributes:
        backend: its backend.
        instances: its number of instances; None if it is as turnout.yaml says.
        gain: the outcome.
        ratio: the rate with batches over the rate without; None if a server formed them, or if requests failed.
        text: the outcome in one line.
    """

    backend: str
    instances: int | None
    gain: Gain
    ratio: Ratio | None
    text: str

    @property
    def where(self) -> str:
        """The arm in words."""
        return self.backend if self.instances is None else f"{self.backend} with instances: {self.instances}"


def judge_batching(results: Sequence[LoadFigures], kind: str) -> Iterator[BatchingVerdict]:
    """Yield a verdict for each arm that was measured with and without batches, or whose server formed them.

    It is that of the greatest load: the more requests are in flight, the more there is to merge. ``kind`` is model or pipeline.
    """
    for backend, instances in dict.fromkeys((one.backend, one.instances) for one in results):
        own = [one for one in results if (one.backend, one.instances) == (backend, instances)]
        pairs = [
            (one, other) for one in own for other in own if one.batching and other.batching is False and same_load(one, other)
        ]
        if pairs:
            # Of several delays the best: the question is whether batching can help.
            yield _judge_pair(*max(pairs, key=lambda pair: (load_size(pair[0]), pair[0].requests_per_second)), kind)
        elif any(one.compute_by_size for one in own):
            yield _judge_server(own, kind)


def same_load(one: LoadFigures, other: LoadFigures) -> bool:
    """Return whether two arms were measured with the same requests under the same load."""
    return (one.batch, one.callers, one.rate) == (other.batch, other.callers, other.rate)


def arm_of(one: LoadFigures) -> tuple[bool | None, int | None, int | None]:
    """Return what distinguishes the arm of ``one`` from others on its backend."""
    return one.batching, one.delay, one.instances


def load_size(one: LoadFigures) -> tuple[int, float]:
    """Return a key that orders loads: callers before rates, since a rate says nothing of the capacity."""
    return (one.callers or 0, one.rate or 0.0)


def load_text(one: LoadFigures) -> str:
    """Return the load of ``one``, such as ``at 8 callers``."""
    if one.rate is not None:
        return f"at {one.rate:g} requests/s"
    return f"at {one.callers} caller{'s' * (one.callers != 1)}"


def gain_of(one: LoadFigures, other: LoadFigures) -> Ratio | None:
    """Return how many times as many requests ``one`` answers as ``other``; at a rate, how many times as fast."""
    if one.rate is not None:
        return ratio_of(
            pair_ratios((second["p50"], first["p50"]) for first, second in zip(one.rounds, other.rounds, strict=True))
        )
    rates = [
        (first["requests_per_second"], second["requests_per_second"])
        for first, second in zip(one.rounds, other.rounds, strict=True)
    ]
    return ratio_of(pair_ratios(rates))


def judge(ratio: Ratio) -> Gain:
    """Return the outcome that ``ratio`` shows, with the noise of its rounds."""
    if not ratio.is_known:
        return Gain.UNCLEAR
    if ratio.low >= GAIN:
        return Gain.HELPS
    if ratio.high <= 1 / GAIN:
        return Gain.HURTS
    return Gain.NONE if ratio.high <= _NO_GAIN and ratio.low >= 1 / _NO_GAIN else Gain.UNCLEAR


def _judge_pair(merged: LoadFigures, single: LoadFigures, kind: str) -> BatchingVerdict:
    place = load_text(merged)
    ratio = gain_of(merged, single)
    if merged.failed or single.failed or ratio is None:
        text = f"no verdict about batching: requests failed {place}"
        return BatchingVerdict(merged.backend, merged.instances, Gain.FAILED, None, text)
    gain = judge(ratio)
    what = f"{ratio} {'the speed ' if merged.rate is not None else ''}{place}"
    range_ = f"between {ratio.low:.3g} x and {ratio.high:.3g} x in {ratio.rounds} rounds"
    text = {
        Gain.HELPS: f"batching helps: {what}",
        Gain.NONE: f"batching does not help this {kind} ({what})",
        Gain.HURTS: f"batching slows this {kind} down: {what}",
        Gain.UNCLEAR: f"no clear difference with batching: {what}, {range_}; measure longer",
    }[gain]
    return BatchingVerdict(merged.backend, merged.instances, gain, ratio, text)


def _judge_server(results: Sequence[LoadFigures], kind: str) -> BatchingVerdict:
    """Return a verdict from the inference times of a server by the size of a batch: it cannot be made to merge nothing."""
    greatest = max(results, key=load_size)
    ran = _add_sizes(results)
    smallest, *larger = sorted(ran) or [0]
    place = load_text(greatest)
    if not larger:
        text = f"the server merged no requests {place}, so nothing shows whether batching helps"
        return BatchingVerdict(greatest.backend, greatest.instances, Gain.UNCLEAR, None, text)
    size = max(larger, key=lambda rows: rows * ran[rows][0])
    speed = {rows: rows * count / seconds for rows, (count, seconds) in ran.items()}
    gain = speed[size] / speed[smallest]
    merged = f"its server ran {greatest.batch_size or 0:.3g} rows at once {place}"
    rows = f"{size} rows are inferred at {gain:.3g} x the speed of {smallest} row{'s' * (smallest > 1)}"
    outcome = Gain.HELPS if gain >= GAIN else Gain.HURTS if gain <= 1 / GAIN else Gain.NONE
    words = {Gain.HELPS: "batching helps", Gain.NONE: f"batching does not help this {kind}"}
    return BatchingVerdict(
        greatest.backend,
        greatest.instances,
        outcome,
        None,
        f"{words.get(outcome, f'batching slows this {kind} down')}: {merged}, and {rows}",
    )


def _add_sizes(results: Sequence[LoadFigures]) -> dict[int, tuple[int, float]]:
    """Return, for each size of a batch that ran often enough to say something, how many ran and their seconds."""
    total: dict[int, tuple[int, float]] = {}
    for one in results:
        for rows, (count, seconds) in one.compute_by_size.items():
            before = total.get(rows, (0, 0.0))
            total[rows] = before[0] + count, before[1] + seconds
    return {rows: ran for rows, ran in total.items() if ran[0] >= _MIN_BATCHES and ran[1] > 0}
