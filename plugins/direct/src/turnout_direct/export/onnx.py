"""Export as ONNX."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout import ExportRequest, ModelSignature
from turnout.errors import MissingDependencyError
from turnout_direct.export.file_format import Outputs, Run
from turnout_direct.export.module_export import export_request
from turnout_direct.export.onnx_file import TITLE, check_file, read_signature, write_onnx
from turnout_direct.export.traceable import Traceable
from turnout_direct.import_failures import describe_import_failure

if TYPE_CHECKING:
    import torch


PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class Onnx:
    """ONNX, for onnxruntime. Each file is checked against the ONNX standard."""

    title = TITLE
    runtime = "onnxruntime"

    def write(self, traceable: Traceable, file: Path) -> None:
        write_onnx(traceable, file)
        check_file(file, traceable)

    def open(self, traceable: Traceable, file: Path) -> Run:
        session = _open_session(file)

        def run(inputs: tuple[torch.Tensor, ...]) -> Outputs:
            feed = {spec.name: tensor.numpy() for spec, tensor in zip(traceable.inputs, inputs, strict=True)}
            outputs: Outputs = session.run(list(traceable.outputs), feed)
            return outputs

        return run

    def signature(self, traceable: Traceable, file: Path, outputs: Mapping[int, Outputs]) -> ModelSignature:
        return read_signature(file)


def export_onnx(request: ExportRequest) -> ModelSignature:
    """Write the model of ``request`` to its file and return the inputs and outputs of the file.

    A model with ``method: generate`` becomes one graph, ``pixel_values``, ``input_ids``, ``attention_mask`` ->
    ``generated_ids`` INT64 [-1, max_length]. Blocks for seconds to minutes; not thread-safe.

    Raises:
        ExportError: the model cannot be written as ONNX; no file remains.
        ModelLoadError: the model cannot be loaded.
        MissingDependencyError: a package that writes or runs ONNX is not installed: a file is published only with its proof.
    """
    _check_packages()
    return export_request(request, Onnx())


def _open_session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Graphs with a loop print many harmless "CanUpdateImplicitInputNameInSubgraphs" warnings; 3 prints errors only.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _check_packages() -> None:
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError as error:
            install = f"pip install {' '.join(PACKAGES)}"
            raise MissingDependencyError(
                f"the export as ONNX writes a file with 'onnx' and 'onnxscript' and compares it with torch on 'onnxruntime': "
                f"{describe_import_failure(error)}: {install}",
                next_step=install,
            ) from error
