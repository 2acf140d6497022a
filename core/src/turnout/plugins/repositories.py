"""Declarations of a plugin that maintains the configuration of models in a model repository.

Turnout owns the folders, ``<repository>/<model>/<version>/<file>``; the plugin owns the files next to the versions, such as
Triton's config.pbtxt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.inference import ModelSignature
    from turnout.plugins.declarations import ModelDeclaration


@dataclass(frozen=True, slots=True)
class ConfigurationRequest:
    """A model whose configuration Turnout is about to write.

    Attributes:
        model: the model in turnout.yaml.
        options: the options of the repository's backend for this model; None if turnout.yaml has none.
        folder: the model's present folder; it may not exist yet.
        version: the version that is published together with the configuration; None for the configuration alone.
        file: the name of that version's file, such as ``model.onnx``; empty if no version is published.
        signature: the inputs and outputs of that file; None if no version is published.
        overwrite: also replace a configuration that was written by hand.
    """

    model: ModelDeclaration
    options: Any
    folder: Path
    version: int | None = None
    file: str = ""
    signature: ModelSignature | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration of a model: files below the model's folder, published in one step with the version.

    Attributes:
        files: contents by relative name, such as ``config.pbtxt``; an existing file is replaced.
        obsolete: the SHA-256 of files to remove, by relative name; a file with another content, or that no export of this
            machine wrote, is not the plugin's, and stays.
        notes: messages for the user, such as which files were kept.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    obsolete: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A model whose configuration Turnout compares with its settings.

    Attributes:
        model: the model in turnout.yaml.
        options: the options of the repository's backend for this model; None if turnout.yaml has none.
        serves: True if the repository's backend may get requests: it serves the model, or is its fallback, canary or shadow.
        deep: True if an unreachable server is a failure, where ``serves`` is True.
    """

    model: ModelDeclaration
    options: Any
    serves: bool = False
    deep: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryFinding:
    """One finding of a check.

    Attributes:
        ok: True if there is nothing to do.
        text: the finding in one line.
        reached: whether the server that the check needed responded; None if it needed none.
        note: True if it should be known although it is no failure.
    """

    ok: bool
    text: str
    reached: bool | None = None
    note: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryModel:
    """A model of an existing repository.

    Attributes:
        name: its name in the repository, which turnout.yaml uses too, if it is valid there.
        settings: its keys for turnout.yaml, as plain values; empty if it cannot be used.
        remarks: messages for the user, one line each, such as why it cannot be used; ``{name}`` in one becomes the model's name
            in turnout.yaml.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """A kind of model repository, whose configuration the plugin maintains.

    Attributes:
        name: the kind.
        backend: the backend whose options the configuration is generated from.
        locate: returns a model's folder in its repository; the options are None if the model has none.
        configure: returns the configuration of a model; raises ExportError.
        check: compares turnout.yaml, the configuration and, if it is reachable, the server.
        describe: returns the models of a repository for a turnout.yaml in a folder; raises ConfigurationError.
        name_option: the option of the backend that has the model's name on the server, for a model of the repository whose name
            turnout.yaml does not accept; without it such a model is left out.
    """

    name: str
    backend: str
    locate: Callable[[ModelDeclaration, Any], Path]
    configure: Callable[[ConfigurationRequest], Configuration]
    check: Callable[[CheckRequest], Iterable[RepositoryFinding]]
    describe: Callable[[Path, Path], Iterable[RepositoryModel]]
    name_option: str = ""
