"""The form of a step's input for callers outside of Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class StepInput:
    """The form in which a caller who sends bytes, such as one over HTTP, gives an input of a step.

    A server passes a value on in this form only. So a step whose Python callers may give the path of a file never gets the path
    from a stranger.

    Attributes:
        kind: ``file``, which arrives as bytes or as an array; ``text``; or ``json``, any other value of JSON but a text.
        description: one sentence for the caller.
        media_type: of a file, such as ``image/*``.
        schema: the JSON schema of a value of kind ``json``; empty if it may be any.
        count_pixels: returns how many pixels a picture file declares, without decoding it, for a limit that is checked before
            a run; raises InvalidInputError. None for a file that is no picture.
    """

    kind: Literal["file", "text", "json"]
    description: str = ""
    media_type: str = "application/octet-stream"
    schema: Mapping[str, Any] = field(default_factory=dict)
    count_pixels: Callable[[bytes], int] | None = None
