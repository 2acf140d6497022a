"""The models of an existing repository, as settings for turnout.yaml."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turnout import ModelSignature, RepositoryModel
from turnout.errors import ConfigurationError, TurnoutError, one_line
from turnout.files.fingerprint import fingerprint
from turnout.files.made_here import MADE_HERE
from turnout.repository.versions import versions
from turnout.tensors import TensorSpec
from turnout_triton.repository.completed_config import complete_config
from turnout_triton.repository.config_file import ConfigFile, fields_of, new_config, read_config
from turnout_triton.repository.described_tensors import describe_tensors
from turnout_triton.repository.in_process import in_process_entry, relative_path
from turnout_triton.repository.layout import CONFIG
from turnout_triton.repository.model_backend import backend_of, served_file
from turnout_triton.repository.onnx_signature import read_onnx_signature
from turnout_triton.repository.options_from_config import escape_variables, options_from_config, parse_numbers, remarks
from turnout_triton.repository.reshape import reshapes

URL = "${TRITON_URL:-localhost:8001}"
ONNXRUNTIME = "onnxruntime"


def describe(repository: Path, folder: Path) -> Iterator[RepositoryModel]:
    """Yield every model of ``repository`` for a turnout.yaml in ``folder``; a model that is skipped has the reason.

    Raises:
        ConfigurationError: there is no such folder, or it has no models.
    """
    if not repository.is_dir():
        state = ", which is a file" if repository.exists() else ""
        raise ConfigurationError(f"there is no model repository {str(repository)!r}{state}; correct --from-repository")
    if (repository / CONFIG).is_file() or versions(repository):
        parent = shlex.quote(os.path.relpath(repository.absolute().parent))
        raise ConfigurationError(f"{str(repository)!r} is a model, not a repository of models: --from-repository {parent}")
    models = [path for path in sorted(repository.iterdir()) if _may_be_a_model(path)]
    if not models:
        raise ConfigurationError(
            f"{str(repository)!r} has no models, which are folders with {CONFIG} or a version such as '1'; "
            "correct --from-repository"
        )
    for model in models:
        yield _describe_or_skip(model, folder)


def _may_be_a_model(path: Path) -> bool:
    """Return whether Triton would try to load ``path``: a folder, or a link that is broken."""
    return not path.name.startswith(".") and (path.is_dir() or (path.is_symlink() and not path.is_file()))


def _describe_or_skip(model: Path, folder: Path) -> RepositoryModel:
    try:
        return _describe_model(model, folder)
    except TurnoutError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{str(error.filename or model)!r} cannot be read: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001  # a broken file may break any reader; the other models are good
        reason = f"it cannot be read: {one_line(error)}"
    return RepositoryModel(model.name, remarks=(f"was skipped: {reason}",))


def _describe_model(model: Path, folder: Path) -> RepositoryModel:
    present = read_config(model / CONFIG)
    given = present.config if present else new_config()
    backend = backend_of(given, model)
    _check_model(model, given, backend)
    if present is None and backend == "pytorch":
        raise ConfigurationError(f"it has no {CONFIG}, and model.pt does not declare inputs and outputs; write {CONFIG}")
    file = served_file(given, model, backend)
    signature = read_onnx_signature(file) if file and backend == ONNXRUNTIME else ModelSignature()
    config = complete_config(given, signature)
    _check_tensors(config, backend)
    tensors = describe_tensors(config, signature)
    settings: dict[str, Any] = {"max_batch_size": tensors.max_batch_size} if tensors.max_batch_size else {}
    settings |= _dynamic_batching(config) if tensors.max_batch_size else {}
    settings |= _tensor_settings(tensors.signature, tensors.max_batch_size)
    if any(tensor.optional for tensor in config.input):
        settings.pop("inputs", None)  # turnout.yaml has no word for an optional one; the server says which inputs it takes
    triton = {"url": URL, "repository": relative_path(model.parent, folder)} | _triton_options(config)
    # In this process the model would take and give the shapes of its file, not those that clients of the server send and get.
    here = {} if reshapes(config) else in_process_entry(model, file, backend, folder)
    settings["backends"] = {"triton": triton} | here
    notes = [*_config_notes(present, backend), *remarks(config), *_code_notes(file if "direct" in here else None)]
    if tensors.contradiction:
        notes.append(
            f"{CONFIG} contradicts {file.name if file else 'the file'}: {tensors.contradiction}; turnout.yaml follows "
            f"the file. To correct {CONFIG}: turnout export {{name}} --config-only --force-config"
        )
    return RepositoryModel(model.name, settings, tuple(notes))


def _check_model(model: Path, config: Any, backend: str) -> None:
    """Raise ConfigurationError if Turnout cannot call such a model, or Triton cannot serve it."""
    name = model.name
    if "\\" in name or not name.isprintable():
        raise ConfigurationError("its folder's name has characters that cannot be printed, or '\\'; rename the folder")
    if not model.is_dir():
        raise ConfigurationError("it is a link that leads nowhere; correct or remove the link")
    if config.name not in ("", name):
        raise ConfigurationError(f"{CONFIG} calls it {config.name!r}, which Triton refuses in a folder {name!r}; correct it")
    if config.HasField("sequence_batching"):
        raise ConfigurationError("it keeps state between requests (sequence_batching), which Turnout does not support")
    if any(tensor.is_shape_tensor for tensor in (*config.input, *config.output)):
        raise ConfigurationError("it has shape tensors, which Turnout does not support")
    if not backend:
        raise ConfigurationError(_nothing_to_serve(model))


def _nothing_to_serve(model: Path) -> str:
    if not versions(model):
        return f"it has no version folder such as '1', and no {CONFIG} that names a backend; add the model's file, or remove it"
    return f"no version has a file that Triton knows, and no {CONFIG} names a backend; write a {CONFIG}"


def _check_tensors(config: Any, backend: str) -> None:
    """Raise ConfigurationError if a tensor of a completed config has no datatype, or no dims where no file has them."""
    for kind, tensors in (("input", config.input), ("output", config.output)):
        for tensor in tensors:
            missing = "data_type" if not tensor.data_type else "dims" if not tensor.dims and backend != ONNXRUNTIME else ""
            if missing:
                raise ConfigurationError(f"{CONFIG} declares {kind} {tensor.name!r} without {missing}; add it")


def _config_notes(present: ConfigFile | None, backend: str) -> Iterator[str]:
    if present is not None and present.incomplete:
        yield f"{CONFIG} has {present.incomplete}"
    if present is None and backend == ONNXRUNTIME:
        yield f"has no {CONFIG}; turnout export {{name}} --config-only writes it"


def _code_notes(file: Path | None) -> Iterator[str]:
    if file is not None and (digest := fingerprint(file)) not in MADE_HERE:
        yield (
            f"{file.name} is code; to run it in this process, if you made it or trust who did, add to the options of "
            f"'direct': sha256: \"{digest}\""
        )


def _tensor_settings(signature: ModelSignature, max_batch_size: int) -> dict[str, Any]:
    sides = {"inputs": signature.inputs, "outputs": signature.outputs}
    return {
        side: {spec.name: f"{spec.datatype}{list(_without_batch(spec, max_batch_size))}" for spec in specs if not spec.optional}
        for side, specs in sides.items()
        if specs and all(spec.shape is not None for spec in specs)
    }


def _without_batch(spec: TensorSpec, max_batch_size: int) -> tuple[int, ...]:
    shape = spec.shape or ()
    return shape[1:] if max_batch_size else shape


def _dynamic_batching(config: Any) -> dict[str, Any]:
    if not config.HasField("dynamic_batching"):
        return {}
    return {"dynamic_batching": parse_numbers(fields_of(config.dynamic_batching))}


def _triton_options(config: Any) -> dict[str, Any]:
    steps = [escape_variables(step.model_name) for step in config.ensemble_scheduling.step]
    options = options_from_config(config)
    return ({"ensemble": steps} if steps else {}) | ({"model_config": options} if options else {})
