"""The files of a model, found without loading it."""

from __future__ import annotations

from pathlib import Path

from turnout import ModelDeclaration
from turnout_direct.checkpoint_source import find_checkpoint_source
from turnout_direct.options import DirectOptions
from turnout_direct.saved_graph import find_graph, find_version_folder, graph_path


def find_model_files(model: ModelDeclaration, options: DirectOptions) -> list[Path]:
    """Return the saved graph or the local checkpoint of ``model``; empty for a name on the hub and for a factory.

    Raises:
        ModelLoadError: it does not exist.
    """
    if options.loader == "transformers":
        source = Path(find_checkpoint_source(options, model.folder, model.name))
        return [source] if source.is_absolute() or source.is_dir() else []
    if options.path is not None:
        return [find_graph(graph_path(options, model.folder), options.loader, model.name, model.version)]
    return []


def with_found_graph(model: ModelDeclaration, options: DirectOptions) -> DirectOptions:
    """Return ``options`` with the file of a saved graph as ``path``: the version that is found here is the one that is loaded.

    Raises:
        ModelLoadError: it does not exist.
    """
    if options.path is None:
        return options
    [file] = find_model_files(model, options)
    return options.model_copy(update={"path": str(file.absolute())})


def find_graph_folder(model: ModelDeclaration, options: DirectOptions) -> Path | None:
    """Return the version folder of the saved graph that is opened now; None for any other model."""
    if options.path is None:
        return None
    return find_version_folder(graph_path(options, model.folder), options.loader, model.version)
