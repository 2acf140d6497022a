"""The models of a source, by what the source is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout import SourceModel, SourceRequest
from turnout.errors import ConfigurationError
from turnout.files.fingerprint import fingerprint
from turnout.files.made_here import MADE_HERE
from turnout_direct.sources.checkpoint_models import checkpoint_models
from turnout_direct.sources.hub_files import find_hub_folder

_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")
_HUB = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?\Z")
_GRAPHS = {".pt": "torchscript", ".pt2": "torch_export"}
_CONFIG = "config.json"


def find_sources(request: SourceRequest) -> Sequence[SourceModel]:
    """Return the models of the source of ``request``; none if it is not for this backend. Opens no model.

    Raises:
        ConfigurationError: it is a checkpoint that cannot be used, code that the user does not vouch for, or a name that is not
            on the hub.
    """
    path = request.folder / Path(request.text).expanduser() if not request.path else Path(request.text)
    if request.path and path.is_dir():
        return checkpoint_models(path, request.path, request.options) if (path / _CONFIG).is_file() else ()
    if request.path:
        return [_graph(path, request)] if path.suffix in _GRAPHS else ()
    if _FACTORY.match(request.text):
        return [_factory(request)]
    if _HUB.match(request.text) and Path(request.text).suffix.lower() not in (*_GRAPHS, ".onnx"):
        folder = find_hub_folder(request.text, request.options)
        return checkpoint_models(folder, request.text, request.options)
    return ()


def _graph(path: Path, request: SourceRequest) -> SourceModel:
    """Return the model of a saved graph, which is code: it opens if the user vouches for it, or this machine wrote it."""
    options: Mapping[str, Any] = {"loader": _GRAPHS[path.suffix], "path": request.path}
    digest = fingerprint(path)
    if not {"sha256", "trust"} & set(request.options) and digest not in MADE_HERE:
        raise ConfigurationError(
            f"{str(path)!r} is code, and opens only if you made it or trust who did; give the option sha256={digest}",
            next_step=f"give --option sha256={digest} to the same command, if you trust the file",
        )
    return SourceModel(
        path.stem,
        {**options, **request.options},
        kind=_GRAPHS[path.suffix],
        settings={"max_batch_size": 8},
        alternatives=({"max_batch_size": 1}, {}),
    )


def _factory(request: SourceRequest) -> SourceModel:
    name = request.text.rpartition(":")[2].strip("_") or "model"
    return SourceModel(
        name,
        {"loader": "factory", "factory": request.text, **request.options},
        kind="factory",
        settings={"max_batch_size": 8},
        alternatives=({"max_batch_size": 1}, {}),
    )
