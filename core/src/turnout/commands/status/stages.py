"""The stages of a migration."""

from __future__ import annotations

from enum import IntEnum

from turnout.commands.status.facts import ModelFacts


class MigrationStage(IntEnum):
    """The progress of a model on its way to a server; each stage includes the ones below."""

    ABSTRACT = 1
    EXPORTED = 2
    SERVED = 3
    TUNED = 4


def stage_of(facts: ModelFacts) -> MigrationStage:
    """Return the stage that ``facts`` prove."""
    if not facts.is_exported:
        return MigrationStage.ABSTRACT
    if not _is_served(facts):
        return MigrationStage.EXPORTED
    return MigrationStage.TUNED if _is_tuned(facts) else MigrationStage.SERVED


def _is_served(facts: ModelFacts) -> bool:
    server = facts.server
    if server is None or not facts.has_parity(server):
        return False
    if server == facts.backend:
        return facts.has_fallback
    return server in (facts.canary, facts.shadowed)


def _is_tuned(facts: ModelFacts) -> bool:
    # An unreachable server (``reached`` False) is an outage, not a difference: it must not lower the stage.
    differs = any(state.reached and not state.ok for state in facts.servers if state.backend == facts.backend)
    return facts.backend in facts.remote and bool(facts.tuning) and not differs and facts.has_latency(facts.backend)
