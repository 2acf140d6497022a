"""Where a checkpoint lies: in a folder of this disk, or on the hub."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ModelLoadError
from turnout_direct.options import DirectOptions

_HUB_NAME = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that transformers can be asked for: its folder, or its name on the hub."""

    source: str
    local: bool


def find_checkpoint(options: DirectOptions, folder: Path, model: str) -> Checkpoint:
    """Return where ``options.checkpoint`` lies; a folder, relative to ``folder``, goes before the hub.

    Raises:
        ModelLoadError: there is no such folder and no such name can be on the hub, or Python would run that nobody pinned.
    """
    name = str(options.checkpoint)
    place = folder / Path(name).expanduser()
    if place.is_dir():
        return _in_folder(place, options, model)
    if not _HUB_NAME.match(name) or place.exists():
        state = "is a file" if place.exists() else "does not exist"
        raise ModelLoadError(
            f"model {model!r}: the checkpoint folder {str(place)!r} {state}; correct 'checkpoint', which is a folder "
            "beside turnout.yaml or a name on the hub"
        )
    if options.trust_remote_code and options.revision is None:
        raise ModelLoadError(
            f"model {model!r}: 'trust_remote_code: true' runs Python that hub checkpoint {name!r} brings and may change; "
            "read it, then write the 40 hexadecimal digits of that commit as 'revision'"
        )
    return Checkpoint(name, local=False)


def _in_folder(place: Path, options: DirectOptions, model: str) -> Checkpoint:
    if not (place / "config.json").is_file():
        raise ModelLoadError(
            f"model {model!r}: folder {str(place)!r} has no 'config.json', so it is no checkpoint; "
            "point 'checkpoint' at what save_pretrained wrote"
        )
    foreign = _code_elsewhere(place / "config.json")
    if options.trust_remote_code and foreign:
        raise ModelLoadError(
            f"model {model!r}: {str(place / 'config.json')!r} takes its Python from {foreign!r} on the hub, "
            "at no fixed commit; copy that code into the folder and name it in 'auto_map' without '--'"
        )
    return Checkpoint(str(place), local=True)


def _code_elsewhere(config: Path) -> str:
    try:
        code = json.loads(config.read_text("utf-8")).get("auto_map", {})
        return next((str(value) for value in code.values() if "--" in str(value)), "")
    except (ValueError, AttributeError):
        return ""
