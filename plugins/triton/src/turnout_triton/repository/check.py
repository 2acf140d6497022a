"""Comparing what turnout.yaml, config.pbtxt and the servers say of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from turnout import CheckRequest, RepositoryFinding
from turnout.errors import BackendUnavailableError, ConfigurationError, ExportError, ModelLoadError
from turnout_triton.repository.config_file import ConfigFile, read_config
from turnout_triton.repository.configure import served_versions
from turnout_triton.repository.differences import Difference, Source, differences
from turnout_triton.repository.layout import CONFIG, locate, versions
from turnout_triton.repository.live import LiveModel, ask, urls_of
from turnout_triton.repository.sources import file_source, server_source, yaml_source


@dataclass(slots=True)
class _Check:
    """A check under way.

    Attributes:
        request: what is checked.
        folder: the model's folder.
        present: its config.pbtxt.
        live: what the servers that answered say.
        findings: what was found so far.
    """

    request: CheckRequest
    folder: Path
    present: ConfigFile | None = None
    live: list[LiveModel] = field(default_factory=list)
    findings: list[RepositoryFinding] = field(default_factory=list)


def check(request: CheckRequest) -> Iterable[RepositoryFinding]:
    """Return a finding for each difference, or one that says that there is none; asks each server for a second or so."""
    try:
        under_way = _Check(request, locate(request.model, request.options))
        if request.options is None and not (under_way.folder / CONFIG).exists():
            return []
        under_way.present = read_config(under_way.folder / CONFIG)
        yaml = yaml_source(request, under_way.folder, under_way.present)
    except (ConfigurationError, ExportError) as error:
        return [RepositoryFinding(False, str(error))]
    if under_way.present is None:
        under_way.findings.append(_missing(request, under_way.folder))
    _ask_servers(under_way)
    _compare(under_way, yaml)
    return under_way.findings


def _missing(request: CheckRequest, folder: Path) -> RepositoryFinding:
    if not versions(folder) and not request.options.ensemble:
        return RepositoryFinding(True, f"{str(folder)!r} has no version, so there is no {CONFIG} to compare")
    command = f"turnout export {request.model.name} --config-only"
    return RepositoryFinding(not request.serves, f"there is no {CONFIG} in {str(folder)!r}; write it: {command}")


def _ask_servers(under_way: _Check) -> None:
    request = under_way.request
    for url in urls_of(request.options) if request.options is not None else ():
        try:
            live = ask(url, under_way.folder.name, request.options, request.model.folder)
        except BackendUnavailableError as error:
            found = RepositoryFinding(not (request.deep and request.serves), f"{error}; it was not compared", reached=False)
        except ModelLoadError as error:
            found = RepositoryFinding(not request.serves, f"{error}; load it there, or correct 'model'", reached=True)
        except ConfigurationError as error:
            found = RepositoryFinding(False, str(error))
        else:
            under_way.live.append(live)
            continue
        under_way.findings.append(found)


def _compare(under_way: _Check, yaml: Source) -> None:
    sources = [yaml, *([file_source(under_way.present, under_way.folder)] if under_way.present else [])]
    sources += [server_source(live, sources) for live in under_way.live]
    if len(sources) == 1:
        return
    failures = [f"{one.text}; {_advice(under_way, sources, one)}" for one in differences(sources)]
    failures += [text for live in under_way.live for text in _versions(under_way, live)]
    reached = True if under_way.live else None
    under_way.findings += [RepositoryFinding(False, text, reached) for text in failures]
    if not failures:
        who = ["turnout.yaml", *([CONFIG] if under_way.present else [])]
        who += [f"server {live.url} (version {', '.join(map(str, live.versions))})" for live in under_way.live]
        under_way.findings.append(RepositoryFinding(True, f"the same in {', '.join(who[:-1])} and {who[-1]}", reached))


def _advice(under_way: _Check, sources: list[Source], difference: Difference) -> str:
    """Return what to do: mend the file where it differs, else load it again where a server differs."""
    wrong_file = under_way.present is not None and sources[1] in difference.apart
    if not wrong_file:
        return "load the model again on the server, or correct turnout.yaml"
    command = f"turnout export {under_way.request.model.name} --config-only"
    if under_way.present and under_way.present.generated:
        return f"write {CONFIG} anew: {command}"
    return f"correct one of them, or replace the file, which was written by hand: {command} --force-config"


def _versions(under_way: _Check, live: LiveModel) -> Iterator[str]:
    there = versions(under_way.folder)
    if not there or under_way.present is None:
        return
    wanted = served_versions(under_way.present.config, there)
    if list(live.versions) != wanted:
        yield (
            f"versions: {str(under_way.folder)!r} has {there}, of which {CONFIG} serves {wanted}; server {live.url} serves "
            f"{list(live.versions)}; load the model again on the server"
        )
