"""The proofs that a comparison gives, for the evidence: one for each backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.commands.arm_proofs import KEY, read_proofs
from turnout.commands.verify.result import RECORDED, ArmParity, VerifyResult
from turnout.parity import Verdict
from turnout.plugins.discovery import Plugins
from turnout.repository.evidence import utc_now
from turnout.settings import LoadedSettings


def proofs_of(loaded: LoadedSettings, plugins: Plugins, states: Mapping[str, Any], result: VerifyResult) -> dict[str, Any]:
    """Return the entry of the evidence with the proofs of ``result``, and earlier ones of backends that it did not compare."""
    backends = loaded.model(result.model).settings.backends
    proofs = {backend: proof for backend, proof in read_proofs(loaded, plugins, result.model).items() if backend in backends}
    for arm in result.arms:
        if arm.backend != RECORDED:
            compared = {name: states[name] for name in (result.reference, arm.backend)}
            proofs[arm.backend] = _proof(result, arm) | {"states": compared}
    return {KEY: proofs}


def _proof(result: VerifyResult, arm: ArmParity) -> dict[str, Any]:
    batching = next((one for one in result.batching if one.backend == arm.backend), None)
    verdict, text = arm.summary.verdict, arm.summary.text
    if batching is not None and verdict is Verdict.MATCH:
        verdict, text = batching.verdict, batching.text
    return {"verdict": str(verdict), "reference": result.reference, "at": utc_now(), "requests": result.requests, "text": text}
