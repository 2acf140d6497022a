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
    """Return what to change, from the greatest load on the serving backend; None if only one arm of it was measured.

    The first of ``results`` is the arm as turnout.yaml says.
    """
    reference = results[0]
    own = [one for one in results if one.backend == reference.backend]
    greatest = max(own, key=load_size)
    arms = [one for one in own if same_load(one, greatest)]
    present, *others = sorted(arms, key=lambda one: arm_of(one) != arm_of(reference))
    compared = [(one, ratio) for one in others if not one.failed and (ratio := gain_of(one, present)) is not None]
    if present.failed or not compared:
        return None
    better = [(one, ratio) for one, ratio in compared if judge(ratio) is Gain.HELPS]
    if not better:
        return Recommendation(f"keep the present settings: nothing else is clearly faster {load_text(greatest)}")
    return _describe(present, *max(better, key=lambda pair: pair[1].median))


def _describe(present: LoadFigures, best: LoadFigures, ratio: Ratio) -> Recommendation:
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
    return Recommendation(f"{' and '.join(changes)}: {ratio} {load_text(best)}", batching, delay, instances)
