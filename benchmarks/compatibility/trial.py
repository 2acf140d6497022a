"""The trial of one architecture: opened, exported, and asked on each backend."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.compatibility.architecture import Architecture
from benchmarks.compatibility.differences import LIMIT, Arrays, greatest_difference, is_equal
from benchmarks.compatibility.reference import FAMILY_OUTPUT, Reference, as_wide
from benchmarks.compatibility.samples import sample_rows
from benchmarks.compatibility.weights import save_checkpoint

import turnout
from turnout.commands.export import export_model
from turnout.errors import TurnoutError
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings
from turnout.tensors import TensorSpec, prove_rows

BATCH = 4
FORMATS = ("onnx", "torchscript")
Found = dict[str, Any]
Ask = Callable[[Arrays], Arrays]


class Trial:
    """One architecture in a folder of its own: the checkpoint, turnout.yaml, the model repository.

    Attributes:
        found: what was measured, in types of JSON.
    """

    def __init__(self, architecture: Architecture, folder: Path, formats: Sequence[str] = FORMATS) -> None:
        self._formats = formats
        self._architecture = architecture
        self._folder = folder
        self.repository = folder / "model_repository"
        self.models: dict[str, str] = {}
        self.found: Found = {"name": architecture.name, "title": architecture.title, "task": architecture.task}

    def run(self) -> None:
        """Build the checkpoint, try it on ``direct``, export it, and try what was exported in this process."""
        if not self._architecture.factory:
            self.found["parameters"] = save_checkpoint(self._architecture, self._folder / "checkpoint")
        self._reference = Reference(self._architecture, self._folder / "checkpoint")
        self._rows = sample_rows(self._architecture)
        self._expected = [self._reference.answer(row) for row in self._rows]
        self.found["depends_on_input"] = self._depends_on_input()
        self.found["direct"] = self._try("direct", {"direct": self._direct_options()}, self._architecture.inputs)
        self.found["direct"]["sizes"] = self._try_sizes({"direct": self._direct_options()})
        for format in self._formats:
            self.found[format] = self._export(format)
        if "onnx" in self._formats:
            self.found["onnxruntime"] = self._try_exported("onnx", "onnxruntime", {})
        if "torchscript" in self._formats:
            self.found["libtorch"] = self._try_exported("torchscript", "direct", {"loader": "torchscript"})

    @property
    def served(self) -> str:
        """The format of the file that Triton serves: ONNX, or TorchScript where there is no ONNX; empty if there is none."""
        return next(iter(self.models), "")

    def try_served(self, url: str) -> None:
        """Try the file that Triton serves at ``url``."""
        options = {"url": url, "model": self.models[self.served]}
        self.found["triton"] = {"format": self.served} | self._try_exported(self.served, "triton", options)

    def _depends_on_input(self) -> bool:
        """Return whether inputs get answers that differ by far more than the difference that counts as equal."""
        first, *others = self._expected
        return max(greatest_difference(first, other) for other in others) > 10 * LIMIT

    def _direct_options(self) -> Found:
        given = self._architecture
        if given.factory:
            return {"loader": "factory", "factory": given.factory}
        options: Found = {
            "loader": "transformers",
            "class": given.name,
            "checkpoint": str(self._folder / "checkpoint"),
            "device": "cpu",
        }
        if given.generate is not None:
            return options | {"method": "generate", "generate": dict(given.generate)}
        return options | ({"returns": dict(given.returns)} if given.returns else {})

    def _export(self, format: str) -> Found:
        """Return how the export ended: with free sizes if torch takes other sizes, else with those of the config."""
        found: Found = {}
        if self.found["direct"].get("sizes", {}).get("verdict") == "equal":
            found = self._export_once(format, self._architecture.free)
            if found["verdict"] == "written":
                return found | {"sizes": "free"}
            found = {"free_reason": found["reason"]}
        return found | self._export_once(format, self._architecture.inputs) | {"sizes": "fixed"}

    def _export_once(self, format: str, inputs: Mapping[str, str]) -> Found:
        model = f"{slug(self._architecture.title)}_{format}"
        file = self._folder / f"{model}.yaml"
        settings = {
            "backend": "direct",
            "max_batch_size": BATCH,
            "inputs": dict(inputs),
            "backends": {"direct": self._direct_options()},
        }
        file.write_text(json.dumps({"models": {model: settings}}))
        plugins = find_plugins()
        started = time.monotonic()
        try:
            exported = export_model(load_settings(file, registry=plugins), plugins, model, format, self.repository)
        except TurnoutError as error:
            return {"verdict": "refused", "reason": self._shown(error)}
        self.models[format] = model
        proof = json.loads((self._folder / ".turnout" / f"{model}.export.json").read_text())
        self._outputs = {spec.name: without_batch(spec) for spec in exported.signature.outputs}
        facts = proof.get("facts", proof)
        return {
            "verdict": "written",
            "seconds": round(time.monotonic() - started, 1),
            "rows": facts.get("independent_rows", []),
        }

    def _try_exported(self, format: str, backend: str, options: Mapping[str, Any]) -> Found:
        exported = self.found[format]
        if exported["verdict"] != "written":
            return {"verdict": "absent"}
        where = {} if backend == "triton" else {"path": str(self.repository / self.models[format])}
        backends = {backend: {**options, **where}}
        free = exported["sizes"] == "free"
        found = self._try(backend, backends, self._architecture.free if free else self._architecture.inputs)
        if free and found["verdict"] == "equal":
            found["sizes"] = self._try_sizes(backends)
        return found

    def _try(self, backend: str, backends: Mapping[str, Any], inputs: Mapping[str, str]) -> Found:
        """Return the difference of each row alone from transformers, and whether rows of a batch depend on each other."""
        try:
            with self._opened(backends, inputs) as ask:
                greatest = max(
                    self._difference(ask, row, wanted) for row, wanted in zip(self._rows, self._expected, strict=True)
                )
                proof = prove_rows(ask, self._rows, BATCH, is_equal)
        except TurnoutError as error:
            return {"verdict": "failed", "reason": self._shown(error)}
        found = {"verdict": verdict_of(greatest), "difference": _json(greatest), "rows": list(proof.sizes)}
        return found | ({"rows_reason": proof.text} if proof.text else {})

    def _try_sizes(self, backends: Mapping[str, Any]) -> Found:
        """Return the result for sizes that no exporter tried."""
        if not self._architecture.free:
            return {"verdict": "fixed", "reason": "the config fixes every size"}
        greatest, tried = 0.0, []
        for sizes in self._architecture.other_sizes:
            row = sample_rows(self._architecture, sizes)[0]
            try:
                wanted = self._reference.answer(row)
            except Exception as error:  # noqa: BLE001  # whatever transformers raises for a size
                return {"verdict": "fixed", "reason": f"transformers itself: {first_line(error)}"}
            try:
                with self._opened(backends, self._architecture.free) as ask:
                    greatest = max(greatest, self._difference(ask, row, wanted))
            except TurnoutError as error:
                return {"verdict": "failed", "reason": self._shown(error), "tried": tried}
            tried.append({name: list(shape) for name, shape in sizes.items()})
        return {"verdict": verdict_of(greatest), "difference": _json(greatest), "tried": tried}

    def _difference(self, ask: Ask, row: Arrays, wanted: Arrays) -> float:
        actual = ask(row)
        if self._architecture.generate is not None and FAMILY_OUTPUT in actual:
            wanted = {FAMILY_OUTPUT: as_wide(wanted[FAMILY_OUTPUT], actual[FAMILY_OUTPUT])}
        return greatest_difference(wanted, actual)

    @contextmanager
    def _opened(self, backends: Mapping[str, Any], inputs: Mapping[str, str]) -> Iterator[Ask]:
        settings: Found = {"max_batch_size": BATCH, "inputs": dict(inputs), "backends": dict(backends)}
        if "direct" not in backends or backends["direct"]["loader"] == "torchscript":
            settings["outputs"] = dict(self._outputs)
        with turnout.open({"models": {"m": settings | {"backend": next(iter(backends))}}}, listen=False) as app:
            yield lambda row: app.model("m").infer(row)

    def _shown(self, error: Exception) -> str:
        return first_line(error).replace(str(self._folder), "FOLDER")


def verdict_of(difference: float) -> str:
    """Return the verdict about a difference."""
    return "equal" if difference <= LIMIT else "different"


def without_batch(spec: TensorSpec) -> str:
    """Return ``spec`` as turnout.yaml declares a tensor of a model with a ``max_batch_size``."""
    return f"{spec.datatype}[{','.join(map(str, (spec.shape or ())[1:]))}]"


def slug(title: str) -> str:
    """Return ``title`` as the name of a model."""
    return "".join(letter.lower() if letter.isalnum() else "_" for letter in title).strip("_")


def first_line(error: Exception) -> str:
    """Return the first line of the text of ``error``."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _json(difference: float) -> float | str:
    return difference if difference != float("inf") else "infinite"


def keep_state_in(folder: Path) -> None:
    """Keep the records of what was exported out of the user's home."""
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
