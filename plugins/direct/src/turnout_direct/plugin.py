"""The hooks of turnout-direct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout import hookimpl

if TYPE_CHECKING:
    from turnout import (
        Backend,
        Exporter,
        ExportRequest,
        ModelDeclaration,
        ModelInference,
        ModelSignature,
        SourceModel,
        SourceRequest,
    )
    from turnout_direct.options import DirectOptions


@hookimpl
def turnout_backends() -> Iterable[Backend[DirectOptions]]:
    """Yield ``direct``."""
    from turnout import Backend
    from turnout_direct.options import DirectOptions
    from turnout_direct.starter import STARTER

    yield Backend(
        "direct",
        _create,
        DirectOptions,
        device_tensors=True,
        aliases=("torch", "pytorch"),
        starter=STARTER,
        checkpoint_options=_checkpoint_options,
        files=_files,
        version_folder=_version_folder,
        tuning=("instance_group",),
        instances=_instances,
        threads_option="threads",
        sources=_sources,
    )


@hookimpl
def turnout_exporters() -> Iterable[Exporter]:
    """Yield ``onnx`` and ``torchscript``."""
    from turnout import Exporter

    onnxruntime = {"onnxruntime": {"path": "{path}"}}
    yield Exporter("onnx", "direct", "model.onnx", _export_onnx, preferred=True, accepts=_has_onnx_form, opened_by=onnxruntime)
    own = {"direct": {"loader": "torchscript", "path": "{path}", "trust": True}}
    yield Exporter("torchscript", "direct", "model.pt", _export_torchscript, opened_by=own)


def _has_onnx_form(model: ModelDeclaration, options: DirectOptions) -> bool:
    return options.loader != "torchscript"


def _create(model: ModelDeclaration, options: DirectOptions) -> ModelInference:
    from turnout_direct.inference import open_model

    return open_model(model, options)


def _instances(options: DirectOptions) -> Sequence[DirectOptions]:
    from turnout_direct.instances import instance_options

    return instance_options(options)


def _checkpoint_options(folder: Path, name: str) -> Mapping[str, Any] | None:
    from turnout_direct.checkpoint_options import checkpoint_options

    return checkpoint_options(folder, name)


def _sources(request: SourceRequest) -> Sequence[SourceModel]:
    from turnout_direct.sources.found import find_sources

    return find_sources(request)


def _files(model: ModelDeclaration, options: DirectOptions) -> Iterable[Path]:
    from turnout_direct.model_files import find_model_files

    return find_model_files(model, options)


def _version_folder(model: ModelDeclaration, options: DirectOptions) -> Path | None:
    from turnout_direct.model_files import find_graph_folder

    return find_graph_folder(model, options)


def _export_onnx(request: ExportRequest) -> ModelSignature:
    from turnout_direct.export.onnx import export_onnx

    return export_onnx(request)


def _export_torchscript(request: ExportRequest) -> ModelSignature:
    from turnout_direct.export.torchscript import export_torchscript

    return export_torchscript(request)
