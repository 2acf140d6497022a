"""The hooks of turnout-onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
    from turnout_onnxruntime.options import OnnxruntimeOptions


@hookimpl
def turnout_backends() -> Iterable[Backend[OnnxruntimeOptions]]:
    """Yield ``onnxruntime``."""
    from turnout import Backend
    from turnout_onnxruntime.options import OnnxruntimeOptions

    yield Backend(
        "onnxruntime",
        _create,
        OnnxruntimeOptions,
        example="{path: model.onnx}",
        file_options={".onnx": "path"},
        aliases=("ort", "onnx"),
        files=_files,
        version_folder=_version_folder,
        tuning=("instance_group",),
        instances=_instances,
        threads_option="intra_op_num_threads",
        sources=_sources,
    )


@hookimpl
def turnout_exporters() -> Iterable[Exporter]:
    """Yield ``onnx``, which publishes an ONNX file that exists."""
    from turnout import Exporter

    yield Exporter(
        "onnx", "onnxruntime", "model.onnx", _export_file, accepts=_is_file, opened_by={"onnxruntime": {"path": "{path}"}}
    )


def _create(model: ModelDeclaration, options: OnnxruntimeOptions) -> ModelInference:
    from turnout_onnxruntime.opening import open_model

    return open_model(model, options)


def _instances(options: OnnxruntimeOptions) -> Sequence[OnnxruntimeOptions]:
    from turnout_onnxruntime.instances import instance_options

    return instance_options(options)


def _sources(request: SourceRequest) -> Sequence[SourceModel]:
    from turnout_onnxruntime.sources import find_sources

    return find_sources(request)


def _files(model: ModelDeclaration, options: OnnxruntimeOptions) -> Iterable[Path]:
    from turnout_onnxruntime.external_data import find_model_files

    return find_model_files(model, options)


def _version_folder(model: ModelDeclaration, options: OnnxruntimeOptions) -> Path | None:
    from turnout_onnxruntime.model_file import find_version_folder

    return find_version_folder(options.path, model.folder, model.version)


def _is_file(model: ModelDeclaration, options: OnnxruntimeOptions) -> bool:
    from turnout_onnxruntime.file_export import is_file

    return is_file(model, options)


def _export_file(request: ExportRequest) -> ModelSignature:
    from turnout_onnxruntime.file_export import export_file

    return export_file(request)
