"""What a plugin declares that keeps the configuration of models in a model repository.

The layout of the folders is Turnout's: ``<repository>/<model>/<version>/<file>``. What stands beside the versions, such as
Triton's config.pbtxt, is the plugin's.
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
    """A model whose configuration is to be written.

    Attributes:
        model: what turnout.yaml says of the model.
        options: the options of the repository's backend for this model; None if turnout.yaml has none.
        folder: the model's folder as it is; it may not exist yet.
        version: the version that is published together with the configuration; None if none is.
        file: the name of that version's file, such as ``model.onnx``; empty if no version is published.
        signature: the inputs and outputs of that file; None if no version is published.
        overwrite: also replace a configuration that somebody wrote by hand.
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
        files: contents by relative name, such as ``config.pbtxt``; a file that is there already is replaced.
        obsolete: relative names of files that go.
        notes: what the user should know, such as what was left as it was.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    obsolete: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A model whose configuration is to be compared.

    Attributes:
        model: what turnout.yaml says of the model.
        options: the options of the repository's backend for this model; None if turnout.yaml has none.
        serves: the repository's backend is what runs the model.
        deep: what cannot be reached is a failure, if ``serves``.
    """

    model: ModelDeclaration
    options: Any
    serves: bool = False
    deep: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryFinding:
    """One thing that a check found.

    Attributes:
        ok: nothing has to be done.
        text: what was found, in one line.
        reached: whether a server that had to be asked for it answered; None if none had to.
    """

    ok: bool
    text: str
    reached: bool | None = None


@dataclass(frozen=True, slots=True)
class RepositoryModel:
    """A model of an existing repository.

    Attributes:
        name: its name in turnout.yaml.
        settings: what turnout.yaml is to say of it, as plain values; empty if it cannot be taken over.
        remarks: what the user should know, one line each; why, if it cannot be taken over.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """Keeps the configuration of models in a kind of model repository.

    Attributes:
        name: the kind.
        backend: the backend whose options say what stands in the configuration.
        locate: returns a model's folder in its repository; the options are None if the model has none.
        configure: returns the configuration of a model; raises ExportError.
        check: compares turnout.yaml, the configuration and, where it can be reached, the server.
        describe: returns the models of a repository for a turnout.yaml in a folder; raises ConfigurationError.
    """

    name: str
    backend: str
    locate: Callable[[ModelDeclaration, Any], Path]
    configure: Callable[[ConfigurationRequest], Configuration]
    check: Callable[[CheckRequest], Iterable[RepositoryFinding]]
    describe: Callable[[Path, Path], Iterable[RepositoryModel]]
