"""The subject of a measurement: a model or a pipeline, with the targets that its arms are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from turnout.commands.bench.arms import ArmChoice
from turnout.commands.bench.load.outcome import Target


@dataclass(frozen=True, slots=True)
class Subject:
    """A model or a pipeline whose arms are open.

    Attributes:
        kind: which of them it is.
        name: its name in turnout.yaml.
        source: the source of the requests.
        requests: the number of different requests.
        arms: the target of each arm, the reference first: ratios are over its figures.
    """

    kind: Literal["model", "pipeline"]
    name: str
    source: str
    requests: int
    arms: Mapping[ArmChoice, Target]

    @property
    def reference(self) -> ArmChoice:
        """The arm that serves."""
        return next(iter(self.arms))
