"""Exporting a model of the backend ``direct`` as TorchScript."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from turnout import ExportRequest, ModelSignature
from turnout_direct.export.formats import Answers, Run
from turnout_direct.export.module import export_request
from turnout_direct.export.torchscript_file import answered_signature, open_torchscript, write_torchscript
from turnout_direct.export.traceable import Traceable


class TorchScript:
    """TorchScript, for libtorch."""

    title = "TorchScript"
    runtime = "torch.jit"

    def write(self, traceable: Traceable, file: Path) -> None:
        write_torchscript(traceable, file)

    def open(self, traceable: Traceable, file: Path) -> Run | None:
        return open_torchscript(traceable, file)

    def signature(self, traceable: Traceable, file: Path, answers: Mapping[int, Answers]) -> ModelSignature:
        return answered_signature(traceable, answers)


def export_torchscript(request: ExportRequest) -> ModelSignature:
    """Write the model of ``request`` to its file and return the inputs and outputs of what was written.

    A model with ``method: generate`` becomes one module, ``pixel_values``, ``input_ids``, ``attention_mask`` ->
    ``generated_ids`` INT64 [-1, max_length]: traced steps in a scripted loop. The file is loaded anew and compared with torch.
    Blocks for seconds; one at a time.

    Raises:
        ExportError: the model cannot be written as TorchScript; then there is no file.
        ModelLoadError: the model cannot be loaded.
    """
    return export_request(request, TorchScript())
