"""The source of a checkpoint: a local folder or a name on the hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from turnout.errors import ModelLoadError, text_of
from turnout.files.limits import CHECKPOINT_JSON
from turnout.files.strict_json import read_json
from turnout_direct.options import DirectOptions

_NULL_COMMIT = "0" * 40
# Keys of a config, perhaps between "_" and "_internal", by which transformers finds code of the package ``kernels``.
_IMPLEMENTATIONS = ("attn_implementation", "experts_implementation")
_HUB_NAME = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?\Z")


def find_checkpoint_source(options: DirectOptions, folder: Path, model: str) -> str:
    """Return the folder or hub name of ``options.checkpoint`` for ``from_pretrained``; a folder comes before the hub.

    A relative path starts in ``folder``.

    Raises:
        ModelLoadError: the folder does not exist and the name cannot be on the hub, or Python from the hub would run that is
            not pinned to a commit.
    """
    name = str(options.checkpoint)
    path = folder / Path(name).expanduser()
    if path.is_dir():
        _check_folder(path, options, model)
        return str(path)
    if not _HUB_NAME.match(name) or path.exists():
        state = "is a file" if path.exists() else "does not exist"
        raise ModelLoadError(
            f"model {model!r}: the checkpoint folder {str(path)!r} {state}; correct 'checkpoint', which is a folder "
            "next to turnout.yaml or a name on the hub"
        )
    if options.trust_remote_code and options.revision is None:
        raise ModelLoadError(
            f"model {model!r}: 'trust_remote_code: true' runs Python that hub checkpoint {name!r} contains and may change; "
            "read it, then write the 40 hexadecimal digits of that commit as 'revision'"
        )
    if options.revision == _NULL_COMMIT:
        raise ModelLoadError(
            f"model {model!r}: 'revision' of checkpoint {name!r} is a placeholder; write the 40 hexadecimal digits of the "
            f"commit that you have read: https://huggingface.co/{name}/commits/main"
        )
    return name


def _check_folder(path: Path, options: DirectOptions, model: str) -> None:
    if not (path / "config.json").is_file():
        raise ModelLoadError(
            f"model {model!r}: folder {str(path)!r} has no 'config.json', so it is not a checkpoint; "
            "set 'checkpoint' to the folder that save_pretrained wrote"
        )
    config = _read_config(path / "config.json", model)
    foreign = _remote_code(config)
    if options.trust_remote_code and foreign:
        raise ModelLoadError(
            f"model {model!r}: {str(path / 'config.json')!r} takes its Python from {foreign!r} on the hub, "
            "at no fixed commit; copy that code into the folder and name it in 'auto_map' without '--'"
        )
    if kernel := _hub_kernel(config):
        raise ModelLoadError(
            f"model {model!r}: {str(path / 'config.json')!r} takes compiled code from {kernel!r} on the hub, at no fixed "
            f"commit; write 'sdpa' or 'eager' there instead of {kernel!r}"
        )


def _read_config(file: Path, model: str) -> dict[str, Any]:
    """Return the config, or an empty one if it is no object, which transformers refuses."""
    try:
        config = read_json(file, CHECKPOINT_JSON)
    except (OSError, ValueError) as error:
        # transformers reads more than can be checked here, such as a key twice.
        raise ModelLoadError(
            f"model {model!r}: {str(file)!r} cannot be read: {text_of(error)}; save the checkpoint again"
        ) from error
    return config if isinstance(config, dict) else {}


def _remote_code(config: dict[str, Any]) -> str:
    # transformers writes "repository--module.Class" for code that another repository on the hub holds.
    code = config.get("auto_map")
    return next((str(value) for value in code.values() if "--" in str(value)), "") if isinstance(code, dict) else ""


def _hub_kernel(value: Any) -> str:
    """Return the first implementation of attention or experts, at any depth of a config, that is a name on the hub."""
    if isinstance(value, list):
        return next(filter(None, map(_hub_kernel, value)), "")
    if not isinstance(value, dict):
        return ""
    named = (part for key, part in value.items() if key.strip("_").startswith(_IMPLEMENTATIONS))
    texts = (text for part in named for text in (part.values() if isinstance(part, dict) else [part]))
    here = next((text for text in texts if isinstance(text, str) and "/" in text), "")
    return here or next(filter(None, map(_hub_kernel, value.values())), "")
