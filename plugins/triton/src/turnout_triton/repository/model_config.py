"""The model config that turnout.yaml asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from turnout import DynamicBatching, ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout_triton.model_config_options import ModelConfigOptions
from turnout_triton.options import TritonOptions
from turnout_triton.repository.config_file import config_of
from turnout_triton.repository.ensemble import ensemble_words
from turnout_triton.repository.layout import ENSEMBLE, PLATFORMS, Platform
from turnout_triton.repository.signature import agreed
from turnout_triton.repository.tensors import tensor_words
from turnout_triton.repository.warmup import warmup_words


@dataclass(frozen=True, slots=True)
class WantedConfig:
    """A ModelConfig of Triton's as turnout.yaml asks for it, and the files that it names."""

    config: Any
    files: Mapping[str, bytes]


def wanted_config(
    model: ModelDeclaration, options: TritonOptions | None, folder: Path, filename: str, signature: ModelSignature
) -> WantedConfig:
    """Return the config of ``model``, whose newest version holds ``filename`` with the inputs and outputs ``signature``.

    Of a file that is not known here, such as a python model's, the config says no platform, and only what is declared.

    Raises:
        ExportError: Triton could not serve the model; the message says why, and the way out.
    """
    words: dict[str, Any] = {"name": folder.name, "max_batch_size": model.max_batch_size}
    own = options.configuration if options else ModelConfigOptions()
    words |= {"version_policy": _version_policy(own), "parameters": _parameters(own)}
    if options and options.ensemble:
        _refuse_for_ensemble(model, own)
        words |= {"platform": ENSEMBLE.platform} | ensemble_words(model, options.ensemble, folder)
        return WantedConfig(config_of(words), {})
    platform = PLATFORMS.get(filename, Platform("", ""))
    served = agreed(model, signature, filename)
    _refuse_lost_ranks(model, served)
    words |= {"platform": platform.platform, "backend": platform.backend}
    words |= {"default_model_filename": filename} if filename in PLATFORMS else {}
    words |= tensor_words(served, model.max_batch_size, platform.platform, model.name)
    words |= {"instance_group": [_said(group) for group in own.instance_group] or [{"count": 1}]}
    words |= {"optimization": _said(own.optimization)} if own.optimization else {}
    words |= {"dynamic_batching": _batching(model.dynamic_batching)} if model.dynamic_batching else {}
    warmup, files = warmup_words(model, served, own.model_warmup if served.inputs else ())
    return WantedConfig(config_of(words | ({"model_warmup": warmup} if warmup else {})), files)


def _refuse_lost_ranks(model: ModelDeclaration, served: ModelSignature) -> None:
    """Refuse rank 0 that only the file tells of: Triton has one element there, and who asks must know better."""
    declared = {spec.name for spec in (*model.inputs, *model.outputs)}
    for kind, specs in (("input", served.inputs), ("output", served.outputs)):
        for spec in specs:
            if spec.shape == () and spec.name not in declared:
                raise ExportError(
                    f"model {model.name!r}: {kind} {spec.name!r} has rank 0, which Triton carries as one element; declare it "
                    f"in turnout.yaml, so that its rank is restored: {kind}s: {{{spec.name}: '{spec.datatype}[]'}}"
                )


def _version_policy(own: ModelConfigOptions) -> dict[str, Any]:
    return _said(own.version_policy) if own.version_policy else {"latest": {"num_versions": 1}}


def _parameters(own: ModelConfigOptions) -> dict[str, Any]:
    return {name: {"string_value": value} for name, value in own.parameters.items()}


def _said(part: Any) -> dict[str, Any]:
    said: dict[str, Any] = part.model_dump(exclude_none=True, mode="json")
    return {name: value for name, value in said.items() if value not in ("", [])}


def _batching(batching: DynamicBatching) -> dict[str, Any]:
    words = asdict(batching)
    if words["default_queue_policy"] is None:
        del words["default_queue_policy"]
    return words


def _refuse_for_ensemble(model: ModelDeclaration, own: ModelConfigOptions) -> None:
    given = [key for key in ("instance_group", "optimization", "model_warmup") if getattr(own, key)]
    if model.dynamic_batching is not None:
        given.append("dynamic_batching")
    if given:
        raise ExportError(
            f"model {model.name!r} is an ensemble and runs nothing itself, so Triton takes no {' and no '.join(given)} for it; "
            "move it to the models of the ensemble"
        )
