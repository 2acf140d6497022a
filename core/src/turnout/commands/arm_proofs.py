"""Proofs of arms: which backends of a model gave the same answers, and whether that still holds.

``turnout verify`` keeps one proof for each backend that it compared, with the state of both arms: a hash of their settings, and
the fingerprints of their files. Another state has other answers, so its proof says nothing about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from turnout.commands.arm_files import find_arm_files
from turnout.commands.export import usable_exporters
from turnout.commands.paths import display_path
from turnout.commands.repository_folder import find_model_folder
from turnout.errors import ModelLoadError
from turnout.files.fingerprint import fingerprint
from turnout.parity import Verdict
from turnout.plugins.discovery import Plugins
from turnout.repository.evidence import is_unchanged, read_evidence, utc_now
from turnout.serving.arm_identity import settings_hash
from turnout.settings import LoadedModel, LoadedSettings

KEY = "proofs"
"""The entry of the evidence of ``turnout verify`` that holds the proofs."""


class Standing(StrEnum):
    """The judgment of an arm's answers."""

    PROVED = "proved"
    WRONG = "wrong"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ArmProof:
    """The last comparison of an arm.

    Attributes:
        standing: what it says about the arm as it is now.
        other: the backend that it was compared with; empty if it was never compared.
        at: the UTC time of the comparison.
        text: the mismatch or the error, in one line.
    """

    standing: Standing
    other: str = ""
    at: str = ""
    text: str = ""

    def doubt(self, backend: str, serving: str) -> str:
        """Return why it does not prove that ``backend`` answers as ``serving`` does, in words."""
        when = f" on {self.at[:16].replace('T', ' ')}" if self.at else ""
        if self.standing is Standing.WRONG:
            return f"{backend!r} gave other answers than {self.other!r}{when}: {self.text or 'see turnout status'}"
        if self.standing is Standing.CHANGED:
            return f"files or settings have changed since {backend!r} was compared with {self.other!r}{when}"
        return f"{backend!r} was never compared with {serving!r}"


def arm_states(plugins: Plugins, model: LoadedModel, backends: Iterable[str]) -> dict[str, Any]:
    """Return the state of each arm as it is now: its settings as a hash, and its files with their fingerprints.

    Take it before the arms are opened: a file that changes meanwhile is then seen as changed. Blocks while it reads the files.
    """
    folder, at = model.declaration.folder, utc_now()
    states: dict[str, Any] = {}
    for backend in backends:
        files = {_name(file, folder): fingerprint(file) for file in _files(plugins, model, backend)}
        states[backend] = {"at": at, "settings": settings_hash(model, backend), "files": files}
        states[backend] |= _version_elsewhere(model, files)
    return states


def arm_proof(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel, backend: str) -> ArmProof:
    """Return what ``turnout verify`` found about ``model`` on ``backend``, and whether it still holds."""
    found = ArmProof(Standing.UNKNOWN)
    for other, proof in _comparisons(read_proofs(loaded, plugins, model.name), backend):
        current = all(_holds(plugins, model, name, proof) for name in (backend, other))
        verdict, text = str(proof.get("verdict")), str(proof.get("text") or "")
        standing = Standing.PROVED if verdict == Verdict.MATCH else Standing.WRONG
        found = ArmProof(standing if current else Standing.CHANGED, other, str(proof.get("at")), text)
        # Its own proof decides; as the reference of another backend it is right if that one agreed with it.
        if current and (standing is Standing.PROVED or proof.get("reference") != backend):
            return found
    return found if found.standing is Standing.CHANGED else ArmProof(Standing.UNKNOWN)


def proof_sources(loaded: LoadedSettings, plugins: Plugins, model: str) -> frozenset[str]:
    """Return the backends that a proof of ``model`` was made from, whether or not it still holds.

    Others gave their answers, or the model was exported from them.
    """
    sources = {exporter.backend for exporter in usable_exporters(plugins, loaded.model(model))}
    proofs = read_proofs(loaded, plugins, model).values()
    matched = {str(proof.get("reference")) for proof in proofs if proof.get("verdict") == Verdict.MATCH}
    # A mismatch does not say which of the two is wrong, unless one is what the other was exported from.
    compared = {str(proof.get("reference")) for proof in proofs} & sources
    export = read_evidence(loaded.folder, model, "export", find_model_folder(loaded, plugins, model))
    facts = export.facts if export is not None and isinstance(export.facts, Mapping) else {}
    exported = {str(facts.get("backend"))} & sources
    return frozenset(matched | compared | exported)


def _comparisons(proofs: Mapping[str, Mapping[str, Any]], backend: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the proofs about ``backend``, each with the other backend: its own, then those that it is the reference of."""
    if backend in proofs:
        yield str(proofs[backend].get("reference")), proofs[backend]
    yield from ((other, proof) for other, proof in proofs.items() if proof.get("reference") == backend)


def _holds(plugins: Plugins, model: LoadedModel, backend: str, proof: Mapping[str, Any]) -> bool:
    states = proof.get("states")
    state = states.get(backend) if isinstance(states, Mapping) else None
    recorded = state.get("files") if isinstance(state, Mapping) else None
    if not isinstance(state, Mapping) or not isinstance(recorded, Mapping):
        return False
    if state.get("settings") != settings_hash(model, backend):
        return False
    folder = model.declaration.folder
    try:
        files = {_name(file, folder): file for file in _files(plugins, model, backend)}
        if state.get("version", "") != _version_elsewhere(model, files).get("version", ""):
            return False
        # A file may have gigabytes: it is read only if it has changed.
        return files.keys() == recorded.keys() and all(
            is_unchanged(file, str(state.get("at"))) or fingerprint(file) == recorded[name] for name, file in files.items()
        )
    except OSError:
        return False


def _version_elsewhere(model: LoadedModel, files: Mapping[str, object]) -> dict[str, str]:
    """Return the version that turnout.yaml chooses, where no file on this machine says which one answers."""
    return {"version": model.settings.version} if model.settings.version and not files else {}


def _files(plugins: Plugins, model: LoadedModel, backend: str) -> list[Path]:
    try:
        return find_arm_files(plugins, model, backend)
    except ModelLoadError:
        return []


def _name(file: Path, folder: Path) -> str:
    return Path(display_path(file, folder)).as_posix()


def read_proofs(loaded: LoadedSettings, plugins: Plugins, model: str) -> Mapping[str, dict[str, Any]]:
    """Return the last proof of each backend; empty if there is none, or if it cannot be read."""
    evidence = read_evidence(loaded.folder, model, "verify", find_model_folder(loaded, plugins, model))
    proofs = evidence.facts.get(KEY) if evidence is not None and isinstance(evidence.facts, Mapping) else None
    if not isinstance(proofs, Mapping):
        return {}
    return {str(backend): proof for backend, proof in proofs.items() if isinstance(proof, dict)}
