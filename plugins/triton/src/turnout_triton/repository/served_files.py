"""The files of a model in the repository on this machine."""

from __future__ import annotations

from pathlib import Path

from turnout import ModelDeclaration
from turnout.errors import ExportError, ModelLoadError
from turnout.repository.versions import served_versions, versions
from turnout_triton.options import TritonOptions
from turnout_triton.repository.layout import CONFIG, locate


def find_served_files(model: ModelDeclaration, options: TritonOptions) -> list[Path]:
    """Return the folder of the version that the server answers from; empty if the repository is not on this machine.

    Raises:
        ModelLoadError: the model's folder is here, and has no such version.
    """
    try:
        folder = locate(model, options)
    except ExportError as error:
        raise ModelLoadError(str(error)) from error
    present = versions(folder)
    if not present or options.ensemble:
        return []
    chosen = options.asked_version(model)
    served = [int(chosen)] if chosen else served_versions(folder, "")[-1:]
    if not served or served[0] not in present:
        asked = f"version {chosen}" if chosen else f"a version that the version policy of {CONFIG} serves"
        raise ModelLoadError(
            f"model {model.name!r} on backend 'triton' needs {asked}, and {str(folder)!r} has: {', '.join(map(str, present))}; "
            f"correct it, or write a version: turnout export {model.name}"
        )
    return [folder / str(served[0])]
