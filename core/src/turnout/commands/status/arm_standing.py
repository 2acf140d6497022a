"""The standing of an arm: by ``turnout verify``, and by a shadow on live requests."""

from __future__ import annotations

from turnout.commands.arm_proofs import ArmProof, Standing, arm_proof
from turnout.commands.repository_folder import find_model_folder
from turnout.commands.status.proofs import newest_write
from turnout.commands.status.shadow_state import promotion_rule, shadow_state
from turnout.error_text import count_of
from turnout.plugins.discovery import Plugins
from turnout.settings import LoadedModel, LoadedSettings


def arm_standing(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel, backend: str) -> ArmProof:
    """Return what the comparisons of ``model`` on ``backend`` say; a mismatch of live requests counts more than a proof."""
    proof = arm_proof(loaded, plugins, model, backend)
    if proof.standing is Standing.WRONG:
        return proof
    return _shadow_proof(loaded, plugins, model, backend) or proof


def _shadow_proof(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel, backend: str) -> ArmProof | None:
    """Return the shadow's result about ``backend``; None if it says nothing yet."""
    written = newest_write(find_model_folder(loaded, plugins, model.name), model.settings.version)
    shadow = shadow_state(loaded, model, written)
    if shadow is None or not shadow.current or backend not in (shadow.primary, shadow.shadow):
        return None
    other = shadow.primary if backend == shadow.shadow else shadow.shadow
    compared = sum(shadow.verdicts.get(verdict, 0) for verdict in ("match", "mismatch"))
    mismatches = shadow.verdicts.get("mismatch", 0)
    if backend == shadow.shadow and mismatches and mismatches > promotion_rule(model).mismatch_ratio * compared:
        found = f"{count_of(mismatches, 'mismatch', 'mismatches')} in {count_of(compared, 'request')}"
        return ArmProof(Standing.WRONG, other, shadow.updated, f"the shadow found {found}")
    return ArmProof(Standing.PROVED, other, shadow.updated) if shadow.ready else None
