"""The installed plugins: backends, steps, exporters, repositories and commands by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, cast

from turnout.errors import PluginConflictError, UnknownNameError, nearest_name, unknown_name
from turnout.plugins.command_variables import variables_of
from turnout.plugins.declarations import Backend, Exporter, Step
from turnout.plugins.hookspecs import PROJECT
from turnout.plugins.inventory import KINDS, Declared, HookResult, Inventory, PluginInfo, label_of
from turnout.plugins.known import install_command, install_hint

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from turnout.plugins.repositories import Repository


class Plugins:
    """The plugins named by ``entries``. A broken one fails only the lookup of its own declarations. Thread-safe.

    ``own_commands`` are the names of Turnout's own commands; a plugin that claims one is broken.
    """

    def __init__(self, entries: Iterable[EntryPoint], own_commands: Collection[str] = ()) -> None:
        self._inventory = Inventory(entries, own_commands)

    @property
    def infos(self) -> tuple[PluginInfo, ...]:
        """Every plugin, with its declarations and its error; calls every hook."""
        return self._inventory.infos()

    def declarations_of(self, hook: str) -> Mapping[str, Declared]:
        """Return the usable declarations of ``hook`` by name; a name that two plugins claim is not usable."""
        return self._inventory.result(hook).declared

    def backend(self, name: str) -> Backend[Any]:
        """Return the backend that YAML calls ``name``.

        Raises:
            UnknownNameError: no working plugin declares it.
            PluginConflictError: two plugins declare it.
        """
        return cast("Backend[Any]", self._find("turnout_backends", name))

    def step(self, name: str) -> Step[Any]:
        """Return the kind of step that YAML calls ``name``. Raises as ``backend``."""
        return cast("Step[Any]", self._find("turnout_steps", name))

    def exporter(self, name: str) -> Exporter:
        """Return the first exporter for the format ``name``, by backend. Raises as ``backend``."""
        return self.exporters_of(name)[0]

    def exporters_of(self, format: str) -> tuple[Exporter, ...]:
        """Return the exporters for ``format``, at least one, by backend. Raises as ``backend``."""
        found = tuple(exporter for exporter in self.exporters() if exporter.format == format)
        if not found:
            conflicts = self._inventory.result("turnout_exporters").conflicts
            self._find("turnout_exporters", next((name for name in conflicts if name.startswith(f"{format} of ")), format))
        return found

    def backends(self) -> tuple[Backend[Any], ...]:
        """Return the backends, by name."""
        return tuple(declared.declaration for _, declared in sorted(self.declarations_of("turnout_backends").items()))

    def exporters(self) -> tuple[Exporter, ...]:
        """Return the exporters, by format."""
        return tuple(declared.declaration for _, declared in sorted(self.declarations_of("turnout_exporters").items()))

    def repositories(self) -> tuple[Repository, ...]:
        """Return the kinds of model repositories, by name."""
        return tuple(declared.declaration for _, declared in sorted(self.declarations_of("turnout_repositories").items()))

    def commands(self) -> Mapping[str, click.Command]:
        """Return the commands that plugins add."""
        return {name: declared.declaration for name, declared in self.declarations_of("turnout_commands").items()}

    def known_backends(self) -> list[str]:
        """Return the names of the backends, sorted."""
        return sorted(self.declarations_of("turnout_backends"))

    def known_steps(self) -> list[str]:
        """Return the names of the kinds of steps, sorted."""
        return sorted(self.declarations_of("turnout_steps"))

    def step_providers(self) -> Mapping[str, Sequence[str]]:
        """Return, for each name that steps usually write, the kinds of steps that do, sorted."""
        found: dict[str, list[str]] = {}
        for kind, declared in sorted(self.declarations_of("turnout_steps").items()):
            for name in declared.declaration.provides:
                found.setdefault(name, []).append(kind)
        return found

    def backend_options(self, name: str) -> type[BaseModel] | None:
        """Return the options of a backend; None if no working plugin declares it."""
        declared = self.declarations_of("turnout_backends").get(name)
        return declared.declaration.options if declared else None

    def backend_name(self, name: str) -> str:
        """Return the own name of the backend that ``name`` is another name of; ``name`` itself if it is none, or of several."""
        if name in self.declarations_of("turnout_backends"):
            return name
        owners = [backend.name for backend in self.backends() if name in backend.aliases]
        return owners[0] if len(owners) == 1 else name

    def step_options(self, name: str) -> type[BaseModel] | None:
        """Return the options of a kind of step; None if no working plugin declares it."""
        declared = self.declarations_of("turnout_steps").get(name)
        return declared.declaration.options if declared else None

    def known_variables(self) -> list[str]:
        """Return the environment variables that the backends and the commands read, sorted."""
        of_backends = {variable for backend in self.backends() for variable in backend.variables}
        return sorted(of_backends.union(variables_of(self.commands().values())))

    def why_missing(self, kind: str, name: str) -> str:
        """Return the message for a ``backend``, ``step`` or ``export format`` that no working plugin declares."""
        result = self._inventory.result(next(hook for hook, (_, word) in KINDS.items() if word == kind))
        if name in result.conflicts:
            return result.conflicts[name]
        text = str(unknown_name(kind, name, _typed_names(result)))
        reasons = [
            f" Plugin {info.name!r} ({info.distribution}) is broken: {info.error}." for info in self._inventory.broken_plugins()
        ]
        return text + ("".join(reasons) or install_hint(kind, name)) + " 'turnout plugins' lists what is installed"

    def how_to_get(self, kind: str, name: str) -> str:
        """Return the command that installs ``name``, or shows why it is missing. Takes the same as ``why_missing``."""
        if any(info.traceback for info in self._inventory.broken_plugins()):
            return "turnout plugins --traceback"
        return install_command(kind, name) or "turnout plugins"

    def _find(self, hook: str, name: str) -> Any:
        result = self._inventory.result(hook)
        if name in result.declared:
            return result.declared[name].declaration
        word = KINDS[hook][1]
        text, step = self.why_missing(word, name), self.how_to_get(word, name)
        if name in result.conflicts:
            raise PluginConflictError(text, next_step=step)
        error = UnknownNameError(text, next_step=step)
        error.name, error.nearest = name, nearest_name(name, _typed_names(result))
        raise error


def _typed_names(result: HookResult) -> set[str]:
    return {label_of(declared.declaration) for declared in result.declared.values()}


def find_plugins(own_commands: Collection[str] = ()) -> Plugins:
    """Return the plugins of this environment: every entry point of the group ``turnout``."""
    return Plugins(entry_points(group=PROJECT), own_commands)
