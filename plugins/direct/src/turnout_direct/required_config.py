"""Keys of a checkpoint's config.json that its class needs at a request, checked when the model opens.

transformers reads such a key at the first request only, and a checkpoint of an older version may lack it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.errors import ModelLoadError
from turnout.files.limits import TOKENIZER
from turnout.files.strict_json import read_json

if TYPE_CHECKING:
    import torch

# Classes that look for the picture's placeholder in every prompt, with the key of its id.
_PLACEHOLDERS = {
    "Blip2Model": "image_token_index",
    "Blip2ForConditionalGeneration": "image_token_index",
    "InstructBlipModel": "image_token_index",
    "InstructBlipForConditionalGeneration": "image_token_index",
    "InstructBlipVideoModel": "video_token_index",
    "InstructBlipVideoForConditionalGeneration": "video_token_index",
}


def check_placeholder(module: torch.nn.Module, model: str, folder: Path | None) -> None:
    """Raise ModelLoadError if the class needs the id of the picture's placeholder, and its config has none.

    ``folder`` is the checkpoint, if it is a local folder: its tokenizer may know the id.
    """
    key = next((_PLACEHOLDERS[kind.__name__] for kind in type(module).__mro__ if kind.__name__ in _PLACEHOLDERS), None)
    if key is None or getattr(module.config, key, None) is not None:
        return
    token = f"<{key.partition('_')[0]}>"
    known = _token_id(folder, token) if folder is not None else None
    advice = (
        f"write '\"{key}\": {known}' there" if known is not None else f"write the id of {token!r} there, its tokenizer's last"
    )
    raise ModelLoadError(
        f"model {model!r}: the checkpoint's config.json has no {key!r}, which {type(module).__name__!r} needs at every "
        f"request; older versions of transformers saved none: {advice}, or take a newer revision of the checkpoint"
    )


def check_token(model: str, key: str, value: Any, vocabulary: int) -> None:
    """Raise ModelLoadError if ``value``, from ``key`` of a config, is not the id of a token."""
    if type(value) is int and 0 <= value < vocabulary:
        return
    state = "missing" if value is None else f"{value!r}, which is transformers' default for a missing key"
    raise ModelLoadError(
        f"model {model!r}: {key!r} of the checkpoint's config.json is {state}; generate() needs the id of a token, from 0 to "
        f"{vocabulary - 1}: write the tokenizer's there"
    )


def _token_id(folder: Path, token: str) -> int | None:
    try:
        added = read_json(folder / "tokenizer.json", TOKENIZER)["added_tokens"]
        return next((int(entry["id"]) for entry in added if entry["content"] == token), None)
    except (OSError, ValueError, KeyError, TypeError):
        return None
