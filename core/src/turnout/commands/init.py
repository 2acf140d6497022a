"""The text of a first turnout.yaml."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from turnout.errors import UnknownNameError
from turnout.plugins.discovery import Plugins
from turnout.plugins.repositories import RepositoryModel
from turnout.settings.document.scalars import resolve_plain

_HEAD = """\
# What runs each model. `turnout switch MODEL BACKEND` edits a model's line 'backend:'; `turnout check` proves this file.
# yaml-language-server: $schema=turnout.schema.json    (turnout schema > turnout.schema.json)
"""

_EXAMPLES = """\
backend: ${INFERENCE_BACKEND:-direct}

models:
  blip_caption:
    backends:
      direct:
        loader: transformers
        class: BlipForConditionalGeneration
        checkpoint: Salesforce/blip-image-captioning-base    # a name on the hub, or a folder
        method: generate
        generate: {max_new_tokens: 20}
      onnxruntime: {path: model_repository/blip_caption}     # turnout export blip_caption --format onnx

  birefnet:
    backends:
      direct:
        loader: transformers
        class: AutoModelForImageSegmentation
        checkpoint: ZhengPeng7/BiRefNet
        trust_remote_code: true    # runs the checkpoint's own Python: read it, then pin its commit
        revision: "0000000000000000000000000000000000000000"
        returns: {logits: -1}
      onnxruntime: {path: model_repository/birefnet}

pipelines:
  describe:
    - load_image
    - segment_regions: {model: birefnet}
    - caption: {model: blip_caption}
"""


def starter_settings(onnx_files: Sequence[Path], folder: Path) -> str:
    """Return a turnout.yaml for ``folder``: a model for each ONNX file, or BLIP and BiRefNet as examples."""
    if not onnx_files:
        return f"{_HEAD}{_EXAMPLES}"
    models = [_model(name, file, folder) for name, file in _names(onnx_files).items()]
    return f"{_HEAD}backend: onnxruntime\n\nmodels:\n{''.join(models)}"


def _model(name: str, file: Path, folder: Path) -> str:
    path = json.dumps(os.path.relpath(str(file), str(folder)))
    return f"  {name}:\n    backends:\n      onnxruntime: {{path: {path}}}\n"


def _names(files: Sequence[Path]) -> dict[str, Path]:
    names: dict[str, Path] = {}
    for file in files:
        base = re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).lstrip("_.-") or "model"
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}_{number}"
        names[name] = file
    return names


def repository_settings(plugins: Plugins, repository: Path, folder: Path) -> str:
    """Return a turnout.yaml for ``folder`` that has the models of an existing model repository.

    A model that cannot be taken over stands in it as a comment, with the reason.

    Raises:
        UnknownNameError: no plugin here reads model repositories.
        ConfigurationError: there is no repository, or it has no models.
    """
    kinds = plugins.repositories()
    if not kinds:
        raise UnknownNameError(
            f"the models of {str(repository)!r} cannot be told: no plugin here reads model repositories; "
            "for Triton's: pip install turnout-triton"
        )
    models = [line for kind in kinds for model in kind.describe(repository, folder) for line in _described(model)]
    return "\n".join([f"{_HEAD}backend: {kinds[0].backend}", "", "models:", *models, ""])


def _described(model: RepositoryModel) -> Iterator[str]:
    """Yield the lines of a model; YAML takes JSON for its values."""
    yield from (f"  # {model.name}: {remark}" for remark in model.remarks)
    if not model.settings:
        return
    yield f"  {model.name if resolve_plain(model.name) == model.name else json.dumps(model.name)}:"
    for key, value in model.settings.items():
        if key != "backends":
            yield f"    {key}: {json.dumps(value)}"
            continue
        yield "    backends:"
        yield from (f"      {backend}: {json.dumps(options)}" for backend, options in value.items())
