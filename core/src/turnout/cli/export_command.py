"""``turnout export``: write the next version of a model into a model repository, with its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.options import config_option, examples, json_option, model_argument, print_json, quiet_option
from turnout.cli.printing import print_line
from turnout.commands.paths import display_path

if TYPE_CHECKING:
    from turnout.plugins.discovery import Plugins
    from turnout.plugins.repositories import Configuration
    from turnout.settings import LoadedSettings


@click.command("export", epilog=examples("export"))
@model_argument
@click.option("--format", "format_", help="The export format; by default the one that a plugin prefers.")
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
    model: str,
    *,
    format_: str | None,
    repository: Path | None,
    version: int | None,
    config_only: bool,
    force_config: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Write MODEL as a new version into a model repository, with its configuration, in one atomic step."""
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import load_settings

    if config_only and version is not None:
        raise click.UsageError("--config-only writes no version; remove --version")
    plugins = find_plugins()
    loaded = load_settings(config, registry=plugins)
    if config_only:
        _configure(loaded, plugins, model, repository, overwrite=force_config, as_json=as_json)
        return
    _export(loaded, plugins, model, format_, repository, version, overwrite=force_config, as_json=as_json)


def _export(
    loaded: LoadedSettings,
    plugins: Plugins,
    model: str,
    format_: str | None,
    repository: Path | None,
    version: int | None,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    from turnout.commands.check import describe_signature
    from turnout.commands.export import export_model

    exported = export_model(loaded, plugins, model, format_, repository, version, overwrite=overwrite)
    size = exported.file.stat().st_size
    if as_json:
        written = {"file": display_path(exported.file, Path()), "version": exported.version, "bytes": size}
        print_json({**written, "proved": _read_proof(loaded, model), **_configuration_entries(exported.configuration)})
        return
    click.echo(f"{display_path(exported.file, Path())}: version {exported.version}, {size:,} bytes")
    click.echo(describe_signature(exported.signature))
    _print_proof(_read_proof(loaded, model))
    _print_configuration(exported.file.parents[1], exported.configuration)


def _read_proof(loaded: LoadedSettings, model: str) -> dict[str, Any]:
    """Return the facts that the exporter proved of the version before it was published; empty if there are none."""
    from turnout.repository.evidence import read_evidence

    evidence = read_evidence(loaded.folder, model, "export")
    return dict(evidence.facts) if evidence is not None and evidence.verdict == "match" else {}


def _print_proof(facts: dict[str, Any]) -> None:
    if "max_abs_error" not in facts:
        return
    errors = ", ".join(f"{name} {error:.3g}" for name, error in facts["max_abs_error"].items())
    sizes = " and ".join(map(str, facts.get("batch_sizes", ())))
    click.echo(f"proved: {facts.get('runtime')} answers as {facts.get('reference')} (batch {sizes}); max abs error: {errors}")


def _configure(
    loaded: LoadedSettings, plugins: Plugins, model: str, repository: Path | None, *, overwrite: bool, as_json: bool
) -> None:
    from turnout.commands.export import export_configuration

    folder, configuration = export_configuration(loaded, plugins, model, repository, overwrite=overwrite)
    if as_json:
        print_json({"folder": display_path(folder, Path()), **_configuration_entries(configuration)})
        return
    _print_configuration(folder, configuration)


def _configuration_entries(configuration: Configuration) -> dict[str, list[str]]:
    return {"configuration": sorted(configuration.files), "notes": list(configuration.notes)}


def _print_configuration(folder: Path, configuration: Configuration) -> None:
    for name in sorted(configuration.files):
        click.echo(display_path(folder / name, Path()))
    for note in configuration.notes:
        print_line("note", note)
