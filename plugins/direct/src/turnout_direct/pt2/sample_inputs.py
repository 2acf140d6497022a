"""The sample inputs in a ``.pt2`` file, of which torch needs the structure and the shapes.

torch 2.13 unpickles them without limits, and writes their keys into the source of the function that checks inputs.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from turnout_direct.pt2.refusal import Pt2RefusedError, quoted

_DEEPEST = 20


def read_sample_inputs(content: bytes) -> bytes:
    """Return sample inputs, written again: containers of tensors, numbers and words, with other values in the tensors.

    Raises:
        Pt2RefusedError: they are a pickle of something else.
    """
    import torch

    if not content:
        return content
    try:
        samples = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise Pt2RefusedError("its sample inputs are a pickle of more than tensors") from error
    written = io.BytesIO()
    torch.save(_plain(samples, 0), written)
    return written.getvalue()


def _plain(value: Any, depth: int) -> Any:
    import torch

    if type(value) is torch.Tensor and value.layout is torch.strided:
        # One element in memory, whatever the shape.
        return torch.zeros((), dtype=value.dtype).expand(value.shape)
    if depth < _DEEPEST and type(value) in (tuple, list):
        return type(value)(_plain(one, depth + 1) for one in value)
    if depth < _DEEPEST and type(value) is dict and all(isinstance(key, str) and key.isidentifier() for key in value):
        return {key: _plain(one, depth + 1) for key, one in value.items()}
    if value is None or type(value) in (bool, int, float) or is_plain_word(value):
        return value
    raise Pt2RefusedError(
        f"the sample input {quoted(value)} is neither a tensor, nor a number, a word, or a container with names as keys"
    )


def is_plain_word(value: Any) -> bool:
    """Return whether ``value`` is a text that torch may write between quotes (2.13 does not escape it)."""
    return (
        type(value) is str and len(value) <= 200 and all(part.isidentifier() or part.isdecimal() for part in value.split("-"))
    )
