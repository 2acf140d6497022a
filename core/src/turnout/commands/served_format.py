"""The format that a model is served in, which a version of another format must not replace."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from turnout.commands.arm_files import find_arm_files
from turnout.errors import ExportError, ModelLoadError
from turnout.plugins.declarations import Exporter
from turnout.plugins.discovery import Plugins
from turnout.repository.versions import version_of
from turnout.settings import LoadedModel


def check_format(plugins: Plugins, model: LoadedModel, folder: Path, exporter: Exporter) -> None:
    """Raise ExportError if a backend that gets requests opens a file of another format in the model's ``folder``.

    A server serves one format of a model: at its next start it would open the new version, as would every proof.
    """
    for backend, version in _served_versions(plugins, model, folder):
        served = folder / str(version)
        if (served / exporter.filename).exists():
            continue
        names = ", ".join(sorted(file.name for file in served.iterdir())) if served.is_dir() else ""
        other = os.path.relpath(f"{folder.parent}_{exporter.format}")
        command = f"turnout export {model.name} --format {exporter.format} --repository {shlex.quote(other)}"
        raise ExportError(
            f"model {model.name!r} is served by {backend!r} as {names or 'another file'}, version {version} of "
            f"{str(folder)!r}; a version with {exporter.filename} there would break it: a model has one format. Export it into "
            f"another repository: {command}",
            next_step=command,
        )


def _served_versions(plugins: Plugins, model: LoadedModel, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield each backend that gets requests and the version that it opens, of those in ``folder``."""
    for backend in dict.fromkeys((model.backend, *model.settings.other_backends().values())):
        with suppress(ModelLoadError):
            found = version_of(find_arm_files(plugins, model, backend))
            if found is not None and found[0] == folder.resolve():
                yield backend, found[1]
