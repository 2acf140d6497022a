"""Export as ONNX."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout import ExportRequest, ModelSignature
from turnout.errors import MissingDependencyError
from turnout_direct.export.file_format import Outputs, Run
from turnout_direct.export.module_export import export_request
from turnout_direct.export.onnx_file import TITLE, check_file, read_signature, write_onnx
from turnout_direct.export.traceable import Traceable

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


class Onnx:
    """ONNX, for onnxruntime. Each file is checked against the ONNX standard."""

    title = TITLE
    runtime = "onnxruntime"

    def write(self, traceable: Traceable, file: Path) -> None:
        write_onnx(traceable, file)
        check_file(file, traceable)

    def open(self, traceable: Traceable, file: Path) -> Run | None:
        if importlib.util.find_spec("onnxruntime") is None:
            logger.warning("model %r was exported but not checked: onnxruntime is not installed", traceable.model)
            return None
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
        MissingDependencyError: a package that writes ONNX is not installed.
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
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"writing ONNX needs the package {error.name!r}; install it: pip install 'turnout-direct[export]'"
        ) from error
