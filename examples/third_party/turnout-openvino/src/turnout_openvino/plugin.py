"""The hook of turnout-openvino."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from turnout import hookimpl

if TYPE_CHECKING:
    from turnout import Backend, ModelDeclaration
    from turnout_openvino.inference import OpenvinoInference
    from turnout_openvino.options import OpenvinoOptions


@hookimpl
def turnout_backends() -> Iterable[Backend[OpenvinoOptions]]:
    """Yield ``openvino``."""
    from turnout import Backend
    from turnout_openvino.options import OpenvinoOptions

    yield Backend(
        "openvino",
        _create,
        OpenvinoOptions,
        example="{path: model.onnx}",
        # ONNX files belong to the backend onnxruntime, whichever of the two is installed.
        file_options={".xml": "path"},
        version_folder=_version_folder,
        tuning=("num_streams", "performance_hint"),
        threads_option="inference_num_threads",
    )


def _create(model: ModelDeclaration, options: OpenvinoOptions) -> OpenvinoInference:
    from turnout_openvino.opening import open_model

    return open_model(model, options)


def _version_folder(model: ModelDeclaration, options: OpenvinoOptions) -> Path | None:
    from turnout_openvino.model_file import find_version_folder

    return find_version_folder(options.path, model.folder, model.version)
