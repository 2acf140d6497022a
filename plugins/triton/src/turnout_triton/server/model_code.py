"""The code in a model repository: what a server would run besides ONNX graphs.

Triton runs a model's Python, TorchScript, libraries and engines without a question, and takes the library of a backend from the
model's own folder first.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, suggestion
from turnout.files.fingerprint import fingerprint
from turnout.files.inside import is_inside
from turnout.files.made_here import MADE_HERE
from turnout.repository.versions import versions
from turnout_triton.repository.config_file import new_config, read_config
from turnout_triton.repository.layout import CONFIG, ENSEMBLE, PLATFORMS, is_folder_name
from turnout_triton.repository.model_backend import backend_of

_DATA_BACKENDS = frozenset({PLATFORMS["model.onnx"].backend, ENSEMBLE.platform})
_EXPORTED = {PLATFORMS[name].backend: name for name in ("model.pt", "model.py")}
# Of the python backend and of Turnout's model.py: an environment to run in, a checkpoint to load.
_SHOWN = 5
_CODE_PARAMETERS = frozenset({"EXECUTION_ENV_PATH", "checkpoint", "class", "revision", "trust_remote_code"})


def check_code(repository: Path, models: Sequence[str] | None, trusted: bool | Sequence[str]) -> None:  # noqa: FBT001
    """Raise ConfigurationError if a server of ``repository`` would run code that the user does not vouch for.

    Args:
        repository: the model repository.
        models: the models that are served; None: every folder, for Triton loads hidden ones too.
        trusted: the models that may be code; True: all of them.
    """
    if isinstance(trusted, bool) and trusted:
        return
    known = frozenset(trusted or ())
    folders = [entry.name for entry in repository.iterdir() if entry.is_dir()]
    if unknown := sorted(known - set(folders)):
        raise ConfigurationError(
            f"--trust names {unknown[0]!r}, which is no model of {str(repository)!r}.{suggestion(unknown[0], folders)} Fix it"
        )
    served = sorted(folders) if models is None else served_with(repository, models)
    found = {name: reason for name in served if name not in known and (reason := code_of(repository / name))}
    if found:
        raise _refusal(repository, found)


def _refusal(repository: Path, found: Mapping[str, str]) -> ConfigurationError:
    # A name that cannot be typed is left to --model.
    options = " ".join(f"--trust={shlex.quote(name)}" for name in list(found)[:_SHOWN] if name.isprintable()) or "--trust"
    reasons = "; ".join(f"model {name!r}: {reason}" for name, reason in list(found.items())[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more models" if len(found) > _SHOWN else ""
    return ConfigurationError(
        f"{str(repository)!r} has code that 'turnout export' did not write on this machine: {reasons}{more}; if you made it or "
        f"trust who did, add: {options}; else serve the others with --model",
        next_step=f"if you made it or trust who did, add {options}",
    )


def code_of(folder: Path) -> str:
    """Return why the model in ``folder`` is code that the user does not vouch for; empty if it is data, or was made here."""
    present = read_config(folder / CONFIG)
    config = present.config if present else new_config()
    backend = backend_of(config, folder)
    if reason := _named_code(config) or _library(folder):
        return reason
    if not backend or backend in _DATA_BACKENDS:
        return ""
    if backend not in _EXPORTED:
        return f"backend {backend!r} may run code of its files"
    file = _EXPORTED[backend]
    unknown = next((version for version in versions(folder) if not _is_made_here(folder / str(version))), None)
    return "" if unknown is None else f"{unknown}/{file} is code"


def served_with(repository: Path, models: Iterable[str]) -> list[str]:
    """Return the folders that a server loads for ``models``: the models themselves, and those that ensembles chain."""
    found: dict[str, None] = {}
    waiting = list(models)
    while waiting:
        name = waiting.pop()
        if name in found or not is_folder_name(name) or not (repository / name).is_dir():
            continue
        found[name] = None
        present = read_config(repository / name / CONFIG)
        waiting += [step.model_name for step in present.config.ensemble_scheduling.step] if present else []
    return sorted(found)


def _named_code(config: Any) -> str:
    """Return the code that a config.pbtxt names: libraries, agents, environments, files outside of the version."""
    if config.model_operations.op_library_filename:
        return f"{CONFIG} loads the library {str(config.model_operations.op_library_filename[0])!r}"
    if config.model_repository_agents.agents:
        return f"{CONFIG} starts the agent {str(config.model_repository_agents.agents[0].name)!r}"
    if parameter := next((name for name in sorted(config.parameters) if name in _CODE_PARAMETERS), ""):
        return f"parameter {parameter!r} of {CONFIG} names code"
    if getattr(config, "runtime", ""):
        return f"{CONFIG} has the runtime {str(config.runtime)!r}"
    names = [config.default_model_filename, *config.cc_model_filenames.values()]
    outside = next((name for name in names if name and not is_inside(name)), "")
    return f"{CONFIG} opens {str(outside)!r}, outside of the model's folder" if outside else ""


def _library(folder: Path) -> str:
    """Return the shared library in a model's folder, which Triton prefers to that of its own backend."""
    for place in (folder, *(folder / str(version) for version in versions(folder))):
        for file in sorted(place.iterdir()):
            if ".so" in file.suffixes or (file.name.startswith("libtriton_")):
                return f"{str(file.relative_to(folder))!r} is a library"
    return ""


def _is_made_here(version: Path) -> bool:
    try:
        return fingerprint(version) in MADE_HERE
    except OSError:
        return False
