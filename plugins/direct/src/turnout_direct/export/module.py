"""Exporting a loaded module: written, proved, or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout_direct.export.agreement import Report, check_answers
from turnout_direct.export.deform_conv import DeformConvAsGridSample
from turnout_direct.export.formats import FileFormat
from turnout_direct.export.forward import forward_traceable
from turnout_direct.export.generate.graph import generate_traceable
from turnout_direct.export.traceable import Traceable
from turnout_direct.load import load_module
from turnout_direct.options import DirectOptions

if TYPE_CHECKING:
    import torch


def export_request(request: ExportRequest, form: FileFormat) -> ModelSignature:
    """Load the model of ``request`` on the CPU and write it as ``export_module`` does.

    Raises:
        ExportError: the model cannot be written in this format; then there is no file.
        ModelLoadError: the model cannot be loaded.
    """
    options = request.options.model_copy(update={"device": "cpu", "compile": False})
    module = load_module(options, request.model.folder, request.model.name)
    return export_module(request.model, options, module, request.file, form, request.report)


def export_module(
    model: ModelDeclaration,
    options: DirectOptions,
    module: torch.nn.Module,
    file: Path,
    form: FileFormat,
    report: Report = lambda _: None,
) -> ModelSignature:
    """Write ``module``, loaded and on the CPU, to ``file``, and return the inputs and outputs of what was written.

    Every -1 of a declared input stays free. Where the format's runtime is installed, the file has given torch's answers, and
    ``report`` has heard how near.
    """
    traceable = _traceable(model, options, module)
    try:
        with DeformConvAsGridSample():
            form.write(traceable, file)
        return form.signature(traceable, file, check_answers(file, traceable, form, report))
    except BaseException:
        for written in (file, file.with_name(f"{file.name}.data")):
            written.unlink(missing_ok=True)
        raise


def _traceable(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module) -> Traceable:
    if options.method == "generate":
        return generate_traceable(model, options, module)
    return forward_traceable(model, options, module)
