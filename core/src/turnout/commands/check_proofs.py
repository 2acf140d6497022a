"""The check of backends that answer callers beside the serving one: whether they were proved to give the same answers."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.commands.arm_proofs import Standing, arm_proof, proof_sources
from turnout.commands.check_result import CheckResult
from turnout.plugins.discovery import Plugins
from turnout.settings import LoadedModel, LoadedSettings


def check_proofs(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel) -> Iterator[CheckResult]:
    """Yield a note for the fallback and the canary that are not proved: written by hand, no switch asked for a proof.

    A note and no failure, because a smaller model may be the fallback on purpose. The source of a proof needs none.
    """
    answering = _answering(model)
    sources = proof_sources(loaded, plugins, model.name) if answering else frozenset()
    for backend, part in answering.items():
        proof = arm_proof(loaded, plugins, model, backend)
        if proof.standing is Standing.PROVED or (proof.standing is not Standing.WRONG and backend in sources):
            continue
        text = f"{part}: {proof.doubt(backend, model.backend)}; compare them: turnout verify {model.name} --against {backend}"
        yield CheckResult("proof", model.name, True, text, note=True)


def _answering(model: LoadedModel) -> dict[str, str]:
    """Return the other backends whose answers reach callers, each with its part."""
    settings = model.settings
    parts = {settings.fallback: "fallback"} if settings.fallback is not None else {}
    if settings.canary is not None and settings.canary.weight:
        parts[settings.canary.backend] = "canary"
    return {backend: part for backend, part in parts.items() if backend != model.backend}
