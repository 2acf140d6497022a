"""Arrays to torch's tensors and back, bit for bit.

Both ways copy on the CPU. A module may write into what it is given, and may return what it keeps: weights, caches, its own
input. Nothing in torch tells this before it has happened, and both would break the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError, InvalidTensorError
from turnout.tensors import BYTES, datatype_of, dtype_of

if TYPE_CHECKING:
    import torch


def to_torch(name: str, array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Return ``array`` as a new tensor on ``device``; ``array`` may be read-only, strided or big-endian, and is not written to.

    Raises:
        InvalidTensorError: torch has no such tensors: BYTES, or a dtype outside of KServe v2.
    """
    import torch

    datatype = datatype_of(array.dtype)
    if datatype == BYTES:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES, which torch has no tensors for; turn text into tokens before the call"
        )
    if device.type == "cpu" or not _readable(array):
        array = np.array(array, dtype=dtype_of(datatype), order="C", copy=True)
    if datatype == "BF16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(array).to(device)


def to_numpy(name: str, tensor: torch.Tensor) -> NDArray[Any]:
    """Return a new, writable array with the values of ``tensor``.

    Raises:
        InferenceError: numpy and KServe v2 have no such tensors: complex, quantized, sparse, 8-bit floats.
    """
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or "float8" in str(tensor.dtype):
        raise InferenceError(
            f"output {name!r} is a {tensor.layout} tensor of {tensor.dtype}, which KServe v2 has no datatype for; "
            "convert it in the module, or leave it out with 'returns'"
        )
    values = tensor.detach()
    own = values.cpu().contiguous() if values.device.type != "cpu" else values.clone(memory_format=torch.contiguous_format)
    own = own.resolve_neg()
    if own.dtype == torch.bfloat16:
        return _array(own.view(torch.int16)).view(ml_dtypes.bfloat16)
    return _array(own)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.numpy()
    return array


def _readable(array: NDArray[Any]) -> bool:
    """Tell whether torch can read ``array`` where it lies, without a warning."""
    return bool(array.flags.c_contiguous and array.flags.writeable and array.dtype.isnative)
