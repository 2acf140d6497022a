"""The models of a checkpoint: class, task, inputs and outputs, from its own configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from turnout import SourceModel
from turnout.errors import ConfigurationError, text_of
from turnout.files.limits import CHECKPOINT_JSON
from turnout.files.strict_json import read_json
from turnout_direct.checkpoint_options import checkpoint_options
from turnout_direct.sources.picture_sizes import Size, picture_sizes
from turnout_direct.sources.tasks import Task, is_generating, task_of

Config = Mapping[str, Any]

_BATCH = 8
_PICTURE_KEYS = ("image_size", "num_channels", "vision_config", "backbone_config", "image_mean")
_TEXT_KEYS = ("vocab_size", "text_config")
_TOWERS: Mapping[str, tuple[str, str]] = {
    "CLIPModel": ("CLIPVisionModelWithProjection", "CLIPTextModelWithProjection"),
    "SiglipModel": ("SiglipVisionModel", "SiglipTextModel"),
    "Siglip2Model": ("Siglip2VisionModel", "Siglip2TextModel"),
    "MetaClip2Model": ("MetaClip2VisionModelWithProjection", "MetaClip2TextModelWithProjection"),
}
"""Models of pictures and texts whose scores depend on the whole batch: each half is a model whose rows do not."""
_ROLES = ("picture", "text")


def checkpoint_models(folder: Path, written: str, given: Config) -> Sequence[SourceModel]:
    """Return the models of the checkpoint whose configuration is in ``folder``; ``written`` is its name in turnout.yaml.

    Raises:
        ConfigurationError: a file of it cannot be read, or no class is named.
    """
    config, processor = _read(folder / "config.json"), _processor(folder)
    options = {**(checkpoint_options(folder, written) or {}), **given}
    kind = str(options["class"])
    name = Path(written).name or "model"
    if kind in _TOWERS:
        return [
            _tower(f"{name}_{role}", role, options | {"class": tower}, config, processor)
            for role, tower in zip(_ROLES, _TOWERS[kind], strict=True)
        ]
    return [_single(name, kind, options, config, processor)]


def _single(name: str, kind: str, options: dict[str, Any], config: Config, processor: Config) -> SourceModel:
    pictures = bool(processor) or any(key in config for key in _PICTURE_KEYS)
    generates = options.get("method") == "generate"
    if generates and not is_generating(kind):
        # transformers writes generation_config.json for more classes than those that write texts.
        options = {key: value for key, value in options.items() if key != "method"}
        generates = False
    task = task_of(kind, generates=generates, has_pictures=pictures, asks=processor.get("is_vqa") is True)
    if generates:
        return SourceModel(name, options, {"max_batch_size": _BATCH}, ({"max_batch_size": 1},), kind, task.name)
    inputs = _picture_inputs(picture_sizes(config, processor), config) if pictures else [_text_inputs(config)]
    return _model(name, kind, task, options, inputs)


def _tower(name: str, role: str, options: dict[str, Any], config: Config, processor: Config) -> SourceModel:
    kind = str(options["class"])
    own = config.get("text_config" if role == "text" else "vision_config")
    part = own if isinstance(own, Mapping) else {}
    inputs = [_tower_text(kind)] if role == "text" else _picture_inputs(picture_sizes(part, processor), part)
    task = task_of(kind, generates=False, has_pictures=role != "text")
    zero_shot = Task("zero-shot-image-classification" if role != "text" else task.name, task.outputs)
    return _model(name, kind, zero_shot, options, inputs, role)


def _model(
    name: str, kind: str, task: Task, options: dict[str, Any], inputs: Sequence[Mapping[str, str]], role: str = ""
) -> SourceModel:
    returns = {"returns": {output: output for output in task.outputs}} if task.outputs and "returns" not in options else {}
    first, *others = [{"max_batch_size": size, "inputs": dict(one)} for size, one in product((_BATCH, 1), inputs)]
    return SourceModel(name, options | returns, first, tuple(others), kind, task.name, role)


def _picture_inputs(sizes: Sequence[Size], config: Config) -> list[dict[str, str]]:
    channels = config.get("num_channels", 3)
    return [{"pixel_values": f"FP32[{channels},{height},{width}]"} for height, width in sizes]


def _tower_text(kind: str) -> dict[str, str]:
    # SigLIP's text model was trained without a mask: its padding is part of the text.
    ids = {"input_ids": "INT64[-1]"}
    return ids if kind.startswith("Siglip") else ids | {"attention_mask": "INT64[-1]"}


def _text_inputs(config: Config) -> dict[str, str]:
    if not any(key in config for key in _TEXT_KEYS):
        return {}
    return {"input_ids": "INT64[-1]", "attention_mask": "INT64[-1]"}


def _processor(folder: Path) -> Config:
    """Return the settings of the image processor; empty without one."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            content = _read(folder / name)
            inner = content.get("image_processor")
            return inner if isinstance(inner, Mapping) else content
    return {}


def _read(file: Path) -> Config:
    try:
        content = read_json(file, CHECKPOINT_JSON)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(file)!r} cannot be read: {text_of(error)}; save the checkpoint again") from error
    return content if isinstance(content, Mapping) else {}
