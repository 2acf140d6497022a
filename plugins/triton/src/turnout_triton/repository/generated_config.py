"""The model config that is generated from turnout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from turnout import DynamicBatching, ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout_triton.model_config_options import InstanceGroup, ModelConfigOptions
from turnout_triton.options import TritonOptions
from turnout_triton.repository.config_file import ConfigFile, config_from
from turnout_triton.repository.config_tensors import tensor_fields
from turnout_triton.repository.file_signature import merge_signatures
from turnout_triton.repository.layout import CONFIG, ENSEMBLE, Platform, platform_for
from turnout_triton.repository.model_warmup import warmup_fields
from turnout_triton.repository.own_wiring import ensemble_tensors, is_own_wiring
from turnout_triton.repository.reshape import reshaped_signature


@dataclass(frozen=True, slots=True)
class GeneratedConfig:
    """A ModelConfig of Triton's for turnout.yaml.

    Attributes:
        config: the ModelConfig.
        files: the files that it names, by name below the model's folder.
        default_group: turnout.yaml has no instance group; the config has one instance, Turnout's default.
        given_groups: the fields that turnout.yaml gives of each instance group.
        declares_inputs: the inputs are those of turnout.yaml, not of the model's file.
    """

    config: Any
    files: Mapping[str, bytes]
    default_group: bool = False
    given_groups: tuple[frozenset[str], ...] = ()
    declares_inputs: bool = False


def generate_config(
    model: ModelDeclaration,
    options: TritonOptions | None,
    folder: Path,
    filename: str,
    signature: ModelSignature,
    present: ConfigFile | None = None,
) -> GeneratedConfig:
    """Return the config of ``model``, whose newest version is ``filename`` with the inputs and outputs ``signature``.

    For an unknown file, such as a python model's, the config has no platform, and only the declared tensors. An ensemble keeps
    the wiring of its own that the ``present`` config.pbtxt has.

    Raises:
        ExportError: Triton cannot serve the model; the message has the reason and the way out.
    """
    fields: dict[str, Any] = {"name": folder.name, "max_batch_size": model.max_batch_size}
    own = options.configuration if options else ModelConfigOptions()
    fields |= {"version_policy": _version_policy(own), "parameters": _parameters(own)}
    names = options.ensemble if options else ()
    if names or (present and is_own_wiring(present) and not platform_for(filename)):
        _check_ensemble(model, own)
        chained = ensemble_tensors(model, names, folder, present)
        return GeneratedConfig(config_from(fields | {"platform": ENSEMBLE.platform} | chained), {}, default_group=True)
    _check_no_ensemble(model, filename, present)
    platform = platform_for(filename) or Platform("", "")
    served = merge_signatures(model, reshaped_signature(model, signature, filename, present), filename)
    _check_ranks(model, served)
    fields |= {"platform": platform.platform, "backend": platform.backend}
    fields |= {"default_model_filename": filename} if platform_for(filename) else {}
    fields |= tensor_fields(served, model.max_batch_size, platform.platform, model.name)
    groups = own.instance_group or (InstanceGroup(),)
    fields |= {"instance_group": [_set_fields(group) for group in groups] if own.instance_group else [{"count": 1}]}
    fields |= {"optimization": _set_fields(own.optimization)} if own.optimization else {}
    fields |= {"dynamic_batching": _dynamic_batching(model.dynamic_batching)} if model.dynamic_batching else {}
    warmup, files = warmup_fields(model, served, own.model_warmup if served.inputs else ())
    fields |= {"model_warmup": warmup} if warmup else {}
    given = tuple(frozenset(group.model_fields_set) for group in groups)
    return GeneratedConfig(config_from(fields), files, not own.instance_group, given, bool(model.inputs))


def _check_ranks(model: ModelDeclaration, served: ModelSignature) -> None:
    """Raise ExportError if only the file has a tensor of rank 0: Triton carries one element, so clients must know the rank."""
    declared = {spec.name for spec in (*model.inputs, *model.outputs)}
    for kind, specs in (("input", served.inputs), ("output", served.outputs)):
        for spec in specs:
            if spec.shape == () and spec.name not in declared:
                raise ExportError(
                    f"model {model.name!r}: {kind} {spec.name!r} has rank 0, which Triton carries as one element; declare it "
                    f"in turnout.yaml, so that its rank is restored: {kind}s: {{{spec.name}: '{spec.datatype}[]'}}"
                )


def _version_policy(own: ModelConfigOptions) -> dict[str, Any]:
    return _set_fields(own.version_policy) if own.version_policy else {"latest": {"num_versions": 1}}


def _parameters(own: ModelConfigOptions) -> dict[str, Any]:
    return {name: {"string_value": value} for name, value in own.parameters.items()}


def _set_fields(part: Any) -> dict[str, Any]:
    """Return the fields of a part of the options that are set."""
    fields: dict[str, Any] = part.model_dump(exclude_none=True, mode="json")
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _dynamic_batching(batching: DynamicBatching) -> dict[str, Any]:
    fields = asdict(batching)
    if fields["default_queue_policy"] is None:
        del fields["default_queue_policy"]
    return fields


def _check_no_ensemble(model: ModelDeclaration, filename: str, present: ConfigFile | None) -> None:
    """Raise ExportError if a model with a file has the hand-written wiring of an ensemble."""
    if present and is_own_wiring(present) and platform_for(filename):
        raise ExportError(
            f"model {model.name!r}: {CONFIG} is an ensemble with wiring of its own, and the newest version has {filename}; "
            f"remove that version, or remove platform and ensemble_scheduling from {CONFIG}"
        )


def _check_ensemble(model: ModelDeclaration, own: ModelConfigOptions) -> None:
    """Raise ExportError if an ensemble has options of models that run."""
    given = [key for key in ("instance_group", "optimization", "model_warmup") if getattr(own, key)]
    if model.dynamic_batching is not None:
        given.append("dynamic_batching")
    if given:
        raise ExportError(
            f"model {model.name!r} is an ensemble, which runs no model of its own, so Triton accepts no "
            f"{' and no '.join(given)} for it; move it to the models of the ensemble"
        )
