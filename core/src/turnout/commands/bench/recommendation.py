"""The settings that a run recommends for the serving backend of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.ratio import Ratio
from turnout.commands.bench.verdict import Gain, arm_of, gain_of, judge, load_size, load_text, same_load


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Settings that are clearly faster than the present ones.

    Attributes:
        text: the recommendation in one line.
        batching: True to merge requests, False not to; None to leave that as it is.
        delay: ``max_queue_delay_microseconds``; None to leave that as it is.
        instances: the number of instances; None to leave that as it is.
    """

    text: str
    batching: bool | None = None
    delay: int | None = None
    instances: int | None = None

    @property
    def changes(self) -> bool:
        """True if something is to be written."""
        return any(one is not None for one in (self.batching, self.delay, self.instances))


def recommend(results: Sequence[LoadFigures]) -> Recommendation | None:
    """Return what to change on the serving backend; None if only one arm of it was measured.

    The greatest load decides. If nothing is clearly faster there, a delay that makes a lone caller clearly faster is
    recommended unless the greatest load is clearly slower with it. The first of ``results`` is the arm as turnout.yaml says.
    """
    own = [one for one in results if one.backend == results[0].backend]
    greatest = max(own, key=load_size)
    compared = _compare(own, results[0], greatest)
    if not compared:
        return None
    best = _best(compared)
    if best is not None:
        return _describe(results[0], best[0], f"{best[1]} {load_text(best[0])}")
    harmless = {arm_of(one): ratio for one, ratio in compared if ratio.is_known and judge(ratio) is not Gain.HURTS}
    lone = _compare(own, results[0], min(own, key=load_size))
    best = _best([pair for pair in lone if arm_of(pair[0]) in harmless])
    if best is not None:
        rest = f"not clearly slower {load_text(greatest)} ({harmless[arm_of(best[0])]})"
        return _describe(results[0], best[0], f"{best[1]} {load_text(best[0])}, and {rest}")
    return Recommendation(f"keep the present settings: nothing else is clearly faster {load_text(greatest)}")


def _compare(own: Sequence[LoadFigures], reference: LoadFigures, load: LoadFigures) -> list[tuple[LoadFigures, Ratio]]:
    """Return the other arms under the load of ``load``, with their gain over the reference; those that failed are left out."""
    arms = [one for one in own if same_load(one, load) and not one.failed]
    present = [one for one in arms if arm_of(one) == arm_of(reference)]
    others = [one for one in arms if arm_of(one) != arm_of(reference)]
    return [(one, ratio) for one in others if present and (ratio := gain_of(one, present[0])) is not None]


def _best(compared: Sequence[tuple[LoadFigures, Ratio]]) -> tuple[LoadFigures, Ratio] | None:
    """Return the arm with the greatest clear gain; None if none has one."""
    clear = [pair for pair in compared if judge(pair[1]) is Gain.HELPS]
    return max(clear, key=lambda pair: pair[1].median, default=None)


def _describe(present: LoadFigures, best: LoadFigures, gain: str) -> Recommendation:
    batching = best.batching if best.batching != present.batching else None
    delay = best.delay if best.delay != present.delay and best.batching else None
    instances = best.instances if best.instances != present.instances else None
    changes = []
    if batching is False:
        changes.append("no dynamic_batching")
    elif delay is not None:
        changes.append(f"dynamic_batching: {{max_queue_delay_microseconds: {delay}}}")
    elif batching:
        changes.append("dynamic_batching: {}")
    if instances is not None:
        changes.append(f"instance_group with count {instances}")
    return Recommendation(f"{' and '.join(changes)}: {gain}", batching, delay, instances)
