"""The export format ``generate``: a python model that hosts ``generate()`` of a model that cannot be exported as a graph.

The version folder is self-contained: ``model.py``, its settings in ``generate.json``, and a copy of the checkpoint if that is a
local folder. The same folder works in NVIDIA's container if torch and transformers are installed there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.errors import ConfigurationError, ExportError, one_line
from turnout.files.below import entries_below
from turnout.files.inside import path_inside
from turnout.files.limits import CHECKPOINT_JSON
from turnout.files.strict_json import read_json
from turnout.tensors import TensorSpec
from turnout_triton.server.generate_check import check_generate
from turnout_triton.server.hosted import generate_model

FORMAT = "generate"
FILENAME = "model.py"
SETTINGS = "generate.json"
CHECKPOINT = "checkpoint"


def hosts_generate(model: ModelDeclaration, options: Any) -> bool:
    """Return whether the model is ``generate()`` of a transformers class."""
    return bool(options.loader == "transformers" and options.method == "generate")


def export_generate(request: ExportRequest) -> ModelSignature:
    """Write ``model.py``, its settings and its checkpoint into the version folder of ``request``.

    Raises:
        ExportError: the model is not ``generate()`` of a transformers class, or what was written does not answer a request.
        MissingDependencyError: torch and transformers, which the proof needs, are not installed.
    """
    options = request.options
    name = request.model.name
    if options.loader != "transformers" or options.method != "generate":
        raise ExportError(
            f"format {FORMAT!r} hosts generate() of a transformers class; model {name!r} has loader {options.loader!r} and "
            f"method {options.method!r}; export it with --format onnx or torchscript"
        )
    folder = request.file.parent
    local = request.model.folder / Path(options.checkpoint).expanduser()
    if local.is_dir():
        copy_checkpoint(local, folder / CHECKPOINT, name)
    (folder / SETTINGS).write_text(json.dumps(_settings(options, is_local=local.is_dir()), indent=2) + "\n", "utf-8")
    shutil.copyfile(generate_model.__file__, request.file)
    signature = ModelSignature(
        request.model.inputs or tuple(_inputs(folder / CHECKPOINT, name)),
        request.model.outputs or (TensorSpec("generated_ids", "INT64", (-1, -1)),),
    )
    check_generate(request, signature)
    return signature


def copy_checkpoint(source: Path, target: Path, model: str) -> None:
    """Copy the files of a checkpoint; a link must lead to a file of the checkpoint, or of the cache that it is in.

    Raises:
        ExportError: something else would be published with it.
    """
    # The cache of huggingface_hub: <repository>/snapshots/<revision>/ has links to <repository>/blobs/.
    snapshots = source.resolve().parent
    others = [snapshots.parent / "blobs"] if snapshots.name == "snapshots" else []
    target.mkdir()
    for path in (Path(entry.path) for entry in entries_below(source)):
        name = str(path.relative_to(source))
        if path.is_dir() and not path.is_symlink():
            (target / name).mkdir()
            continue
        try:
            file = path_inside(source, name, *others)
        except ConfigurationError as error:
            raise ExportError(f"model {model!r}: {str(path)!r} leads out of the checkpoint; copy it there") from error
        if not file.is_file():
            raise ExportError(f"model {model!r}: {str(path)!r} is no regular file; remove it from the checkpoint")
        shutil.copyfile(file, target / name)


def _settings(options: Any, *, is_local: bool) -> Mapping[str, Any]:
    settings = {
        "class": options.class_,
        "checkpoint": CHECKPOINT if is_local else options.checkpoint,
        "revision": options.revision,
        "trust_remote_code": options.trust_remote_code,
        "dtype": options.dtype,
        "threads": options.threads,
        "generate": options.generate.arguments(),
    }
    return {name: value for name, value in settings.items() if value}


def _inputs(checkpoint: Path, model: str) -> Iterator[TensorSpec]:
    size = _picture_size(checkpoint, model)
    yield TensorSpec("pixel_values", "FP32", (-1, 3, size, size))
    yield TensorSpec("input_ids", "INT64", (-1, -1))
    yield TensorSpec("attention_mask", "INT64", (-1, -1))


def _picture_size(checkpoint: Path, model: str) -> int:
    """Return height and width of a picture; -1 if the checkpoint is on the hub only."""
    file = checkpoint / "config.json"
    if not checkpoint.is_dir():
        return -1
    try:
        return int(read_json(file, CHECKPOINT_JSON).get("vision_config", {}).get("image_size", -1))
    except (OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ExportError(f"model {model!r}: {str(file)!r} cannot be read: {one_line(error)}; correct 'checkpoint'") from error
