"""Turnout: named models through one contract, run by whatever turnout.yaml names."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.app import Turnout, open
    from turnout.batching import DynamicBatching, QueuePolicy
    from turnout.hookspecs import (
        Backend,
        Exporter,
        ExportRequest,
        ModelDeclaration,
        Step,
        StepDeclaration,
        hookimpl,
    )
    from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
    from turnout.pipeline import PipelineContext, PipelineResult, PipelineStep, StepFailure
    from turnout.repository import (
        CheckRequest,
        Configuration,
        ConfigurationRequest,
        Repository,
        RepositoryFinding,
        RepositoryModel,
    )

_ROOMS = {
    "Backend": "turnout.hookspecs",
    "CheckRequest": "turnout.repository",
    "Configuration": "turnout.repository",
    "ConfigurationRequest": "turnout.repository",
    "DynamicBatching": "turnout.batching",
    "ExportRequest": "turnout.hookspecs",
    "Exporter": "turnout.hookspecs",
    "InferenceRequest": "turnout.inference",
    "InferenceResponse": "turnout.inference",
    "ModelDeclaration": "turnout.hookspecs",
    "ModelInference": "turnout.inference",
    "ModelSignature": "turnout.inference",
    "PipelineContext": "turnout.pipeline",
    "PipelineResult": "turnout.pipeline",
    "PipelineStep": "turnout.pipeline",
    "QueuePolicy": "turnout.batching",
    "Repository": "turnout.repository",
    "RepositoryFinding": "turnout.repository",
    "RepositoryModel": "turnout.repository",
    "Step": "turnout.hookspecs",
    "StepDeclaration": "turnout.hookspecs",
    "StepFailure": "turnout.pipeline",
    "Turnout": "turnout.app",
    "hookimpl": "turnout.hookspecs",
    "open": "turnout.app",
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
