"""The export of a candidate: each format and variant in turn, until a file is proved, published and configured."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout.commands.adopt.candidate import Candidate
from turnout.commands.adopt.checks import chosen_exporters
from turnout.commands.adopt.in_memory import load_entries
from turnout.commands.adopt.proof import Proof, Prover
from turnout.commands.adopt.request import AdoptRequest
from turnout.commands.export import export_model
from turnout.errors import ExportError, MissingDependencyError, TurnoutError
from turnout.files.fingerprint import fingerprint
from turnout.metrics import Metrics
from turnout.plugins.declarations import Exporter
from turnout.plugins.discovery import Plugins
from turnout.repository.publishing import ExportedVersion
from turnout.serving.app import Turnout
from turnout.settings import LoadedSettings

logger = logging.getLogger(__name__)

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Publication:
    """A published version of a candidate, or why there is none.

    Attributes:
        variant: the number of the variant that was published.
        format: the format.
        file: the published file; None if nothing could be published.
        bytes: its size.
        version: its version.
        backends: options of the backends that open it, by name.
        serving: the backend in this process that opens it; empty if none is installed.
        proof: what was proved before it was published.
        exporter_proof: what the exporter proved itself.
        configuration: the names of configuration files.
        reasons: why formats and variants before it could not be published, one line each.
    """

    variant: int
    format: str = ""
    file: Path | None = None
    bytes: int = 0
    version: int = 0
    backends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    serving: str = ""
    proof: Mapping[str, Any] = field(default_factory=dict)
    configuration: Sequence[str] = ()
    reasons: Sequence[str] = ()

    def as_json(self, folder: Path) -> dict[str, Any]:
        """Return the publication in types of JSON; paths start in ``folder``."""
        file = None if self.file is None else os.path.relpath(self.file, folder)
        return {
            "variant": self.variant,
            "format": self.format,
            "file": file,
            "sha256": None if self.file is None else fingerprint(self.file),
            "bytes": self.bytes,
            "version": self.version,
            "backends": {name: dict(options) for name, options in self.backends.items()},
            "serving": self.serving,
            "proof": dict(self.proof),
            "configuration": list(self.configuration),
            "reasons": list(self.reasons),
        }


def publish_candidate(
    plugins: Plugins, request: AdoptRequest, candidate: Candidate, first: int, real: Sequence[Inputs]
) -> Publication:
    """Return the publication of ``candidate``, from its variant number ``first`` on; blocks for minutes.

    ``real`` are requests for the proof, beside generated ones. A publication without a file says why in its ``reasons``.

    Raises:
        MissingDependencyError: a package that an export needs is not installed.
    """
    reasons: list[str] = []
    variants = list(enumerate(candidate.variants()))[first:]
    loads = {number: load_entries(plugins, request.folder, {candidate.name: candidate.entry(one)}) for number, one in variants}
    for exporter in chosen_exporters(plugins, request, candidate):
        for number, loaded in loads.items():
            try:
                return _Attempt(plugins, request, candidate, exporter, loaded, real).publish(number, reasons)
            except MissingDependencyError:
                raise
            except TurnoutError as error:
                text = f"{exporter.format}: {error}"
                if text in reasons:  # no other variant will help
                    break
                reasons.append(text)
                logger.info("model %r: %s", candidate.name, text)
    return Publication(first, reasons=reasons or [f"no installed plugin exports a model of {candidate.backend!r}"])


def prove_in_place(
    plugins: Plugins, request: AdoptRequest, candidate: Candidate, variant: int, real: Sequence[Inputs]
) -> dict[str, Any]:
    """Return the proof of a model that is in a repository, opened twice; with ``error`` in place of it if there is a fault."""
    name, backend = candidate.name, candidate.backend
    loaded = load_entries(plugins, request.folder, {name: candidate.entry(candidate.variants()[variant])})
    try:
        with (
            Turnout(loaded, plugins, Metrics()) as app,
            closing(app.arm(name, backend)) as arm,
            closing(app.arm(name, backend)) as again,
        ):
            return Prover(loaded.model(name), {backend: arm, f"{backend} (opened again)": again}).prove(real).as_json()
    except TurnoutError as error:
        return {"error": str(error)}


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One export in one format, of one variant."""

    plugins: Plugins
    request: AdoptRequest
    candidate: Candidate
    exporter: Exporter
    loaded: LoadedSettings
    real: Sequence[Inputs]

    def publish(self, number: int, reasons: Sequence[str]) -> Publication:
        """Return the publication; raise ExportError if the file cannot be written or proved."""
        proofs: list[Proof] = []

        def prove(exporter: Exporter, file: Path) -> Mapping[str, Any]:
            proofs.extend(self._prove(file))
            return {"adopted": proofs[0].as_json()} if proofs else {}

        exported = export_model(self.loaded, self.plugins, self.candidate.name, self.exporter.format, prove=prove)
        opener = self._opener()
        return Publication(
            number,
            self.exporter.format,
            exported.file,
            _size(exported.file),
            exported.version,
            self._backends(exported),
            opener if opener is not None and opener != self.candidate.backend else "",
            proofs[0].as_json() if proofs else {},
            tuple(sorted(exported.configuration.files)),
            tuple(reasons),
        )

    def _opener(self) -> str | None:
        """Return the installed backend that opens files of this format in this process."""
        return next((name for name in self.exporter.opened_by if name in self.plugins.known_backends()), None)

    def _prove(self, file: Path) -> Iterator[Proof]:
        """Yield the proof of ``file`` on the backend that opens it; none if no such backend is installed."""
        opener = self._opener()
        if opener is None:
            return
        name, backend = self.candidate.name, self.candidate.backend
        options = _with_path(self.exporter.opened_by[opener], str(file.absolute()).replace("$", "$$"))
        entry = {**self.loaded.settings.models[name].model_dump(exclude_unset=True), "backend": opener}
        written = load_entries(self.plugins, self.request.folder, {name: {**entry, "backends": {opener: options}}})
        with (
            Turnout(self.loaded, self.plugins, Metrics()) as app,
            Turnout(written, self.plugins, Metrics()) as other,
            closing(app.arm(name, backend)) as reference,
            closing(other.arm(name, opener)) as arm,
        ):
            key = opener if opener != backend else f"{opener} (the written file)"
            reference.open()
            try:
                arm.open()
            except TurnoutError as error:
                raise ExportError(f"model {name!r} was written, but {opener!r} cannot open it: {error}") from error
            yield Prover(self.loaded.model(name), {backend: reference, key: arm}).prove(self.real)

    def _backends(self, exported: ExportedVersion) -> dict[str, dict[str, Any]]:
        """Return the options of the backends that open the published model, but for the source's own."""
        folder = exported.file.parents[1]
        path = Path(os.path.relpath(folder, self.loaded.folder)).as_posix().replace("$", "$$")
        opened = {name: _with_path(one, path) for name, one in self.exporter.opened_by.items()}
        found = {name: options for name, options in opened.items() if name in self.plugins.known_backends()}
        for kind in self.plugins.repositories():
            for model in kind.describe(folder.parent, self.loaded.folder):
                if model.name == folder.name and kind.backend in model.settings.get("backends", {}):
                    found[kind.backend] = dict(model.settings["backends"][kind.backend])
        found.pop(self.candidate.backend, None)
        return found


def _with_path(options: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {key: value.replace("{path}", path) if isinstance(value, str) else value for key, value in options.items()}


def _size(file: Path) -> int:
    parts = [one for one in file.parent.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in parts)
