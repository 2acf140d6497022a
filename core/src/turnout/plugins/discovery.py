"""The plugins of this environment: found by their entry points, loaded with care, asked once for their declarations."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, cast

import pluggy

from turnout.errors import PluginConflictError, PluginError, UnknownNameError, one_line, suggestion
from turnout.plugins import hookspecs
from turnout.plugins.declarations import Backend, Exporter, Step
from turnout.plugins.hookspecs import PROJECT

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from turnout.plugins.repositories import Repository


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin that was found.

    Attributes:
        name: its entry point's name.
        distribution: the distribution that brings it, with its version.
        error: why it cannot be used; None as long as it can.
        brings: kind and name of each of its declarations.
        traceback: the traceback of ``error``; empty if there is none.
    """

    name: str
    distribution: str
    error: str | None = None
    brings: tuple[tuple[str, str], ...] = ()
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration with the name of the plugin that made it."""

    declaration: Any
    plugin: str


class Plugins:
    """The plugins named by ``entries``. A broken one is kept with its reason and hurts only who asks for what it brings.

    Importing plugins and asking a hook happen once, under ``_lock``; afterwards everything is read only. Thread-safe.
    """

    def __init__(self, entries: Iterable[EntryPoint]) -> None:
        self._lock = threading.RLock()
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self._declared: dict[str, dict[str, Declared]] = {}
        for entry in sorted(entries, key=lambda entry: entry.name):
            self._load(entry)

    @property
    def infos(self) -> tuple[PluginInfo, ...]:
        """Every plugin that was found, the broken ones with their reasons; asks every hook."""
        brought = [
            (declared.plugin, (kind, name))
            for hook, (_, kind) in _KINDS.items()
            for name, declared in self.declared(hook).items()
        ]
        return tuple(
            replace(info, brings=tuple(thing for plugin, thing in brought if plugin == info.name))
            for info in self._infos.values()
        )

    def declared(self, hook: str) -> Mapping[str, Declared]:
        """Return what the plugins declare through ``hook``, by name.

        Raises:
            PluginConflictError: two plugins declare one name.
        """
        with self._lock:
            if hook not in self._declared:
                self._declared[hook] = self._ask(hook)
            return self._declared[hook]

    def backend(self, name: str) -> Backend[Any]:
        """Return the backend that YAML calls ``name``.

        Raises:
            UnknownNameError: no working plugin brings it.
        """
        return cast("Backend[Any]", self._find("turnout_backends", name))

    def step(self, name: str) -> Step[Any]:
        """Return the kind of step that YAML calls ``name``. Raises as ``backend``."""
        return cast("Step[Any]", self._find("turnout_steps", name))

    def exporter(self, name: str) -> Exporter:
        """Return the exporter for the format ``name``. Raises as ``backend``."""
        return cast("Exporter", self._find("turnout_exporters", name))

    def repositories(self) -> tuple[Repository, ...]:
        """Return the kinds of model repositories, by name."""
        return tuple(declared.declaration for _, declared in sorted(self.declared("turnout_repositories").items()))

    def commands(self) -> Mapping[str, click.Command]:
        """Return the commands that plugins add."""
        return {name: declared.declaration for name, declared in self.declared("turnout_commands").items()}

    def known_backends(self) -> list[str]:
        """Return the names of the backends, sorted."""
        return sorted(self.declared("turnout_backends"))

    def known_steps(self) -> list[str]:
        """Return the names of the kinds of steps, sorted."""
        return sorted(self.declared("turnout_steps"))

    def backend_options(self, name: str) -> type[BaseModel] | None:
        """Return the options of a backend; None if no working plugin brings it."""
        declared = self.declared("turnout_backends").get(name)
        return declared.declaration.options if declared else None

    def step_options(self, name: str) -> type[BaseModel] | None:
        """Return the options of a kind of step; None if no working plugin brings it."""
        declared = self.declared("turnout_steps").get(name)
        return declared.declaration.options if declared else None

    def why_missing(self, kind: str, name: str) -> str:
        """Return the message for a ``backend``, ``step`` or ``export format`` that no working plugin brings."""
        hook = next(hook for hook, (_, word) in _KINDS.items() if word == kind)
        known = sorted(self.declared(hook))
        text = f"unknown {kind} {name!r}; known: {', '.join(known) or 'none'}.{suggestion(name, known)}"
        broken = [info for info in self._infos.values() if info.error]
        reasons = [f" Plugin {info.name!r} ({info.distribution}) is broken: {info.error}." for info in broken]
        return text + "".join(reasons) + " 'turnout plugins' lists what is installed"

    def _find(self, hook: str, name: str) -> Any:
        declared = self.declared(hook)
        if name not in declared:
            raise UnknownNameError(self.why_missing(_KINDS[hook][1], name))
        return declared[name].declaration

    def _load(self, entry: EntryPoint) -> None:
        distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "no distribution"
        if entry.name in self._infos:
            raise PluginConflictError(
                f"two plugins are called {entry.name!r}: one of {self._infos[entry.name].distribution}, "
                f"one of {distribution}; uninstall one"
            )
        self._infos[entry.name] = PluginInfo(entry.name, distribution)
        try:
            module = entry.load()
            self._manager.register(module, entry.name)
            self._check_hooks(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's import may raise anything
            if self._manager.has_plugin(entry.name):
                self._manager.unregister(name=entry.name)
            self._break(entry.name, error)

    def _check_hooks(self, module: object) -> None:
        self._manager.check_pending()
        if not self._manager.get_hookcallers(module):
            raise PluginError("it implements no hook; mark its functions with turnout.hookimpl")

    def _break(self, name: str, error: BaseException) -> None:
        self._infos[name] = replace(self._infos[name], error=one_line(error))

    def _ask(self, hook: str) -> dict[str, Declared]:
        found: dict[str, Declared] = {}
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            for declaration in self._declarations(plugin, hook, implementation.function):
                name = _name_of(declaration)
                if name in found:
                    self._conflict(hook, name, found[name].plugin, plugin)
                found[name] = Declared(declaration, plugin)
        return found

    def _declarations(self, plugin: str, hook: str, ask: Any) -> list[Any]:
        try:
            declarations = list(ask())
            for declaration in declarations:
                _check_kind(hook, declaration)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's hook may raise anything
            self._break(plugin, error)
            return []
        return declarations

    def _conflict(self, hook: str, name: str, first: str, second: str) -> None:
        owners = [f"{plugin!r} ({self._infos[plugin].distribution})" for plugin in (first, second)]
        raise PluginConflictError(
            f"two plugins bring the {_KINDS[hook][1]} {name!r}: {owners[0]} and {owners[1]}; uninstall one"
        )


_KINDS = {
    "turnout_backends": ("Backend", "backend"),
    "turnout_steps": ("Step", "step"),
    "turnout_exporters": ("Exporter", "export format"),
    "turnout_repositories": ("Repository", "repository"),
    "turnout_commands": ("Command", "command"),
}


def _check_kind(hook: str, declaration: object) -> None:
    wanted = _KINDS[hook][0]
    if wanted not in {kind.__name__ for kind in type(declaration).__mro__}:
        raise PluginError(f"{hook} yields {type(declaration).__name__}, not {wanted}")
    if isinstance(declaration, Backend | Step):
        _check_options(f"{_KINDS[hook][1]} {declaration.name!r}", declaration.options)


def _check_options(owner: str, options: object) -> None:
    """Raise PluginError unless ``options`` is a pydantic model that refuses unknown keys: a misspelt key must not be lost."""
    config = getattr(options, "model_config", None)
    if not isinstance(options, type) or not isinstance(config, dict):
        raise PluginError(f"the options of {owner} are {options!r}, not a class; derive one from turnout.Options")
    if config.get("extra") != "forbid":
        raise PluginError(f"the options of {owner}, {options.__name__}, accept unknown keys; derive them from turnout.Options")


def _name_of(declaration: Any) -> str:
    return str(declaration.format if isinstance(declaration, Exporter) else declaration.name)


def find_plugins() -> Plugins:
    """Return the plugins of this environment: every entry point of the group ``turnout``."""
    return Plugins(entry_points(group=PROJECT))
