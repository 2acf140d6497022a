"""``turnout export``: write the next version of a model into a model repository, with its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.failures import Failures
from turnout.cli.options import complete_formats, examples, json_option, optional_model_argument, quiet_option
from turnout.cli.printing import print_json, print_line, print_text
from turnout.command_options import config_option
from turnout.commands.paths import display_path

if TYPE_CHECKING:
    from turnout.plugins.discovery import Plugins
    from turnout.plugins.repositories import Configuration
    from turnout.settings import LoadedSettings


@click.command("export", epilog=examples("export"))
@optional_model_argument
@click.option("--all", "every", is_flag=True, help="Export every model that can be exported; the same as no MODEL.")
@click.option(
    "--format", "format_", shell_complete=complete_formats, help="The export format; by default the one that a plugin prefers."
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path, file_okay=False),
    help="The model repository; by default the one in turnout.yaml, else model_repository next to that file.",
)
@click.option("--version", type=click.IntRange(min=1), help="The version to write; the next one by default.")
@click.option("--config-only", is_flag=True, help="Write no version, only the configuration of the existing ones.")
@click.option(
    "--force-config",
    is_flag=True,
    help="Also replace a configuration that was written or edited by hand; what turnout.yaml has no words for is kept.",
)
@quiet_option
@config_option
@json_option
def command(
    model: str | None,
    *,
    every: bool,
    version: int | None,
    config_only: bool,
    config: Path,
    as_json: bool,
    **choices: Any,
) -> None:
    """Write MODEL as a new version into a model repository, with its configuration, in one atomic step.

    MODEL is exported from its checkpoint; an ONNX or TorchScript file is copied. Its answers are compared before it is
    published. Without MODEL, every model is exported that can be.
    """
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import load_settings

    if config_only and version is not None:
        raise click.UsageError("--config-only writes no version; remove --version")
    if every and model is not None:
        raise click.UsageError("--all exports every model; remove MODEL, or --all")
    plugins = find_plugins()
    run = _Exports(load_settings(config, registry=plugins), plugins, version=version, **choices)
    write = run.write_configuration if config_only else run.write_version
    if model is None:
        _export_all(run, write, config_only=config_only, as_json=as_json)
        return
    report = write(model)
    if as_json:
        print_json(report.entries)
        return
    _print(report)


@dataclass(frozen=True, slots=True)
class _Report:
    """The result of one export: its entries in JSON, and the lines and notes that a person reads."""

    entries: dict[str, Any]
    lines: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Exports:
    """The exports of one command line."""

    loaded: LoadedSettings
    plugins: Plugins
    version: int | None
    format_: str | None
    repository: Path | None
    force_config: bool

    def write_version(self, model: str) -> _Report:
        from turnout.commands.export import export_model
        from turnout.commands.signature_text import describe_signature

        exported = export_model(
            self.loaded, self.plugins, model, self.format_, self.repository, self.version, overwrite=self.force_config
        )
        file, size, proof = display_path(exported.file, Path()), exported.file.stat().st_size, _read_proof(self.loaded, model)
        entries = {"file": file, "version": exported.version, "bytes": size, "proved": proof}
        lines = [f"{file}: version {exported.version}, {size:,} bytes", describe_signature(exported.signature)]
        lines += [*_proof_lines(proof), *_configuration_lines(exported.file.parents[1], exported.configuration)]
        configuration = _configuration_entries(exported.configuration)
        return _Report(entries | configuration, tuple(lines), exported.configuration.notes)

    def write_configuration(self, model: str) -> _Report:
        from turnout.commands.export import export_configuration

        folder, configuration = export_configuration(
            self.loaded, self.plugins, model, self.repository, overwrite=self.force_config
        )
        entries = {"folder": display_path(folder, Path()), **_configuration_entries(configuration)}
        return _Report(entries, tuple(_configuration_lines(folder, configuration)), configuration.notes)

    @property
    def as_format(self) -> str:
        return f" as {self.format_!r}" if self.format_ else ""

    def models(self, *, config_only: bool) -> dict[str, bool]:
        """Return every model with whether it can be exported."""
        from turnout.commands.export import usable_exporters

        formats = {
            name: {exporter.format for exporter in usable_exporters(self.plugins, model)}
            for name, model in self.loaded.models.items()
        }
        return {
            name: config_only or (self.format_ in found if self.format_ else bool(found)) for name, found in formats.items()
        }


def _export_all(run: _Exports, write: Callable[[str], _Report], *, config_only: bool, as_json: bool) -> None:
    """Export each model; one that fails stops no other, and is the exit code."""
    from turnout.errors import ExportError

    failures = Failures()

    def export(model: str) -> dict[str, Any]:
        report = write(model)
        if not as_json:
            _print(report)
        return {"model": model, **report.entries}

    models = run.models(config_only=config_only)
    for model in (model for model, usable in models.items() if not usable):
        print_line("note", f"model {model!r} was left out: none of its backends can be exported{run.as_format}")
    if not any(models.values()):
        raise ExportError(f"no model of this file can be exported{run.as_format}", next_step="turnout status")
    entries = [failures.catch(model, export) for model, usable in models.items() if usable]
    if as_json:
        print_json(entries)
    failures.end()


def _print(report: _Report) -> None:
    for line in report.lines:
        print_text(line)
    for note in report.notes:
        print_line("note", note)


def _read_proof(loaded: LoadedSettings, model: str) -> dict[str, Any]:
    """Return the facts that the exporter proved of the version before it was published; empty if there are none."""
    from turnout.repository.evidence import read_evidence

    evidence = read_evidence(loaded.folder, model, "export")
    return dict(evidence.facts) if evidence is not None and evidence.verdict == "match" else {}


def _proof_lines(facts: dict[str, Any]) -> Iterator[str]:
    if "max_abs_error" not in facts:
        return
    errors = ", ".join(f"{name} {error:.3g}" for name, error in facts["max_abs_error"].items())
    sizes = " and ".join(map(str, facts.get("batch_sizes", ())))
    same = "equal in every bit" if facts.get("bit_for_bit") else f"max abs error: {errors}"
    yield f"proved: {facts.get('runtime')} answers as {facts.get('reference')} (batch {sizes}); {same}"
    if "code_sha256" in facts:
        yield f'the file is code, and opens on this machine; on another, turnout.yaml needs: sha256: "{facts["code_sha256"]}"'


def _configuration_entries(configuration: Configuration) -> dict[str, list[str]]:
    return {"configuration": sorted(configuration.files), "notes": list(configuration.notes)}


def _configuration_lines(folder: Path, configuration: Configuration) -> Iterator[str]:
    yield from (display_path(folder / name, Path()) for name in sorted(configuration.files))
