"""Export as TorchScript."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from turnout import ExportRequest, ModelSignature
from turnout.errors import ExportError
from turnout_direct.export.file_format import Outputs, Run
from turnout_direct.export.module_export import export_request
from turnout_direct.export.torchscript_file import open_torchscript, signature_of_outputs, write_torchscript
from turnout_direct.export.torchscript_trace import TITLE
from turnout_direct.export.traceable import Traceable
from turnout_direct.model_files import find_model_files
from turnout_direct.vouched_file import open_vouched


class TorchScript:
    """TorchScript, for libtorch."""

    title = TITLE
    runtime = "torch.jit"

    def write(self, traceable: Traceable, file: Path) -> None:
        write_torchscript(traceable, file)

    def open(self, traceable: Traceable, file: Path) -> Run:
        return open_torchscript(traceable, file)

    def signature(self, traceable: Traceable, file: Path, outputs: Mapping[int, Outputs]) -> ModelSignature:
        return signature_of_outputs(traceable, outputs)


class TorchScriptCopy(TorchScript):
    """A TorchScript file that exists; ``write`` copies it, and its answers are compared with the original's."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def write(self, traceable: Traceable, file: Path) -> None:
        shutil.copyfile(self._source, file)


def export_torchscript(request: ExportRequest) -> ModelSignature:
    """Write the model of ``request`` to its file and return the inputs and outputs of the file.

    A model that is a TorchScript file already is copied, and compared bit for bit.

    A model with ``method: generate`` becomes one module, ``pixel_values``, ``input_ids``, ``attention_mask`` ->
    ``generated_ids`` INT64 [-1, max_length]: traced methods in a scripted loop. The written file is loaded and compared
    with torch. Blocks for seconds; not thread-safe.

    Raises:
        ExportError: the model cannot be written as TorchScript; no file remains.
        ModelLoadError: the model cannot be loaded.
    """
    if request.options.loader != "torchscript":
        return export_request(request, TorchScript())
    [source] = find_model_files(request.model, request.options)
    # The bytes that are vouched for are those that are copied.
    with open_vouched(source, request.options, request.model.name) as vouched:
        return export_request(replace(request, report=_exact(request)), TorchScriptCopy(Path(vouched.path)))


def _exact(request: ExportRequest) -> Callable[[Mapping[str, Any]], None]:
    """Return a report that raises ExportError if the copy's answers differ in a single bit."""

    def report(facts: Mapping[str, Any]) -> None:
        wrong = {name: error for name, error in facts.get("max_abs_error", {}).items() if error}
        if wrong:
            raise ExportError(
                f"model {request.model.name!r}: the copied file gives other answers than the original: {wrong}; its code may "
                "use chance, so nothing can be proved about it; export a module in eval mode"
            )
        request.report({**facts, "bit_for_bit": True})

    return report
