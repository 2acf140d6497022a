"""What a shadow has shown, and whether that still counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from turnout.commands.status.facts import ShadowState, Version
from turnout.commands.status.proofs import utc
from turnout.files.state_folder import STATE
from turnout.parity import Tolerances, Verdict
from turnout.rollout.promotion import PromotionRule, judge
from turnout.rollout.shadow import ShadowEvidence, read_shadow_evidence
from turnout.serving.arm_identity import evidence_identity
from turnout.settings import LoadedSettings


def shadow_state(loaded: LoadedSettings, model: str, version: Version | None) -> ShadowState | None:
    """Return what the shadow of ``model`` has shown; None if nothing, or nothing that can be read."""
    try:
        evidence = read_shadow_evidence(loaded.folder / STATE / f"{model}.shadow.json")
        return None if evidence is None else _state(loaded, model, version, evidence)
    except (ArithmeticError, ValueError, TypeError):  # figures that no shadow can have counted
        return None


def _state(loaded: LoadedSettings, model: str, version: Version | None, evidence: ShadowEvidence) -> ShadowState:
    shadow = loaded.settings.models[model].shadow
    rule = shadow.promote_when.rule() if shadow is not None and shadow.promote_when is not None else PromotionRule()
    promotion = judge(evidence, rule)
    return ShadowState(
        evidence.primary,
        evidence.shadow,
        {str(verdict): evidence.verdicts[verdict] for verdict in Verdict},
        evidence.p95_ratio,
        utc(evidence.updated),
        _current(loaded, model, version, evidence),
        promotion.ready,
        str(promotion),
    )


def _current(loaded: LoadedSettings, model: str, version: Version | None, evidence: ShadowEvidence) -> bool:
    arms = (evidence.primary, evidence.shadow)
    same = evidence.identity == evidence_identity(loaded.model(model), arms, _tolerances(loaded, model))
    return same and (version is None or evidence.since >= datetime.fromisoformat(version.written).timestamp())


def _tolerances(loaded: LoadedSettings, model: str) -> Tolerances:
    """Return what the shadow's answers are compared by, as ``Composer`` does."""
    settings = loaded.settings.models[model]
    default = settings.tolerance.tolerances() if settings.tolerance else Tolerances()
    return settings.shadow.policy(Path(), model, default).tolerances if settings.shadow else default
