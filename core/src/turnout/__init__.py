"""Turnout: named models through one contract, run by whatever turnout.yaml names."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
    from turnout.pipeline import PipelineContext, PipelineResult, PipelineStep, StepFailure
    from turnout.plugins.batching import DynamicBatching, QueuePolicy
    from turnout.plugins.declarations import Backend, Exporter, ExportRequest, ModelDeclaration, Step, StepDeclaration
    from turnout.plugins.hookspecs import hookimpl
    from turnout.plugins.options import Options
    from turnout.plugins.repositories import (
        CheckRequest,
        Configuration,
        ConfigurationRequest,
        Repository,
        RepositoryFinding,
        RepositoryModel,
    )
    from turnout.serving.app import Turnout, open

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
    "ModelDeclaration": "turnout.plugins.declarations",
    "ModelInference": "turnout.inference",
    "ModelSignature": "turnout.inference",
    "Options": "turnout.plugins.options",
    "PipelineContext": "turnout.pipeline",
    "PipelineResult": "turnout.pipeline",
    "PipelineStep": "turnout.pipeline",
    "QueuePolicy": "turnout.plugins.batching",
    "Repository": "turnout.plugins.repositories",
    "RepositoryFinding": "turnout.plugins.repositories",
    "RepositoryModel": "turnout.plugins.repositories",
    "Step": "turnout.plugins.declarations",
    "StepDeclaration": "turnout.plugins.declarations",
    "StepFailure": "turnout.pipeline",
    "Turnout": "turnout.serving.app",
    "hookimpl": "turnout.plugins.hookspecs",
    "open": "turnout.serving.app",
}

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
    "ModelDeclaration",
    "ModelInference",
    "ModelSignature",
    "Options",
    "PipelineContext",
    "PipelineResult",
    "PipelineStep",
    "QueuePolicy",
    "Repository",
    "RepositoryFinding",
    "RepositoryModel",
    "Step",
    "StepDeclaration",
    "StepFailure",
    "Turnout",
    "hookimpl",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'turnout' has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return __all__
