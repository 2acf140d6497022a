"""The models of an existing repository, as turnout.yaml would say them."""

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
from turnout_triton.repository.carried import carried, literal, numbers, remarks
from turnout_triton.repository.config_file import read_config, words_of
from turnout_triton.repository.layout import CONFIG, PLATFORMS, newest_file, versions
from turnout_triton.repository.signature import config_signature, file_signature

URL = "${TRITON_URL:-localhost:8001}"


def describe(repository: Path, folder: Path) -> Iterator[RepositoryModel]:
    """Yield every model of ``repository`` for a turnout.yaml in ``folder``; one that cannot be taken over has its reason.

    Raises:
        ConfigurationError: there is no such folder, or it has no models.
    """
    if not repository.is_dir():
        raise ConfigurationError(f"there is no model repository {str(repository)!r}; correct --from-repository")
    models = [entry for entry in sorted(repository.iterdir()) if _is_model(entry)]
    if not models:
        raise ConfigurationError(
            f"{str(repository)!r} has no models, which are folders with {CONFIG} or a version such as '1'; "
            "correct --from-repository"
        )
    for model in models:
        try:
            yield _described(model, folder)
        except (ConfigurationError, ExportError) as error:
            yield RepositoryModel(model.name, remarks=(f"was left out: {error}",))


def _is_model(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".") and ((folder / CONFIG).is_file() or bool(versions(folder)))


def _described(model: Path, folder: Path) -> RepositoryModel:
    found = read_config(model / CONFIG)
    if found is None:
        return _of_file(model, folder)
    config = found.config
    reason = _unusable(config)
    if reason:
        return RepositoryModel(model.name, remarks=(f"was left out: {reason}",))
    name, triton = _name(model.name, config), _triton(model, folder)
    settings: dict[str, Any] = {"max_batch_size": config.max_batch_size} if config.max_batch_size else {}
    settings |= _batching(config)
    settings |= _declared(_with_rank_0(config_signature(config), file_signature(newest_file(model))), config.max_batch_size)
    if config.ensemble_scheduling.step:
        triton["ensemble"] = [step.model_name for step in config.ensemble_scheduling.step]
    own = carried(config)
    triton |= {"model_config": own} if own else {}
    return RepositoryModel(
        name, settings | {"backends": {"triton": triton} | _in_process(model, folder)}, tuple(remarks(config))
    )


def _of_file(model: Path, folder: Path) -> RepositoryModel:
    """Describe a model without config.pbtxt, which a server completes from the model's file."""
    file = newest_file(model)
    signature = file_signature(file)
    if file is None or not signature.inputs:
        what = f"{CONFIG} is missing, and its file does not tell its inputs and outputs"
        return RepositoryModel(model.name, remarks=(f"was left out: {what}; write {CONFIG}",))
    tensors = (*signature.inputs, *signature.outputs)
    batched = all(spec.shape and spec.shape[0] == -1 for spec in tensors)
    # What Triton completes such a config with: batches of up to 4, merged.
    settings: dict[str, Any] = {"max_batch_size": 4, "dynamic_batching": {}} if batched else {}
    settings |= _declared(signature, 4 if batched else 0)
    backends = {"triton": _triton(model, folder)} | _in_process(model, folder)
    remark = f"has no {CONFIG}; turnout export {model.name} --config-only writes it"
    return RepositoryModel(model.name, settings | {"backends": backends}, (remark,))


def _unusable(config: Any) -> str:
    """Return why Turnout cannot call such a model; empty if it can."""
    if config.HasField("sequence_batching"):
        return "it keeps state between requests (sequence_batching), which Turnout does not speak"
    if any(tensor.is_shape_tensor for tensor in (*config.input, *config.output)):
        return "it has shape tensors, which Turnout does not speak"
    if not config.input or not config.output:
        return f"its {CONFIG} does not say what it takes and gives; add input and output"
    return ""


def _name(name: str, config: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise ConfigurationError(f"{name!r} is no name in turnout.yaml: letters, digits, '_', '-' and '.'; rename the folder")
    if config.name not in ("", name):
        raise ConfigurationError(f"{CONFIG} calls it {config.name!r}, and Triton refuses that in a folder {name!r}; correct it")
    return name


def _with_rank_0(config: ModelSignature, file: ModelSignature) -> ModelSignature:
    """Return what the config says, with rank 0 where the file has it: Triton's configs say one element."""
    scalars = {spec.name for spec in (*file.inputs, *file.outputs) if spec.shape == ()}
    sides = (
        tuple(replace(spec, shape=()) if spec.name in scalars and spec.shape == (1,) else spec for spec in side)
        for side in (config.inputs, config.outputs)
    )
    return ModelSignature(*sides)


def _declared(signature: ModelSignature, max_batch_size: int) -> dict[str, Any]:
    sides = {"inputs": signature.inputs, "outputs": signature.outputs}
    return {
        side: {spec.name: f"{spec.datatype}{list(_without_batch(spec, max_batch_size))}" for spec in specs if not spec.optional}
        for side, specs in sides.items()
        if all(spec.shape is not None for spec in specs)
    }


def _without_batch(spec: TensorSpec, max_batch_size: int) -> tuple[int, ...]:
    shape = spec.shape or ()
    return shape[1:] if max_batch_size else shape


def _batching(config: Any) -> dict[str, Any]:
    if not config.HasField("dynamic_batching") or not config.max_batch_size:
        return {}
    return {"dynamic_batching": numbers(words_of(config.dynamic_batching))}


def _triton(model: Path, folder: Path) -> dict[str, Any]:
    return {"url": URL, "repository": _relative(model.parent, folder)}


def _relative(path: Path, folder: Path) -> str:
    return literal(Path(os.path.relpath(path, folder)).as_posix())


def _in_process(model: Path, folder: Path) -> dict[str, Any]:
    """Return what can run the newest version's file in this process."""
    file = newest_file(model)
    if file is None:
        return {}
    if PLATFORMS[file.name].backend == "onnxruntime":
        return {"onnxruntime": {"path": _relative(model, folder)}}
    return {"direct": {"loader": "torchscript", "path": _relative(file, folder)}}
