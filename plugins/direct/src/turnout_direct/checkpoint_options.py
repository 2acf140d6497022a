"""The options that open a checkpoint folder, for a first turnout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, text_of
from turnout.files.limits import CHECKPOINT_JSON
from turnout.files.strict_json import read_json

_CONFIG, _GENERATION = "config.json", "generation_config.json"


def checkpoint_options(folder: Path, name: str) -> Mapping[str, Any] | None:
    """Return the options that open the checkpoint of transformers in ``folder``, whose path in turnout.yaml is ``name``.

    None if the folder has no config.json, as a model repository has none. The checkpoint's own Python is never trusted here.

    Raises:
        ConfigurationError: config.json does not say which class opens the checkpoint.
    """
    if not (folder / _CONFIG).is_file():
        return None
    options = {"loader": "transformers", "class": _class_name(folder), "checkpoint": name}
    # transformers writes this file for the models that can generate.
    return options | ({"method": "generate"} if (folder / _GENERATION).is_file() else {})


def _class_name(folder: Path) -> str:
    try:
        config = read_json(folder / _CONFIG, CHECKPOINT_JSON)
    except (OSError, ValueError) as error:
        place = str(folder / _CONFIG)
        raise ConfigurationError(f"{place!r} cannot be read: {text_of(error)}; save the checkpoint again") from error
    found = config if isinstance(config, dict) else {}
    # A class of the checkpoint's own Python is opened by the name that transformers has for its kind.
    own = [kind for kind in _mapping(found.get("auto_map")) if kind.startswith("AutoModel")]
    listed = found.get("architectures")
    names = [*own, *(listed if isinstance(listed, list) else [])]
    name = next((one for one in names if isinstance(one, str) and one.isidentifier()), None)
    if name is None:
        raise ConfigurationError(
            f"{str(folder / _CONFIG)!r} names no class in 'architectures'; write turnout.yaml yourself: turnout init"
        )
    return name


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
