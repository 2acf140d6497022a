"""Export as TorchScript."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from turnout import ExportRequest, ModelSignature
from turnout_direct.export.file_format import Outputs, Run
from turnout_direct.export.module_export import export_request
from turnout_direct.export.torchscript_file import open_torchscript, signature_of_outputs, write_torchscript
from turnout_direct.export.torchscript_trace import TITLE
from turnout_direct.export.traceable import Traceable


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


def export_torchscript(request: ExportRequest) -> ModelSignature:
    """Write the model of ``request`` to its file and return the inputs and outputs of the file.

    A model with ``method: generate`` becomes one module, ``pixel_values``, ``input_ids``, ``attention_mask`` ->
    ``generated_ids`` INT64 [-1, max_length]: traced methods in a scripted loop. The written file is loaded and compared
    with torch. Blocks for seconds; not thread-safe.

    Raises:
        ExportError: the model cannot be written as TorchScript; no file remains.
        ModelLoadError: the model cannot be loaded.
    """
    return export_request(request, TorchScript())
