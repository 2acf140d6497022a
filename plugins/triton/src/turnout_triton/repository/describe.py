"""The models of an existing repository, as settings for turnout.yaml."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from turnout import ModelSignature, RepositoryModel
from turnout.errors import ConfigurationError, ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import fields_of, read_config
from turnout_triton.repository.file_signature import config_signature, read_file_signature
from turnout_triton.repository.layout import CONFIG, PLATFORMS, model_folders, newest_file
from turnout_triton.repository.options_from_config import escape_variables, options_from_config, parse_numbers, remarks
from turnout_triton.repository.reshape import reshapes

URL = "${TRITON_URL:-localhost:8001}"


def describe(repository: Path, folder: Path) -> Iterator[RepositoryModel]:
    """Yield every model of ``repository`` for a turnout.yaml in ``folder``; a model that is skipped has the reason.

    Raises:
        ConfigurationError: there is no such folder, or it has no models.
    """
    if not repository.is_dir():
        raise ConfigurationError(f"there is no model repository {str(repository)!r}; correct --from-repository")
    models = model_folders(repository)
    if not models:
        raise ConfigurationError(
            f"{str(repository)!r} has no models, which are folders with {CONFIG} or a version such as '1'; "
            "correct --from-repository"
        )
    for model in models:
        try:
            yield _describe_model(model, folder)
        except (ConfigurationError, ExportError) as error:
            yield _skipped_model(model, str(error))


def _skipped_model(model: Path, reason: str) -> RepositoryModel:
    return RepositoryModel(model.name, remarks=(f"was skipped: {reason}",))


def _describe_model(model: Path, folder: Path) -> RepositoryModel:
    present = read_config(model / CONFIG)
    if present is None:
        return _describe_file(model, folder)
    config = present.config
    reason = _unsupported_reason(config)
    if reason:
        return _skipped_model(model, reason)
    name, triton = _model_name(model.name, config), _triton_entry(model, folder)
    settings: dict[str, Any] = {"max_batch_size": config.max_batch_size} if config.max_batch_size else {}
    settings |= _dynamic_batching(config)
    signature = _restore_rank_0(config_signature(config), read_file_signature(newest_file(model)))
    settings |= _tensor_settings(signature, config.max_batch_size)
    if any(tensor.optional for tensor in config.input):
        del settings["inputs"]  # turnout.yaml has no word for an optional one; the server says which inputs it takes
    if config.ensemble_scheduling.step:
        triton["ensemble"] = [step.model_name for step in config.ensemble_scheduling.step]
    options = options_from_config(config)
    triton |= {"model_config": options} if options else {}
    # In this process the model would take and give the shapes of its file, not those that clients of the server send and get.
    backends = {"triton": triton} | ({} if reshapes(config) else _in_process_entry(model, folder))
    return RepositoryModel(name, settings | {"backends": backends}, tuple(remarks(config)))


def _describe_file(model: Path, folder: Path) -> RepositoryModel:
    """Describe a model without config.pbtxt by its file, as a server completes the config."""
    file = newest_file(model)
    signature = read_file_signature(file)
    if file is None or not signature.inputs:
        return _skipped_model(model, f"it has no {CONFIG}, and its file does not declare inputs and outputs; write {CONFIG}")
    tensors = (*signature.inputs, *signature.outputs)
    batched = all(spec.shape and spec.shape[0] == -1 for spec in tensors)
    # Triton's default for such a model: batches of up to 4, dynamic batching on.
    settings: dict[str, Any] = {"max_batch_size": 4, "dynamic_batching": {}} if batched else {}
    settings |= _tensor_settings(signature, 4 if batched else 0)
    backends = {"triton": _triton_entry(model, folder)} | _in_process_entry(model, folder)
    remark = f"has no {CONFIG}; turnout export {model.name} --config-only writes it"
    return RepositoryModel(model.name, settings | {"backends": backends}, (remark,))


def _unsupported_reason(config: Any) -> str:
    """Return the reason why Turnout cannot call such a model; empty if it can."""
    if config.HasField("sequence_batching"):
        return "it keeps state between requests (sequence_batching), which Turnout does not support"
    if any(tensor.is_shape_tensor for tensor in (*config.input, *config.output)):
        return "it has shape tensors, which Turnout does not support"
    if not config.input or not config.output:
        return f"its {CONFIG} does not declare inputs and outputs; add input and output"
    return ""


def _model_name(name: str, config: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise ConfigurationError(
            f"{name!r} is not a model name in turnout.yaml: letters, digits, '_', '-' and '.'; rename the folder"
        )
    if config.name not in ("", name):
        raise ConfigurationError(f"{CONFIG} calls it {config.name!r}, which Triton refuses in a folder {name!r}; correct it")
    return name


def _restore_rank_0(config: ModelSignature, file: ModelSignature) -> ModelSignature:
    """Return the signature of the config, with rank 0 if the file has it: in Triton's configs it is one element."""
    scalars = {spec.name for spec in (*file.inputs, *file.outputs) if spec.shape == ()}
    sides = (
        tuple(replace(spec, shape=()) if spec.name in scalars and spec.shape == (1,) else spec for spec in side)
        for side in (config.inputs, config.outputs)
    )
    return ModelSignature(*sides)


def _tensor_settings(signature: ModelSignature, max_batch_size: int) -> dict[str, Any]:
    sides = {"inputs": signature.inputs, "outputs": signature.outputs}
    return {
        side: {spec.name: f"{spec.datatype}{list(_without_batch(spec, max_batch_size))}" for spec in specs if not spec.optional}
        for side, specs in sides.items()
        if all(spec.shape is not None for spec in specs)
    }


def _without_batch(spec: TensorSpec, max_batch_size: int) -> tuple[int, ...]:
    shape = spec.shape or ()
    return shape[1:] if max_batch_size else shape


def _dynamic_batching(config: Any) -> dict[str, Any]:
    if not config.HasField("dynamic_batching") or not config.max_batch_size:
        return {}
    return {"dynamic_batching": parse_numbers(fields_of(config.dynamic_batching))}


def _triton_entry(model: Path, folder: Path) -> dict[str, Any]:
    return {"url": URL, "repository": _relative_path(model.parent, folder)}


def _relative_path(path: Path, folder: Path) -> str:
    return escape_variables(Path(os.path.relpath(path, folder)).as_posix())


def _in_process_entry(model: Path, folder: Path) -> dict[str, Any]:
    """Return the entry of the backend that can run the newest version's file in this process."""
    file = newest_file(model)
    if file is None:
        return {}
    if PLATFORMS[file.name].backend == "onnxruntime":
        return {"onnxruntime": {"path": _relative_path(model, folder)}}
    return {"direct": {"loader": "torchscript", "path": _relative_path(file, folder)}}
