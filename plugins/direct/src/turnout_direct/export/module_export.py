"""Export of a loaded module: a checked file, or none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout_direct.export.adaptive_pool import AdaptivePoolAsProduct
from turnout_direct.export.deform_conv import DeformConvAsGridSample
from turnout_direct.export.file_format import FileFormat
from turnout_direct.export.forward_traceable import forward_traceable
from turnout_direct.export.generate.generate_traceable import generate_traceable
from turnout_direct.export.output_check import Report, check_outputs
from turnout_direct.export.tensor_lengths import free_lengths
from turnout_direct.export.traceable import Traceable
from turnout_direct.export.transformers_checks import without_checks
from turnout_direct.module_loader import load_module
from turnout_direct.options import DirectOptions

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


def export_request(request: ExportRequest, form: FileFormat) -> ModelSignature:
    """Load the model of ``request`` on the CPU and export it with ``export_module``.

    Raises:
        ExportError: the model cannot be written in this format; no file remains.
        ModelLoadError: the model cannot be loaded.
    """
    options = request.options.model_copy(update={"device": "cpu", "compile": False})
    logger.info("loading model %r for the export", request.model.name)
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
    """Write ``module``, loaded and on the CPU, to ``file``, and return the inputs and outputs of the file.

    Every -1 of a declared input stays free. The file's outputs are compared with torch's, and ``report`` receives the
    differences.
    """
    traceable = _traceable_of(model, options, module)
    logger.info("writing %s of model %r", form.title, model.name)
    try:
        with DeformConvAsGridSample(), AdaptivePoolAsProduct(), free_lengths(module), without_checks():
            form.write(traceable, file)
        return form.signature(traceable, file, check_outputs(file, traceable, form, report))
    # Also after KeyboardInterrupt: a file remains only if its check succeeded.
    except BaseException:
        for written in (file, file.with_name(f"{file.name}.data")):
            written.unlink(missing_ok=True)
        raise


def _traceable_of(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module) -> Traceable:
    if options.method == "generate":
        return generate_traceable(model, options, module)
    return forward_traceable(model, options, module)
