"""Results of a shadow, and whether they still apply."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from turnout.commands.status.facts import ShadowState
from turnout.commands.status.proofs import format_utc
from turnout.parity import Tolerances, Verdict
from turnout.rollout.promotion import PromotionRule, judge
from turnout.rollout.shadow import ShadowEvidence, read_shadow_evidence, shadow_evidence_file
from turnout.serving.arm_identity import evidence_identity
from turnout.settings import LoadedModel, LoadedSettings


def shadow_state(loaded: LoadedSettings, model: LoadedModel, written: str | None) -> ShadowState | None:
    """Return the results of the shadow of ``model``; None if there are none, or none that can be read.

    Results from before ``written``, the last write to the newest version, are not current.
    """
    try:
        evidence = read_shadow_evidence(shadow_evidence_file(loaded.folder, model.name))
        return None if evidence is None else _state(loaded, model, written, evidence)
    except (ArithmeticError, ValueError, TypeError):  # the file was edited: no shadow writes such figures
        return None


def promotion_rule(model: LoadedModel) -> PromotionRule:
    """Return the rule that decides on the promotion of the model's shadow; the default rule if the settings have none."""
    shadow = model.settings.shadow
    return shadow.promote_when.rule() if shadow is not None and shadow.promote_when is not None else PromotionRule()


def _state(loaded: LoadedSettings, model: LoadedModel, written: str | None, evidence: ShadowEvidence) -> ShadowState:
    promotion = judge(evidence, promotion_rule(model))
    return ShadowState(
        evidence.primary,
        evidence.shadow,
        {str(verdict): evidence.verdicts[verdict] for verdict in Verdict},
        evidence.p95_ratio,
        format_utc(evidence.updated),
        _is_current(loaded, model, written, evidence),
        promotion.ready,
        str(promotion),
    )


def _is_current(loaded: LoadedSettings, model: LoadedModel, written: str | None, evidence: ShadowEvidence) -> bool:
    arms = (evidence.primary, evidence.shadow)
    same = evidence.identity == evidence_identity(model, arms, _tolerances(model))
    return same and (written is None or evidence.since >= datetime.fromisoformat(written).timestamp())


def _tolerances(model: LoadedModel) -> Tolerances:
    """Return the tolerances of the shadow's comparisons, as ``Composer`` does."""
    shadow, default = model.settings.shadow, model.settings.tolerances()
    return shadow.policy(Path(), model.name, default).tolerances if shadow else default
