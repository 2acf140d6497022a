"""Declarations that plugins yield from hooks: backends, steps and exporters, with the arguments of their functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from turnout.inference import ModelInference, ModelSignature
    from turnout.pipeline import PipelineStep
    from turnout.plugins.batching import DynamicBatching
    from turnout.plugins.options import Options
    from turnout.plugins.sources import SourceModel, SourceRequest
    from turnout.plugins.statistics import ServerStatistics
    from turnout.tensors import TensorSpec

OptionsT = TypeVar("OptionsT", bound="Options")


@dataclass(frozen=True, slots=True)
class ModelDeclaration:
    """The keys of a model in turnout.yaml that every backend may need.

    Attributes:
        name: the model's name.
        folder: the folder of turnout.yaml; relative paths in options start here.
        inputs: declared inputs, batch axis included; empty if none are declared.
        outputs: declared outputs, likewise.
        max_batch_size: the largest size of the batch axis; 0 for a model without one.
        dynamic_batching: how to merge requests; None if they are not merged.
        version: the version of a model repository that answers; empty if its version policy decides.
    """

    name: str
    folder: Path = Path()
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    max_batch_size: int = 0
    dynamic_batching: DynamicBatching | None = None
    version: str = ""

    @property
    def signature(self) -> ModelSignature:
        """The declared tensors."""
        from turnout.inference import ModelSignature  # with numpy, which `turnout --help` does without

        return ModelSignature(self.inputs, self.outputs)


@dataclass(frozen=True, slots=True)
class StepDeclaration:
    """The place of a step in turnout.yaml.

    Attributes:
        name: the step's name in its pipeline.
        pipeline: the pipeline's name.
        folder: the folder of turnout.yaml; relative paths in options start here.
        models: options by model and backend, as written in the file, with variables substituted; only those that the
            ``model_options`` of the step's kind name, because others may be secrets.
    """

    name: str
    pipeline: str
    folder: Path = Path()
    models: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


def _ignore_report(facts: Mapping[str, Any]) -> None:
    """Discard the facts."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A model to write as one file.

    Attributes:
        model: the model in turnout.yaml.
        options: the options of the exporter's backend for this model.
        file: the file to write; its folder exists and is empty.
        report: call it with the facts that the exporter proved about the file, in JSON types; if it is not called, the version
            counts as not proved.
    """

    model: ModelDeclaration
    options: Any
    file: Path
    report: Callable[[Mapping[str, Any]], None] = _ignore_report


def _no_files(model: ModelDeclaration, options: Any) -> Iterable[Path]:
    """Return no file: the backend does not say which files it reads."""
    return ()


def _no_version_folder(model: ModelDeclaration, options: Any) -> Path | None:
    """Return None: the backend opens no version of a model repository."""
    return None


def _no_statistics(model: ModelDeclaration, options: Any) -> ServerStatistics | None:
    """Return None: the backend has no server, or none that counts."""
    return None


def _no_checkpoint(folder: Path, name: str) -> Mapping[str, Any] | None:
    """Return None: the backend opens no folder."""
    return None


def _no_command(options: Any, repository: str) -> str:
    """Return no command: the backend has no server, or none that a command starts here."""
    return ""


def _no_sources(request: SourceRequest) -> Sequence[SourceModel]:
    """Return no model: the backend finds none by a source alone."""
    return ()


def _no_instances(options: Any) -> Sequence[Any]:
    """Return no options: one model answers every request, many at once."""
    return ()


@dataclass(frozen=True, slots=True)
class Backend(Generic[OptionsT]):
    """A kind of runtime.

    Attributes:
        name: its name in turnout.yaml.
        create: opens a model; blocks, may take minutes, and raises ModelLoadError or MissingDependencyError.
        options: the pydantic model of its options in turnout.yaml, derived from ``turnout.Options``.
        batches: True if the backend merges concurrent requests itself.
        remote: True if it calls a server, which may die while this process lives; its arms get a circuit breaker.
        device_tensors: True if it accepts ``turnout.tensors.DeviceTensor`` inputs; otherwise they are copied to arrays.
        example: an example of its options as one line of YAML, for messages and ``turnout init``.
        starter: the keys of a first turnout.yaml, written by ``turnout init`` without files; empty if it has none.
        file_options: the option that names the model's file, by suffix such as ``.onnx``, for ``turnout init FILE``.
        checkpoint_options: returns the options that open the checkpoint in a folder, whose path in turnout.yaml is its second
            argument; None if the folder is no checkpoint of this backend; for ``turnout init FOLDER``.
        server_command: returns the command that starts its server on this machine, where the options look for it, with a model
            repository other than ``model_repository`` (empty if there is none); empty if the options name another machine.
        variables: the environment variables ``TURNOUT_...`` that it reads.
        aliases: other names that a user may write for it, such as the name of its library.
        tuning: options that set how many requests run at once, such as ``model_config.instance_group``.
        files: returns the files and folders on this machine that decide a model's answers, such as its model file, without
            opening the model; raises ModelLoadError if one is missing. A file of a model repository is that of the version
            that is served.
        instances: returns the options of each instance that the options ask for, to open and run one request at a time each;
            none if they ask for no instances, and one model answers all requests, many at once. Raises ModelLoadError.
        threads_option: the option that sets the CPU threads of one request, such as ``intra_op_num_threads``, where unset or 0
            means one for each core; empty if it has none.
        version_folder: returns the version folder, in a model repository on this machine, that a model is opened from now,
            whether or not its file is there yet; None if it is in no repository. Called each second, so it must be cheap.
        statistics: returns what its server has counted for the model, for ``turnout bench``; None if it does not count. Blocks
            for seconds at most; raises TurnoutError.
        sources: returns the models of a source of ``turnout adopt``, without opening them; none for a source that is not for
            this backend. Raises ConfigurationError if it is one, and cannot be used.
    """

    name: str
    create: Callable[[ModelDeclaration, OptionsT], ModelInference]
    options: type[OptionsT]
    batches: bool = False
    remote: bool = False
    device_tensors: bool = False
    example: str = "{}"
    starter: str = ""
    file_options: Mapping[str, str] = field(default_factory=dict)
    checkpoint_options: Callable[[Path, str], Mapping[str, Any] | None] = _no_checkpoint
    server_command: Callable[[OptionsT, str], str] = _no_command
    variables: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    tuning: tuple[str, ...] = ()
    files: Callable[[ModelDeclaration, OptionsT], Iterable[Path]] = _no_files
    instances: Callable[[OptionsT], Sequence[OptionsT]] = _no_instances
    threads_option: str = ""
    version_folder: Callable[[ModelDeclaration, OptionsT], Path | None] = _no_version_folder
    statistics: Callable[[ModelDeclaration, OptionsT], ServerStatistics | None] = _no_statistics
    sources: Callable[[SourceRequest], Sequence[SourceModel]] = _no_sources


@dataclass(frozen=True, slots=True)
class Step(Generic[OptionsT]):
    """A kind of pipeline step.

    Attributes:
        name: its name in turnout.yaml.
        create: creates one step; raises ConfigurationError or MissingDependencyError.
        options: the pydantic model of its options in turnout.yaml, derived from ``turnout.Options``.
        model_options: the names of the backends' options that it reads in ``StepDeclaration.models``, such as ``checkpoint``.
        pipelines: the steps of a pipeline for a model that was adopted, by the task that ``SourceModel`` names; the text
            ``{model}`` becomes the model's name, ``{<role>}`` that of the source's model with this role; an option
            ``{input}`` becomes the name of the model's input, or is left out where it is not known.
        provides: the names that its steps usually write; where one of them is missing in a pipeline, the error names this kind.
    """

    name: str
    create: Callable[[StepDeclaration, OptionsT], PipelineStep]
    options: type[OptionsT]
    model_options: tuple[str, ...] = ()
    pipelines: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    provides: tuple[str, ...] = ()


def _accept(model: ModelDeclaration, options: Any) -> bool:
    """Return True: the exporter can try every model of its backend."""
    return True


@dataclass(frozen=True, slots=True)
class Exporter:
    """Writes models of one backend in one format. Exporters of several backends may share a format.

    Attributes:
        format: its name for ``turnout export --format``, such as ``onnx``.
        backend: the backend whose options name the source of the model.
        filename: the file's name in a version folder of a model repository, such as ``model.onnx``.
        export: writes the file and returns its signature; raises ExportError.
        preferred: True if ``turnout export`` uses this format by default.
        accepts: returns whether a model with these options can be written in this format, without opening it.
        opened_by: the options that open such a file in this process, by backend; ``{path}`` in a text becomes its path, or that
            of the model's folder in the repository.
    """

    format: str
    backend: str
    filename: str
    export: Callable[[ExportRequest], ModelSignature]
    preferred: bool = False
    accepts: Callable[[ModelDeclaration, Any], bool] = _accept
    opened_by: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
