"""Ensembles whose config.pbtxt has wiring of its own: tensor names and connections that turnout.yaml has no words for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout_triton.repository.config_entries import SCHEDULING
from turnout_triton.repository.config_file import ConfigFile, config_from
from turnout_triton.repository.ensemble import ensemble_fields
from turnout_triton.repository.file_signature import config_signature, merge_signatures
from turnout_triton.repository.layout import CONFIG


def is_own_wiring(present: ConfigFile) -> bool:
    """Return whether ``present`` is an ensemble that turnout.yaml did not generate."""
    return bool(present.config.ensemble_scheduling.step) and (not present.generated or SCHEDULING in present.kept)


def ensemble_tensors(model: ModelDeclaration, names: Sequence[str], folder: Path, present: ConfigFile | None) -> dict[str, Any]:
    """Return ``input``, ``output`` and ``ensemble_scheduling`` of an ensemble; nothing if ``present`` has wiring of its own.

    Raises:
        ExportError: the models cannot be chained, or turnout.yaml contradicts the ensemble.
    """
    if present is None or not is_own_wiring(present):
        return _chain(model, names, folder)
    steps = [step.model_name for step in present.config.ensemble_scheduling.step]
    if names and list(names) != steps:
        raise ExportError(
            f"model {model.name!r}: turnout.yaml chains {', '.join(names)}, and {CONFIG} has wiring of its own for "
            f"{', '.join(steps)}, which would be lost; correct 'ensemble', or remove {str(folder / CONFIG)!r} to generate it"
        )
    if names and _is_generated(model, names, folder, present.config):
        return _chain(model, names, folder)
    merge_signatures(model, config_signature(present.config), f"the ensemble in {CONFIG}")
    return {}


def _is_generated(model: ModelDeclaration, names: Sequence[str], folder: Path, config: Any) -> bool:
    """Return whether the wiring is the one that would be generated."""
    try:
        generated = config_from(ensemble_fields(model, names, folder))
    except ExportError:
        return False
    return bool(generated.ensemble_scheduling == config.ensemble_scheduling)


def _chain(model: ModelDeclaration, names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the fields of the chained models, with the outputs that turnout.yaml declares if it declares some."""
    fields = ensemble_fields(model, names, folder)
    chained = config_from({"max_batch_size": model.max_batch_size} | fields)
    merge_signatures(model, config_signature(chained), f"the ensemble of {', '.join(names)}")
    declared = {spec.name for spec in model.outputs}
    return fields | {"output": [output for output in fields["output"] if not declared or output["name"] in declared]}
