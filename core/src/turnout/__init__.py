"""Turnout: named models through one contract, run by the backend that turnout.yaml names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.lazy_names import import_lazily
from turnout.log_records import install as _show_log_records

if TYPE_CHECKING:
    from turnout import errors, health, logs, metrics, tensors, testing
    from turnout.errors import StepFailure
    from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature, Parameter
    from turnout.model_observer import ModelObserver
    from turnout.pipeline import Pipeline, PipelineContext, PipelineResult, PipelineStep, StepInput, StepPart
    from turnout.plugins.batching import DynamicBatching, QueuePolicy
    from turnout.plugins.declarations import Backend, Exporter, ExportRequest, ModelDeclaration, Step, StepDeclaration
    from turnout.plugins.hookspecs import hookimpl
    from turnout.plugins.instances import InstanceGroup
    from turnout.plugins.options import Options
    from turnout.plugins.repositories import (
        CheckRequest,
        Configuration,
        ConfigurationRequest,
        Repository,
        RepositoryFinding,
        RepositoryModel,
    )
    from turnout.plugins.sources import SourceModel, SourceRequest
    from turnout.plugins.statistics import ServerStatistics
    from turnout.serving.app import Turnout
    from turnout.serving.entry import open
    from turnout.serving.model import Model
    from turnout.tensors import TensorSpec

    __version__: str

_ROOMS = {
    "Backend": "turnout.plugins.declarations",
    "CheckRequest": "turnout.plugins.repositories",
    "Configuration": "turnout.plugins.repositories",
    "ConfigurationRequest": "turnout.plugins.repositories",
    "DynamicBatching": "turnout.plugins.batching",
    "ExportRequest": "turnout.plugins.declarations",
    "Exporter": "turnout.plugins.declarations",
    "InferenceRequest": "turnout.inference",
    "InferenceResponse": "turnout.inference",
    "InstanceGroup": "turnout.plugins.instances",
    "Model": "turnout.serving.model",
    "ModelDeclaration": "turnout.plugins.declarations",
    "ModelInference": "turnout.inference",
    "ModelObserver": "turnout.model_observer",
    "ModelSignature": "turnout.inference",
    "Options": "turnout.plugins.options",
    "Parameter": "turnout.inference",
    "Pipeline": "turnout.pipeline",
    "PipelineContext": "turnout.pipeline",
    "PipelineResult": "turnout.pipeline",
    "PipelineStep": "turnout.pipeline",
    "QueuePolicy": "turnout.plugins.batching",
    "Repository": "turnout.plugins.repositories",
    "RepositoryFinding": "turnout.plugins.repositories",
    "RepositoryModel": "turnout.plugins.repositories",
    "ServerStatistics": "turnout.plugins.statistics",
    "SourceModel": "turnout.plugins.sources",
    "SourceRequest": "turnout.plugins.sources",
    "Step": "turnout.plugins.declarations",
    "StepDeclaration": "turnout.plugins.declarations",
    "StepFailure": "turnout.errors",
    "StepInput": "turnout.pipeline",
    "StepPart": "turnout.pipeline",
    "TensorSpec": "turnout.tensors",
    "Turnout": "turnout.serving.app",
    "hookimpl": "turnout.plugins.hookspecs",
    "open": "turnout.serving.entry",
}
_PUBLIC_ROOMS = ("errors", "health", "logs", "metrics", "tensors", "testing")

__all__ = [
    "Backend",
    "CheckRequest",
    "Configuration",
    "ConfigurationRequest",
    "DynamicBatching",
    "ExportRequest",
    "Exporter",
    "InferenceRequest",
    "InferenceResponse",
    "InstanceGroup",
    "Model",
    "ModelDeclaration",
    "ModelInference",
    "ModelObserver",
    "ModelSignature",
    "Options",
    "Parameter",
    "Pipeline",
    "PipelineContext",
    "PipelineResult",
    "PipelineStep",
    "QueuePolicy",
    "Repository",
    "RepositoryFinding",
    "RepositoryModel",
    "ServerStatistics",
    "SourceModel",
    "SourceRequest",
    "Step",
    "StepDeclaration",
    "StepFailure",
    "StepInput",
    "StepPart",
    "TensorSpec",
    "Turnout",
    "__version__",
    "errors",
    "health",
    "hookimpl",
    "logs",
    "metrics",
    "open",
    "tensors",
    "testing",
]

_show_log_records()


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_lazily(_ROOMS[name], name)
    if name in _PUBLIC_ROOMS:
        return import_lazily(f"turnout.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("turnout")
    raise AttributeError(f"module 'turnout' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
