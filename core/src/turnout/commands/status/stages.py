"""The stages of a migration."""

from __future__ import annotations

from enum import IntEnum

from turnout.commands.status.facts import ModelFacts


class Stage(IntEnum):
    """How far a model has come; each stage stands on the ones below."""

    ABSTRACT = 1
    EXPORTED = 2
    SERVED = 3
    TUNED = 4


def stage_of(facts: ModelFacts) -> Stage:
    """Return the stage that can be shown by ``facts``."""
    if not facts.exported:
        return Stage.ABSTRACT
    if not _served(facts):
        return Stage.EXPORTED
    return Stage.TUNED if _tuned(facts) else Stage.SERVED


def _served(facts: ModelFacts) -> bool:
    server = facts.server
    if server is None or not facts.alike(server):
        return False
    if server == facts.backend:
        return facts.caught
    return server in (facts.canary, facts.shadowed)


def _tuned(facts: ModelFacts) -> bool:
    differs = any(state.reached and not state.ok for state in facts.servers if state.backend == facts.backend)
    return facts.backend in facts.remote and bool(facts.tuning) and not differs and facts.measured(facts.backend)
