"""Exporting a model of the backend ``direct`` as ONNX."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout import ExportRequest, ModelSignature
from turnout.errors import MissingDependencyError
from turnout_direct.export.formats import Answers, Run
from turnout_direct.export.module import export_request
from turnout_direct.export.onnx_file import check_file, read_signature, write_onnx
from turnout_direct.export.traceable import Traceable

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


class Onnx:
    """ONNX, for onnxruntime. Files are checked against the standard as they are written."""

    title = "ONNX"
    runtime = "onnxruntime"

    def write(self, traceable: Traceable, file: Path) -> None:
        write_onnx(traceable, file)
        check_file(file, traceable)

    def open(self, traceable: Traceable, file: Path) -> Run | None:
        if importlib.util.find_spec("onnxruntime") is None:
            logger.warning("model %r was exported, but not tried: onnxruntime is not installed", traceable.model)
            return None
        session = _session(file)

        def run(inputs: tuple[torch.Tensor, ...]) -> Answers:
            feed = {spec.name: tensor.numpy() for spec, tensor in zip(traceable.inputs, inputs, strict=True)}
            answers: Answers = session.run(list(traceable.outputs), feed)
            return answers

        return run

    def signature(self, traceable: Traceable, file: Path, answers: Mapping[int, Answers]) -> ModelSignature:
        return read_signature(file)


def export_onnx(request: ExportRequest) -> ModelSignature:
    """Write the model of ``request`` to its file and return the inputs and outputs of what was written.

    A model with ``method: generate`` becomes one graph, ``pixel_values``, ``input_ids``, ``attention_mask`` ->
    ``generated_ids`` INT64 [-1, max_length]. Blocks for seconds to minutes; one at a time.

    Raises:
        ExportError: the model cannot be written as ONNX; then there is no file.
        ModelLoadError: the model cannot be loaded.
        MissingDependencyError: a package for writing ONNX is not installed.
    """
    _require_packages()
    return export_request(request, Onnx())


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"writing ONNX needs the package {error.name!r}; install it: pip install 'turnout-direct[export]'"
        ) from error
