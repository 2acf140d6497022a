"""Arrays to and from torch's tensors; BF16 as two bytes an element, BYTES as lists of text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_triton.server.hosted.bfloat16 import BFLOAT16
from turnout_triton.server.hosted.text_tensors import to_bytes, to_text


def to_torch(name: str, array: NDArray[Any]) -> Any:
    """Return ``array`` as a tensor with memory of its own, or as a list of text."""
    import torch

    if array.dtype == np.object_:
        return [str(element) for element in to_text(array, name).flat]
    # The server's memory is read-only, and a model may write into its inputs.
    own = np.array(array, order="C", copy=True)
    if own.dtype == BFLOAT16:
        return torch.from_numpy(own.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(own)


def from_torch(name: str, value: Any, *, batched: bool) -> NDArray[Any]:
    """Return a tensor, or a list of text, as an array; rank 0 as one element.

    Raises:
        TypeError: it is neither.
    """
    import torch

    if isinstance(value, list) and all(isinstance(element, str) for element in value):
        return to_bytes(np.array(value, dtype=object)).reshape((-1, 1) if batched else (-1,))
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"output {name!r} is a {type(value).__name__}; the model must return tensors, a tuple of them if several"
        )
    tensor = value.detach().contiguous()
    array: NDArray[Any] = tensor.view(torch.int16).numpy().view(BFLOAT16) if tensor.dtype == torch.bfloat16 else tensor.numpy()
    return array.reshape(1) if array.ndim == 0 else array
