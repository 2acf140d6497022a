"""Opening of a model: file, graph, compilation, signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout import ModelDeclaration
from turnout.errors import ModelLoadError, text_of
from turnout.repository.versions import version_text
from turnout_openvino.inference import OpenvinoInference
from turnout_openvino.model_file import find_model_file
from turnout_openvino.options import OpenvinoOptions
from turnout_openvino.runtime import import_openvino
from turnout_openvino.signature import read_signature

_FRONTENDS = {".onnx": "onnx", ".xml": "ir"}


def open_model(declaration: ModelDeclaration, options: OpenvinoOptions) -> OpenvinoInference:
    """Return the model, compiled; blocks.

    Raises:
        ModelLoadError: the file, the device, an option, or a type of the model's inputs and outputs cannot be used.
        MissingDependencyError: openvino is not installed.
    """
    name = declaration.name
    file = find_model_file(options.path, declaration.folder, name, declaration.version)
    openvino = import_openvino()
    graph = _read(openvino, file, name)
    compiled = _compile(openvino, graph, options, declaration)
    return OpenvinoInference(compiled, read_signature(compiled, name), name, version_text([file]))


def _read(openvino: Any, file: Path, model: str) -> Any:
    """Return the graph of ``file``. Only the reader of its format looks at it: the others print what they do not understand."""
    try:
        frontend = openvino.frontend.FrontEndManager().load_by_framework(_FRONTENDS[file.suffix.lower()])
        graph = frontend.convert(frontend.load(str(file)))
    except Exception as error:
        raise ModelLoadError(
            f"model {model!r}: OpenVINO {openvino.__version__.partition('-')[0]} cannot read {str(file)!r}: {_reason(error)}; "
            "write the file again, or use another backend"
        ) from error
    # An empty file is a valid ONNX message.
    if not graph.outputs:
        raise ModelLoadError(f"model {model!r}: {str(file)!r} is read as a model without outputs; write the file again")
    return graph


def _compile(openvino: Any, graph: Any, options: OpenvinoOptions, declaration: ModelDeclaration) -> Any:
    try:
        return openvino.Core().compile_model(graph, options.device, _properties(options, declaration.folder))
    except Exception as error:
        raise ModelLoadError(
            f"model {declaration.name!r}: OpenVINO cannot compile it for device {options.device!r}: {_reason(error)}; "
            f"its devices are: {', '.join(openvino.Core().available_devices)}; correct the options of backend 'openvino'"
        ) from error


def _properties(options: OpenvinoOptions, folder: Path) -> dict[str, Any]:
    properties: dict[str, Any] = {"PERFORMANCE_HINT": options.performance_hint.upper()}
    if options.inference_precision != "device":
        properties["INFERENCE_PRECISION_HINT"] = options.inference_precision
    if options.num_streams is not None:
        properties["NUM_STREAMS"] = str(options.num_streams)
    if options.inference_num_threads:
        properties["INFERENCE_NUM_THREADS"] = options.inference_num_threads
    if options.cache_dir is not None:
        properties["CACHE_DIR"] = str(folder / options.cache_dir)
    return properties


def _reason(error: Exception) -> str:
    """Return the last line of OpenVINO's text: the lines before it name places in its own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else text_of(error)
