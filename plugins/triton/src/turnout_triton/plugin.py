"""The hooks of turnout-triton."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from turnout import hookimpl

if TYPE_CHECKING:
    import click

    from turnout import Backend, Exporter, ModelDeclaration, ModelInference, Repository, ServerStatistics
    from turnout_triton.options import TritonOptions


@hookimpl
def turnout_backends() -> Iterable[Backend[TritonOptions]]:
    """Yield the backend ``triton``."""
    from turnout import Backend
    from turnout_triton.options import TritonOptions

    yield Backend(
        "triton",
        _create,
        TritonOptions,
        batches=True,
        remote=True,
        device_tensors=True,
        example="{url: localhost:8001}",
        server_command=_server_command,
        variables=("TURNOUT_TRITON_ENVIRONMENT",),
        tuning=("model_config.instance_group",),
        files=_files,
        statistics=_statistics,
    )


@hookimpl
def turnout_repositories() -> Iterable[Repository]:
    """Yield the repository ``triton``, whose models have a config.pbtxt."""
    from turnout import Repository
    from turnout_triton.repository.check import check
    from turnout_triton.repository.configure import configure
    from turnout_triton.repository.describe import describe
    from turnout_triton.repository.layout import locate

    yield Repository("triton", "triton", locate, configure, check, describe, name_option="model")


@hookimpl
def turnout_exporters() -> Iterable[Exporter]:
    """Yield the exporter ``generate``: a python model that hosts ``generate()``, for models that cannot be exported."""
    from turnout import Exporter
    from turnout_triton.server.generate_export import FILENAME, FORMAT, export_generate, hosts_generate

    yield Exporter(FORMAT, "direct", FILENAME, export_generate, accepts=hosts_generate)


@hookimpl
def turnout_commands() -> Iterable[click.Command]:
    """Yield the command ``turnout triton``."""
    from turnout_triton.commands.group import triton

    yield triton


def _create(model: ModelDeclaration, options: TritonOptions) -> ModelInference:
    from turnout_triton.opening import open_model

    return open_model(model, options)


def _server_command(options: TritonOptions, repository: str) -> str:
    from turnout_triton.serve_command import serve_command

    return serve_command(options, repository)


def _files(model: ModelDeclaration, options: TritonOptions) -> Iterable[Path]:
    from turnout_triton.repository.served_files import find_served_files

    return find_served_files(model, options)


def _statistics(model: ModelDeclaration, options: TritonOptions) -> ServerStatistics | None:
    from turnout_triton.statistics import read_statistics

    return read_statistics(model, options)
