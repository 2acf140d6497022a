"""Opening a model that turnout.yaml declares."""

from __future__ import annotations

from collections.abc import Mapping

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ModelLoadError
from turnout_onnxruntime.inference import OnnxruntimeInference
from turnout_onnxruntime.model_file import find_model_file
from turnout_onnxruntime.onnx_shapes import Shape, read_shapes
from turnout_onnxruntime.options import OnnxruntimeOptions
from turnout_onnxruntime.providers import CPU, check_providers, choose_providers, log_providers
from turnout_onnxruntime.runtime import import_onnxruntime
from turnout_onnxruntime.session import open_session
from turnout_onnxruntime.signature import read_signature


def open_model(declaration: ModelDeclaration, options: OnnxruntimeOptions) -> OnnxruntimeInference:
    """Return the model, loaded; blocks.

    Raises:
        ModelLoadError: the file, a provider, or a type of the model's inputs and outputs will not do.
        MissingDependencyError: onnxruntime is not installed.
    """
    name = declaration.name
    file = find_model_file(options.path, declaration.folder, name)
    runtime = import_onnxruntime()
    providers = choose_providers(options.providers, runtime, name)
    shapes = read_shapes(file)
    try:
        session = open_session(runtime, file, name, options, providers=providers, mem_pattern=_fixed(shapes))
    except ModelLoadError:
        if options.providers != "auto" or providers == CPU:
            raise
        # A provider that the wheel has may still find no device here; ``auto`` then means the CPU.
        session = open_session(runtime, file, name, options, providers=CPU, mem_pattern=_fixed(shapes))
    if options.providers == "auto":
        log_providers(session, providers, name)
    else:
        check_providers(session, providers, name)
    signature = read_signature(session, shapes, name)
    _check_carriers(signature, name)
    return OnnxruntimeInference(runtime, session, signature, name)


def _fixed(shapes: Mapping[str, Shape]) -> bool:
    return bool(shapes) and not any(shape is None or -1 in shape for shape in shapes.values())


def _check_carriers(signature: ModelSignature, model: str) -> None:
    # OrtValues carry no text, session.run no BF16 (1.32).
    datatypes = {spec.datatype for spec in (*signature.inputs, *signature.outputs)}
    if "BF16" in datatypes and any(spec.datatype == "BYTES" for spec in signature.inputs):
        raise ModelLoadError(
            f"model {model!r} takes BYTES and has BF16 tensors too, which ONNX Runtime's Python interface cannot carry "
            "together; export it with FP32 in place of BF16"
        )
