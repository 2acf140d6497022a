"""The check of a model's configuration: turnout.yaml, config.pbtxt and each server are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout import CheckRequest, RepositoryFinding
from turnout.errors import BackendUnavailableError, ConfigurationError, ExportError, ModelLoadError
from turnout.repository.versions import versions
from turnout_triton.repository.config_file import ConfigFile, new_config, read_config
from turnout_triton.repository.configure import served_versions
from turnout_triton.repository.container_limits import container_note
from turnout_triton.repository.differences import ConfigSource, Difference, differences
from turnout_triton.repository.layout import CONFIG, locate
from turnout_triton.repository.model_backend import backend_of
from turnout_triton.repository.server_config import ServerConfig, read_server_config
from turnout_triton.repository.sources import completed_source, file_source, server_source, yaml_source

_EXPORTED = ("onnxruntime", "pytorch")
"""The backends whose config.pbtxt ``turnout export`` writes; of the others, a server completes a missing one."""
_SHOWN = 2
"""The number of differences from a completed config that a finding names."""


@dataclass(slots=True)
class _Check:
    """The state of one check.

    Attributes:
        request: the model and its options.
        folder: the model's folder.
        present: its config.pbtxt.
        servers: the configs of the servers that answered.
        findings: the findings so far.
    """

    request: CheckRequest
    folder: Path
    present: ConfigFile | None = None
    servers: list[ServerConfig] = field(default_factory=list)
    findings: list[RepositoryFinding] = field(default_factory=list)


def check(request: CheckRequest) -> Iterable[RepositoryFinding]:
    """Return a finding for each difference, or one finding if all agree; blocks for about a second per server."""
    try:
        state = _Check(request, locate(request.model, request.options))
        if request.options is None and not (state.folder / CONFIG).exists():
            return []
        state.present = read_config(state.folder / CONFIG)
        sources, asked = _local_sources(state)
    except (ConfigurationError, ExportError) as error:
        return [RepositoryFinding(False, str(error))]
    if state.present is None:
        state.findings.append(_missing_config(request, state.folder, sources[0]))
    elif state.present.incomplete:
        # A server of the same version as tritonclient refuses such a file; a newer one may know the field.
        text = f"{str(state.folder / CONFIG)!r} has {state.present.incomplete}"
        state.findings.append(RepositoryFinding(True, f"{text}; this part was not compared", note=True))
    _read_servers(state)
    _compare(state, sources, asked)
    return state.findings


def _missing_config(request: CheckRequest, folder: Path, yaml: ConfigSource) -> RepositoryFinding:
    """Return a failure, unless a server completes a missing config to what turnout.yaml says."""
    if not versions(folder) and not request.options.ensemble:
        return RepositoryFinding(True, f"{str(folder)!r} has no version, so there is no {CONFIG} to compare")
    if not request.options.ensemble and backend_of(new_config(), folder) not in _EXPORTED:
        return RepositoryFinding(True, f"there is no {CONFIG}: a server completes it, so there is nothing to compare")
    completed = completed_source(folder, request.options)
    found = differences([yaml, completed]) if completed else []
    if completed and not found:
        return RepositoryFinding(True, f"there is no {CONFIG}: a server completes the same from the model's file")
    text = "; ".join([f"there is no {CONFIG} in {str(folder)!r}", *(one.text for one in found[:_SHOWN])])
    more = f"; and {len(found) - _SHOWN} more differences" if len(found) > _SHOWN else ""
    advice = f"write it: turnout export {request.model.name} --config-only"
    return RepositoryFinding(not request.serves, f"{text}{more}; {advice}", note=True)


def _read_servers(state: _Check) -> None:
    request = state.request
    for url in request.options.urls if request.options is not None else ():
        try:
            server = read_server_config(url, state.folder.name, request.options, request.model.folder)
        except BackendUnavailableError as error:
            found = RepositoryFinding(not (request.deep and request.serves), f"{error}; it was not compared", reached=False)
        except ModelLoadError as error:
            found = RepositoryFinding(not request.serves, f"{error}; load it there, or correct 'url' or 'model'", reached=True)
        except ConfigurationError as error:
            found = RepositoryFinding(False, str(error))
        else:
            state.servers.append(server)
            continue
        state.findings.append(found)


def _local_sources(state: _Check) -> tuple[list[ConfigSource], Any]:
    """Return turnout.yaml and config.pbtxt as sources, and the config that a server should run."""
    yaml, asked = yaml_source(state.request, state.folder, state.present)
    if state.present is None:
        return [yaml], asked
    file, asked = file_source(state.present, state.folder)
    return [yaml, file], asked


def _compare(state: _Check, sources: list[ConfigSource], asked: Any) -> None:
    if limit := container_note(asked):
        state.findings.append(RepositoryFinding(True, limit))
    sources += [server_source(server, sources, asked) for server in state.servers]
    if len(sources) == 1:
        return
    failures = [f"{one.text}; {_advice(state, sources, one)}" for one in differences(sources)]
    failures += [text for server in state.servers for text in _version_differences(state, server)]
    reached = True if state.servers else None
    state.findings += [RepositoryFinding(False, text, reached) for text in failures]
    if not failures:
        names = ["turnout.yaml", *([CONFIG] if state.present else [])]
        names += [f"server {server.url} (version {', '.join(map(str, server.versions))})" for server in state.servers]
        state.findings.append(RepositoryFinding(True, f"the same in {', '.join(names[:-1])} and {names[-1]}", reached))


def _advice(state: _Check, sources: list[ConfigSource], difference: Difference) -> str:
    """Return the way to fix a difference: correct the file if it differs, else reload the model on the server."""
    wrong_file = state.present is not None and sources[1] in difference.apart
    if not wrong_file and difference.name == "instance_group" and "KIND_GPU" in difference.text:
        return "right for a try with 'turnout triton serve --cpu'; else load the model again there, or correct turnout.yaml"
    if not wrong_file:
        return "load the model again on the server, or correct turnout.yaml"
    command = f"turnout export {state.request.model.name} --config-only"
    if state.present and state.present.generated:
        return f"write {CONFIG} again: {command}"
    return f"correct one of them, or replace the file, which was written by hand: {command} --force-config"


def _version_differences(state: _Check, server: ServerConfig) -> Iterator[str]:
    present = versions(state.folder)
    if not present or state.present is None:
        return
    expected = served_versions(state.present.config, present)
    if list(server.versions) != expected:
        yield (
            f"versions: {str(state.folder)!r} has {present}, of which {CONFIG} serves {expected}; server {server.url} serves "
            f"{list(server.versions)}; load the model again on the server"
        )
