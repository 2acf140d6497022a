"""The stages of one model: each is done, or kept from an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout.commands.adopt.candidate import Candidate
from turnout.commands.adopt.in_memory import load_entries
from turnout.commands.adopt.measure import measure_model
from turnout.commands.adopt.progress import AdoptProgress
from turnout.commands.adopt.publication import prove_in_place, publish_candidate
from turnout.commands.adopt.report import ModelReport, proof_text
from turnout.commands.adopt.request import AdoptRequest
from turnout.commands.adopt.settings_file import edit_model
from turnout.commands.adopt.trial import try_model
from turnout.commands.arm_proofs import arm_states
from turnout.commands.verify.command import VerifyOptions, verify_file
from turnout.files.atomic import open_atomic
from turnout.files.fingerprint import fingerprint
from turnout.files.state_folder import STATE
from turnout.plugins.discovery import Plugins
from turnout.recording import RecordedRequest
from turnout.settings import load_settings

_TIMEOUT_SECONDS = 300.0


class Adoption:
    """One model on its way into turnout.yaml. Not thread-safe.

    Attributes:
        candidate: the model as its source has it.
        report: the results of its stages.
        progress: the results of its stages in the state folder.
        sent: requests of a pipeline, for the proof.
    """

    def __init__(self, plugins: Plugins, request: AdoptRequest, candidate: Candidate) -> None:
        self._plugins = plugins
        self._request = request
        self.candidate = candidate
        self.report = ModelReport(candidate.name, candidate.found.kind, candidate.found.task, candidate.backend)
        self.progress = AdoptProgress(request.folder, candidate.name, self._source(), again=request.again)
        self.sent: Sequence[Mapping[str, Any]] = ()
        self._variant = 0
        # The request of a pipeline, for a model that refuses generated ones.
        self._asked: list[Path] = []

    @property
    def name(self) -> str:
        """The model's name in turnout.yaml."""
        return self.candidate.name

    def entry(self) -> dict[str, Any]:
        """Return the entry for turnout.yaml, on the backend of the source."""
        return self.candidate.entry(self.candidate.variants()[self._variant])

    def find(self) -> None:
        """Ask the model for one answer on the backend of its source. Raises as ``try_model``."""
        done, word = self.progress.done("find"), "kept"
        if done is None:
            trial = try_model(self._plugins, self._request, self.candidate)
            facts = {"variant": trial.variant, "tensors": trial.tensors, **self._keep(trial.asked)}
            done, word = self.progress.add("find", facts), "ok"
        self._asked = [self._request.folder / done["file"]] if "file" in done else []
        self._variant = int(done["variant"])
        found = self.candidate.found
        self.report.add("find", ", ".join(filter(None, (found.kind, found.task, str(done["tensors"])))), word=word)
        self.report.facts["tensors"] = done["tensors"]

    def _keep(self, asked: Mapping[str, Any] | None) -> dict[str, str]:
        """Write the request that the model answers, for the stages after this one; return the facts of its file."""
        if asked is None:
            return {}
        file = self._request.folder / STATE / f"{self.name}.example.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        with open_atomic(file) as stream:
            RecordedRequest(asked, model=self.name).write(stream)
        return {"file": file.relative_to(self._request.folder).as_posix(), "sha256": fingerprint(file)}

    def export(self) -> None:
        """Publish the model, and write its backends into turnout.yaml; what cannot be published stays where it is."""
        if not self.candidate.exports:
            self.report.add("export", "is in a model repository already", word="kept")
            self._prove_in_place()
            return
        done, word = self.progress.done("export"), "kept"
        if done is None:
            published = publish_candidate(self._plugins, self._request, self.candidate, self._variant, self.sent)
            done, word = self.progress.add("export", published.as_json(self._request.folder)), "ok"
        self.report.facts["export"] = done
        if done["file"] is None:
            self.report.add("export", f"stays on {self._serves()}: {'; '.join(done['reasons'])}", word="note")
            return
        configured = f", {', '.join(done['configuration'])}" if done["configuration"] else ""
        self.report.add("export", f"{done['file']}, {done['format']}, {done['bytes']:,} bytes{configured}", word=word)
        for reason in done["reasons"]:
            self.report.add("export", f"tried before: {reason}", word="note")
        self.report.add("prove", proof_text(done["proof"]), word=word)
        keys = self.candidate.variants()[int(done["variant"])]
        edit_model(self._request.config, self.name, keys, done["backends"], None)

    def _prove_in_place(self) -> None:
        """Prove a model of a repository: two openings give the same answers, alone and in batches."""
        done, word = self.progress.done("prove"), "kept"
        if done is None:
            done, word = prove_in_place(self._plugins, self._request, self.candidate, self._variant, self.sent), "ok"
            self.progress.add("prove", done)
        self.report.facts["prove"] = done
        if "error" in done:
            self.report.add("prove", f"not proved: {done['error']}", word="note")
            return
        self.report.add("prove", proof_text(done), word=word)

    def serve(self, warn: Callable[[str], None]) -> None:
        """Compare the backends of the finished turnout.yaml, and move the model to the one that was proved."""
        exported = self.report.facts.get("export") or {}
        serves, done = self._serves(), self.progress.done("serve")
        # The entry is a new one if it names the backend of the source again; on a third backend, the user switched it.
        if done is not None and (serves == done["on"] or serves != self.candidate.backend):
            equal = (done["on"], *done.get("as", ()))
            others = [name for name in equal if name != serves and serves in equal]
            self._report_serving({**done, "on": serves, "as": others}, "kept")
            return
        if not exported.get("backends") and not self.candidate.others:
            self._report_serving({"on": serves, "left_out": []}, "ok")
            return
        # One request has no other row for a batch; its exporter has compared rows of its own.
        options = VerifyOptions(timeout=_TIMEOUT_SECONDS, inputs=self._asked, batch=0 if self._asked else None)
        verified = verify_file(self._request.config, self.name, options, warn=warn)
        if verified.result.verdict == "mismatch":
            findings = "; ".join(verified.result.findings())
            self.report.facts["serves"] = serves
            self.report.add("serve", f"stays on {serves}: {findings}", word="note")
            return
        serving = str(exported.get("serving") or "")
        compared = [arm.backend for arm in verified.result.arms]
        if serving in compared:
            edit_model(self._request.config, self.name, {}, {}, serving)
        left = [f"{one.backend} was not compared; next: {one.step}" if one.step else one.reason for one in verified.left_out]
        on = serving if serving in compared else verified.result.reference
        others = [name for name in (verified.result.reference, *compared) if name != on]
        self._report_serving(self.progress.add("serve", {"on": on, "as": others, "left_out": left}), "ok")

    def measure(self) -> None:
        """Measure the model on its backends in this process."""
        if not self._request.seconds:
            return
        done, word = self.progress.done("measure"), "kept"
        if done is None:
            done, word = measure_model(self._plugins, self._request, self.name, self._asked), "ok"
            self.progress.add("measure", done)
        self.report.facts["measure"] = done
        if "error" in done:
            self.report.add("measure", f"failed: {done['error']}", word="note")
            return
        figures = [f"{one['backend']} {one['p50_ms']} ms" for one in done["figures"]]
        self.report.add("measure", f"one caller, median: {', '.join(figures)}", word=word)

    def _serves(self) -> str:
        """Return the backend that turnout.yaml names for the model."""
        return load_settings(self._request.config, registry=self._plugins).model(self.name).backend

    def _report_serving(self, done: Mapping[str, Any], word: str) -> None:
        others = f", which answers as {', '.join(done['as'])}" if done.get("as") else ""
        self.report.add("serve", f"on {done['on']}{others}", word=word)
        self.report.facts["serves"] = done["on"]
        for left in done["left_out"]:
            self.report.add("serve", left, word="note")

    def _source(self) -> dict[str, Any]:
        """Return what decides the results of the stages: the files of the source, and what the user asks for."""
        name, backend = self.candidate.name, self.candidate.backend
        loaded = load_entries(self._plugins, self._request.folder, {name: self.candidate.entry(self.candidate.variants()[0])})
        state = arm_states(self._plugins, loaded.model(name), [backend])[backend]
        asked = {"format": self._request.format, "given": [str(file) for file in self._request.files]}
        return {"source": self._request.source, "settings": state.get("settings"), "files": state.get("files"), **asked}
