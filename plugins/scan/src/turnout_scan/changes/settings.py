"""A turnout.yaml for the model of a load."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from turnout_scan.changes.names import argument, class_name, constant_text, keywords_within, model_name, scalar, text_within
from turnout_scan.context.code_base import CodeBase
from turnout_scan.values.kinds import External, Load

_TASKS: Mapping[str, tuple[str, str]] = {
    "image-to-text": ("AutoModelForImageTextToText", "generate"),
    "image-text-to-text": ("AutoModelForImageTextToText", "generate"),
    "visual-question-answering": ("AutoModelForVisualQuestionAnswering", ""),
    "image-classification": ("AutoModelForImageClassification", ""),
    "image-segmentation": ("AutoModelForImageSegmentation", ""),
    "object-detection": ("AutoModelForObjectDetection", ""),
    "depth-estimation": ("AutoModelForDepthEstimation", ""),
    "text-classification": ("AutoModelForSequenceClassification", ""),
    "sentiment-analysis": ("AutoModelForSequenceClassification", ""),
    "token-classification": ("AutoModelForTokenClassification", ""),
    "question-answering": ("AutoModelForQuestionAnswering", ""),
    "feature-extraction": ("AutoModel", ""),
    "image-feature-extraction": ("AutoModel", ""),
}
_NO_COMMIT = "0" * 40


def settings_for(base: CodeBase, load: Load) -> str:
    """Return a whole turnout.yaml for the model; empty if Turnout has no backend for its library."""
    name = model_name(base, load)
    options, note = _options(base, load, name)
    if not options:
        return ""
    backend = options.partition(":")[0]
    comment = f"    # {note}\n" if note else ""
    return f"models:\n  {name}:\n    backend: {backend}\n{comment}    backends:\n      {options}\n"


def _options(base: CodeBase, load: Load, name: str) -> tuple[str, str]:
    match load.family:
        case "transformers":
            return _transformers(base, load)
        case "pipeline":
            return _task(base, load)
        case "torchscript":
            path = scalar(_text(base, load, "model.pt"))
            return f"direct: {{loader: torchscript, path: {path}, trust: true}}", "or, in place of trust, the file's sha256"
        case "onnxruntime":
            return f"onnxruntime: {{path: {scalar(_text(base, load, 'model.onnx'))}}}", ""
        case "ultralytics":
            stem = _text(base, load, "model.pt").rpartition(".")[0] or "model"
            return f"onnxruntime: {{path: {scalar(stem + '.onnx')}}}", f"yolo export model={stem}.pt format=onnx"
        case "http_client":
            url = constant_text(base, argument(load, 0, "url"), load.module) or "localhost:8000"
            return f"triton: {{url: {scalar('http://' + url.removeprefix('http://'))}}}", ""
        case "other" | "diffusers":
            return "", ""
        case _:
            return _factory(load, name)


def _transformers(base: CodeBase, load: Load) -> tuple[str, str]:
    value = base.value(load.call.func, load.module)
    # A call that chooses what a function loads names the class in its title.
    if load.within is None and isinstance(value, External) and not value.name.startswith("transformers."):
        return _factory(load, model_name(base, load))
    found = [f"class: {class_name(base, load)}", f"checkpoint: {scalar(_text(base, load, 'path/to/checkpoint'))}"]
    if base.has(load, frozenset({"generate"})):
        found.append("method: generate")
    if any(one.arg == "trust_remote_code" for one in (*load.call.keywords, *keywords_within(load))):
        found += ["trust_remote_code: true", f'revision: "{_NO_COMMIT}"']
        note = "the checkpoint's own Python runs: read it, and write the commit that you have read"
        return _direct(found), note
    return _direct(found), ""


def _task(base: CodeBase, load: Load) -> tuple[str, str]:
    task = constant_text(base, argument(load, 0, "task"), load.module) or ""
    kind, method = _TASKS.get(task, ("AutoModel", ""))
    checkpoint = constant_text(base, argument(load, 1, "model"), load.module) or "path/to/checkpoint"
    found = [f"class: {kind}", f"checkpoint: {scalar(checkpoint)}", *(["method: generate"] if method else [])]
    return _direct(found), ""


def _direct(found: list[str]) -> str:
    return f"direct: {{loader: transformers, {', '.join(found)}}}"


def _factory(load: Load, name: str) -> tuple[str, str]:
    function = load.module.function(load.call)
    is_factory = (
        isinstance(function, ast.FunctionDef) and load.module.owner(function) is None and not _needs_arguments(function)
    )
    if (
        is_factory
        and isinstance(function, ast.FunctionDef)
        and load.module.function(function) is None
        and not load.module.is_notebook
    ):
        module = ".".join(load.module.names) or load.module.file.parent.name
        if all(part.isidentifier() for part in module.split(".")):
            return (
                f"direct: {{loader: factory, factory: {scalar(f'{module}:{function.name}')}}}",
                "the function must return the model",
            )
    note = f"a file models.py beside this one, with a function make_{name}() that builds and returns the model"
    return f'direct: {{loader: factory, factory: "models:make_{name}"}}', note


def _needs_arguments(function: ast.FunctionDef) -> bool:
    arguments = function.args
    plain = len(arguments.posonlyargs) + len(arguments.args) > len(arguments.defaults)
    return plain or any(default is None for default in arguments.kw_defaults)


def _text(base: CodeBase, load: Load, otherwise: str) -> str:
    found = argument(load, 0, "pretrained_model_name_or_path", "path_or_bytes", "f", "model", "path", "model_name")
    text = text_within(base, load) if load.within is not None else constant_text(base, found, load.module)
    return text or otherwise
