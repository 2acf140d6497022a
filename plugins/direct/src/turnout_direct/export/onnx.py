"""Exporting a model of the backend ``direct`` as ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.errors import MissingDependencyError
from turnout_direct.export.agreement import check_answers
from turnout_direct.export.forward import forward_traceable
from turnout_direct.export.generate.graph import generate_traceable
from turnout_direct.export.onnx_file import check_file, read_signature, write_onnx
from turnout_direct.export.traceable import Traceable
from turnout_direct.load import load_module
from turnout_direct.options import DirectOptions

if TYPE_CHECKING:
    import torch


def export_onnx(request: ExportRequest) -> ModelSignature:
    """Write the model of ``request`` to its file and return the inputs and outputs of what was written.

    A model with ``method: generate`` becomes one graph, ``pixel_values``, ``input_ids``, ``attention_mask`` ->
    ``generated_ids`` INT64 [-1, max_length]. Every -1 of a declared input stays free. The file is checked against the ONNX
    standard and, where onnxruntime is installed, against the answers of torch. Blocks for seconds to minutes; one at a time.

    Raises:
        ExportError: the model cannot be written as ONNX; then there is no file.
        ModelLoadError: the model cannot be loaded.
        MissingDependencyError: a package for writing ONNX is not installed.
    """
    _require_packages()
    options = request.options.model_copy(update={"device": "cpu", "compile": False})
    module = load_module(options, request.model.folder, request.model.name)
    return export_module(request.model, options, module, request.file)


def export_module(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module, file: Path) -> ModelSignature:
    """Write ``module``, loaded and on the CPU, as ``export_onnx`` does."""
    traceable = _traceable(model, options, module)
    try:
        write_onnx(traceable, file)
        check_file(file, traceable)
        check_answers(file, traceable)
    except BaseException:
        for written in (file, file.with_name(f"{file.name}.data")):
            written.unlink(missing_ok=True)
        raise
    return read_signature(file)


def _traceable(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module) -> Traceable:
    if options.method == "generate":
        return generate_traceable(model, options, module)
    return forward_traceable(model, options, module)


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"writing ONNX needs the package {error.name!r}; install it: pip install 'turnout-direct[export]'"
        ) from error
