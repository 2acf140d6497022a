"""The inventory of plugins: entry points loaded, hooks called once, and the reason for everything that is unusable."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from itertools import groupby
from typing import Any

import pluggy

from turnout.errors import PluginError, one_line, suggestion
from turnout.forking import Forks
from turnout.log_records import show_records_of
from turnout.plugins import hookspecs
from turnout.plugins.declarations import Backend, Exporter, Step
from turnout.plugins.hookspecs import PROJECT
from turnout.shown_text import traceback_text

KINDS: Mapping[str, tuple[str, str]] = {
    "turnout_backends": ("Backend", "backend"),
    "turnout_steps": ("Step", "step"),
    "turnout_exporters": ("Exporter", "export format"),
    "turnout_repositories": ("Repository", "repository"),
    "turnout_commands": ("Command", "command"),
}
"""Each hook with the class that it yields and the word for that class in messages."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """An installed plugin.

    Attributes:
        name: the name of its entry point.
        distribution: the distribution that contains it, with its version.
        error: why it, or one of its declarations, is unusable; None if everything works.
        brings: kind and name of each of its usable declarations.
        traceback: where ``error`` was raised; empty if it was not raised by the plugin's code.
    """

    name: str
    distribution: str
    error: str | None = None
    brings: tuple[tuple[str, str], ...] = ()
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration with the name of its plugin."""

    declaration: Any
    plugin: str


@dataclass(frozen=True, slots=True)
class HookResult:
    """The declarations of one hook by name, and a message for each name that several plugins claim."""

    declared: Mapping[str, Declared]
    conflicts: Mapping[str, str]


class Inventory:
    """Loads the plugins named by ``entries``; a broken one is recorded with its reason and affects no other.

    Plugins are imported, and each hook is called, once, under ``_lock``; the results are read-only. Thread-safe.
    ``own_commands`` are the names of Turnout's own commands, which no plugin may claim.
    """

    def __init__(self, entries: Iterable[EntryPoint], own_commands: Collection[str] = ()) -> None:
        self._own_commands = frozenset(own_commands)
        self._lock = threading.RLock()
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self._namesakes: list[PluginInfo] = []
        self._results: dict[str, HookResult] = {}
        for name, group in groupby(sorted(entries, key=lambda entry: entry.name), lambda entry: entry.name):
            self._load(name, list(group))
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held the old one."""
        self._lock = threading.RLock()

    def result(self, hook: str) -> HookResult:
        """Return what the plugins declare through ``hook``."""
        with self._lock:
            if hook not in self._results:
                self._results[hook] = self._call(hook)
            return self._results[hook]

    def infos(self) -> tuple[PluginInfo, ...]:
        """Return every plugin by name; calls every hook."""
        results = {kind: self.result(hook) for hook, (_, kind) in KINDS.items()}
        brought = [
            (declared.plugin, (kind, label_of(declared.declaration)))
            for kind, result in results.items()
            for declared in result.declared.values()
        ]
        found = [
            replace(info, brings=tuple(declaration for plugin, declaration in brought if plugin == info.name))
            for info in self._infos.values()
        ]
        return tuple(sorted((*found, *self._namesakes), key=lambda info: info.name))

    def broken_plugins(self) -> list[PluginInfo]:
        """Return the plugins that failed so far, each name once; calls no hook. A conflict concerns one name only."""
        failed = {info.name: info for info in (*self._infos.values(), *self._namesakes) if info.traceback}
        return list((failed | {info.name: info for info in self._namesakes}).values())

    def _load(self, name: str, entries: list[EntryPoint]) -> None:
        if len(entries) > 1:
            owners = " and ".join(_distribution_of(entry) for entry in entries)
            error = f"several plugins are called {name!r}: of {owners}; uninstall all but one"
            # None is loaded: choosing one would depend on the order of installation.
            self._namesakes += [PluginInfo(name, _distribution_of(entry), error) for entry in entries]
            return
        self._infos[name] = PluginInfo(name, _distribution_of(entries[0]))
        try:
            show_records_of(entries[0].module.partition(".")[0])
            module = entries[0].load()
            self._manager.register(module, name)
            self._check_hooks(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin's import may raise anything
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self._record(name, error)

    def _check_hooks(self, module: object) -> None:
        for attribute, function in vars(module).items():
            marks = getattr(function, f"{PROJECT}_impl", None)
            name = (marks or {}).get("specname") or attribute
            if marks is not None and name not in KINDS:
                raise PluginError(
                    f"it implements an unknown hook {name!r}; known: {', '.join(KINDS)}.{suggestion(name, KINDS)}"
                )
        self._manager.check_pending()
        if not self._manager.get_hookcallers(module):
            raise PluginError("it implements no hook; mark its functions with turnout.hookimpl")

    def _record(self, plugin: str, error: BaseException) -> None:
        self._add_error(plugin, one_line(error), f"{traceback_text(error)}\n")

    def _add_error(self, plugin: str, message: str, trace: str = "") -> None:
        info = self._infos[plugin]
        text = f"{info.error}; {message}" if info.error else message
        self._infos[plugin] = replace(info, error=text, traceback=f"{info.traceback}{trace}")

    def _call(self, hook: str) -> HookResult:
        found: dict[str, list[Declared]] = {}
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            for declaration in self._declarations(plugin, hook, implementation.function):
                found.setdefault(_name_of(declaration), []).append(Declared(declaration, plugin))
        conflicts = dict(self._conflicts(hook, found))
        return HookResult({name: owners[0] for name, owners in found.items() if name not in conflicts}, conflicts)

    def _declarations(self, plugin: str, hook: str, call: Any) -> list[Any]:
        try:
            declarations = _list(hook, call())
            for declaration in declarations:
                self._check(hook, declaration)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin's hook may raise anything
            self._record(plugin, error)
            return []
        return declarations

    def _check(self, hook: str, declaration: Any) -> None:
        wanted, kind = KINDS[hook]
        if wanted not in {base.__name__ for base in type(declaration).__mro__}:
            raise PluginError(f"{hook} yields {type(declaration).__name__}, not {wanted}")
        if isinstance(declaration, Backend | Step):
            _check_options(f"{kind} {declaration.name!r}", declaration.options)

    def _conflicts(self, hook: str, found: Mapping[str, list[Declared]]) -> Iterator[tuple[str, str]]:
        own = self._own_commands if hook == "turnout_commands" else frozenset()
        for name, claims in found.items():
            if name in own:
                message = f"its command {name!r} is one of Turnout's own; give it another name"
                self._add_error(claims[0].plugin, message)
                yield name, message
            if len(claims) == 1 or name in own:
                continue
            owners = sorted({claim.plugin for claim in claims})
            names = " and ".join(f"{owner!r} ({self._infos[owner].distribution})" for owner in owners)
            label = label_of(claims[0].declaration)
            message = f"the {KINDS[hook][1]} {label!r} is claimed by {len(claims)} declarations, of {names}; keep one"
            for owner in owners:
                self._add_error(owner, message)
            yield name, message


def _list(hook: str, declarations: object) -> list[Any]:
    if not isinstance(declarations, Iterable):
        wanted = KINDS[hook][0]
        raise PluginError(f"{hook} returns {type(declarations).__name__}; yield each {wanted}, or return a list of them")
    return list(declarations)


def _check_options(owner: str, options: object) -> None:
    """Raise PluginError unless ``options`` are strict: a misspelled key, or ``true`` for a number, must not get through."""
    # Here, because it imports pydantic, which 'turnout --help' does not need.
    from turnout.plugins.options import Options

    if not isinstance(options, type):
        raise PluginError(f"the options of {owner} are {options!r}, not a class; derive one from turnout.Options")
    if not issubclass(options, Options):
        raise PluginError(f"the options of {owner}, {options.__name__}, are not derived from turnout.Options; derive them")
    if options.model_config.get("extra") != "forbid":
        raise PluginError(f"the options of {owner}, {options.__name__}, accept unknown keys; remove 'extra' from model_config")


def _name_of(declaration: Any) -> str:
    """Return the name that one declaration of a kind has; several backends may be exported in one format."""
    return f"{declaration.format} of {declaration.backend}" if isinstance(declaration, Exporter) else str(declaration.name)


def label_of(declaration: Any) -> str:
    """Return the name that users type."""
    return str(declaration.format if isinstance(declaration, Exporter) else declaration.name)


def _distribution_of(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "no distribution"
