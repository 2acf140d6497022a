"""One measurement: a load on every arm, in alternating rounds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from turnout.commands.bench.account import Account, BenchedArm
from turnout.commands.bench.arms import ArmChoice
from turnout.commands.bench.figures import Cell, LoadFigures, summarize
from turnout.commands.bench.load.closed_loop import ClosedLoop
from turnout.commands.bench.load.open_loop import OpenLoop
from turnout.commands.bench.plan import MIN_ROUNDS, Load, Span
from turnout.commands.bench.rounds import Round, add_outcomes
from turnout.commands.bench.usage import cpu_seconds, resident_bytes

logger = logging.getLogger(__name__)

_WARM_UP_SECONDS = 0.2


class Measurement:
    """A load on ``arms``, which alternate in short rounds, so that drift of the machine affects all alike. For one thread."""

    def __init__(
        self,
        name: str,
        arms: Mapping[ArmChoice, BenchedArm],
        batch: int | None,
        load: Load,
        span: Span,
        timeout_seconds: float,
    ) -> None:
        self._name = name
        self._arms = arms
        self._batch = batch
        self._load = load
        self._span = span
        targets = {choice: arm.target(batch) for choice, arm in arms.items()}
        self._loads = {choice: load.on(target, timeout_seconds) for choice, target in targets.items()}
        self._warm_ups = [ClosedLoop(target, load.callers or 1, timeout_seconds) for target in targets.values()]
        self._rounds: dict[ArmChoice, list[Round]] = {choice: [] for choice in arms}
        self._before: dict[ArmChoice, Any] = {}

    def run(self) -> None:
        """Run every round; after an interruption, ``figures`` are of the rounds that have ended. Blocks."""
        for warm_up in self._warm_ups:
            warm_up.run(min(_WARM_UP_SECONDS, self._span.seconds / self._span.rounds))
        self._before = {choice: arm.read() for choice, arm in self._arms.items()}
        spent = 0.0
        for number, (seconds, requests) in enumerate(self._span.shares()):
            # Slow requests make rounds longer than planned.
            if number >= MIN_ROUNDS and spent >= self._span.seconds:
                break
            logger.info("measuring %s with %s, round %d of at most %d", self._name, self._load, number + 1, self._span.rounds)
            for choice, load in self._loads.items():
                self._rounds[choice].append(_run_round(load, seconds, requests))
            spent += max(rounds[-1].seconds for rounds in self._rounds.values())

    def figures(self) -> list[LoadFigures]:
        """Return the figures of each arm, of the rounds that every arm has run; empty if there is none."""
        whole = min(map(len, self._rounds.values()))
        if not whole:
            return []
        rounds = {choice: of_one[:whole] for choice, of_one in self._rounds.items()}
        reference, *_ = rounds
        return [
            summarize(
                choice,
                Cell(self._load, self._batch, self._arms[choice].rows(self._batch)),
                of_one,
                None if choice == reference else rounds[reference],
                self._account(choice),
            )
            for choice, of_one in rounds.items()
        ]

    def _account(self, choice: ArmChoice) -> Account:
        """Return the account of all rounds, also of one that another arm has not run yet: the counts include it."""
        arm = self._arms[choice]
        return arm.account(add_outcomes(self._rounds[choice]), self._before[choice], arm.read())


def _run_round(load: ClosedLoop | OpenLoop, seconds: float, requests: int | None) -> Round:
    before = cpu_seconds()
    elapsed, outcome = load.run(seconds, requests)
    return Round(elapsed, outcome, cpu_seconds() - before, resident_bytes())
