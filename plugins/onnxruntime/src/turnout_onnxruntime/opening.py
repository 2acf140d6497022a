"""Opening of a model: file, providers, session, signature."""

from __future__ import annotations

from collections.abc import Mapping

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ModelLoadError
from turnout.repository.versions import version_text
from turnout_onnxruntime.external_data import external_files
from turnout_onnxruntime.inference import OnnxruntimeInference
from turnout_onnxruntime.model_file import find_model_file
from turnout_onnxruntime.onnx_shapes import Shape, read_shapes
from turnout_onnxruntime.options import OnnxruntimeOptions
from turnout_onnxruntime.providers import CPU, check_providers, choose_providers, log_providers
from turnout_onnxruntime.runtime import import_onnxruntime
from turnout_onnxruntime.session import open_session
from turnout_onnxruntime.session_signature import read_signature


def open_model(declaration: ModelDeclaration, options: OnnxruntimeOptions) -> OnnxruntimeInference:
    """Return the model, loaded; blocks.

    Raises:
        ModelLoadError: the file, a provider, or a type of the model's inputs and outputs cannot be used.
        MissingDependencyError: onnxruntime is not installed.
    """
    name = declaration.name
    file = find_model_file(options.path, declaration.folder, name, declaration.version)
    runtime = import_onnxruntime()
    providers = choose_providers(options.providers, runtime, name)
    external_files(file, name)  # ONNX Runtime before 1.24 follows links out of the folder
    shapes = read_shapes(file)
    mem_pattern = _has_fixed_shapes(shapes)
    try:
        session = open_session(runtime, file, name, options, providers=providers, mem_pattern=mem_pattern)
    except ModelLoadError:
        if options.providers != "auto" or providers == CPU:
            raise
        # A provider of the wheel may find no device on this machine; ``auto`` then falls back to the CPU.
        session = open_session(runtime, file, name, options, providers=CPU, mem_pattern=mem_pattern)
    if options.providers == "auto":
        log_providers(session, providers, name)
    else:
        check_providers(session, providers, name)
    signature = read_signature(session, shapes, name)
    _check_datatypes(signature, name)
    return OnnxruntimeInference(runtime, session, signature, name, version_text([file]))


def _has_fixed_shapes(shapes: Mapping[str, Shape]) -> bool:
    return bool(shapes) and not any(shape is None or -1 in shape for shape in shapes.values())


def _check_datatypes(signature: ModelSignature, model: str) -> None:
    # An OrtValue from numpy cannot hold strings, and session.run cannot accept BF16 (1.32).
    datatypes = {spec.datatype for spec in (*signature.inputs, *signature.outputs)}
    if "BF16" in datatypes and any(spec.datatype == "BYTES" for spec in signature.inputs):
        raise ModelLoadError(
            f"model {model!r} takes BYTES and has BF16 tensors too, which ONNX Runtime's Python interface cannot combine; "
            "export it with FP32 in place of BF16"
        )
