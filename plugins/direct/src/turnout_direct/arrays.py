"""Conversion between numpy arrays, tensors on a GPU and torch tensors, bit for bit.

Every direction copies. A module may write to its inputs, and may return tensors that it keeps: weights, caches, its
own input. torch cannot report this in advance, and both would break the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError, InvalidTensorError
from turnout.tensors import BYTES, DeviceTensor, datatype_of, dtype_of

if TYPE_CHECKING:
    import torch


def to_torch(name: str, array: NDArray[Any] | DeviceTensor, device: torch.device) -> torch.Tensor:
    """Return ``array`` as a new tensor on ``device``; ``array`` may be read-only, strided or big-endian, and is not changed.

    A tensor on a GPU reaches a model on a GPU without the host; a model elsewhere gets a copy through the host.

    Raises:
        InvalidTensorError: torch has no tensors of this type: BYTES, or a dtype that KServe v2 does not have.
    """
    import torch

    if isinstance(array, DeviceTensor):
        if device.type == "cuda":
            return _copy_on_gpu(array, device)
        array = array.on_host()
    datatype = datatype_of(array.dtype)
    if datatype == BYTES:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES, which torch has no tensors for; convert text to tokens before the call",
            field=name,
        )
    if device.type == "cpu" or not _is_readable(array):
        array = np.array(array, dtype=dtype_of(datatype), order="C", copy=True)
    # torch cannot read numpy's bfloat16, so pass its bits as integers.
    if datatype == "BF16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(array).to(device)


def to_numpy(name: str, tensor: torch.Tensor) -> NDArray[Any]:
    """Return a new, writable array with the values of ``tensor``.

    Raises:
        InferenceError: KServe v2 has no datatype for it: complex, quantized, sparse, 8-bit floats.
    """
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or "float8" in str(tensor.dtype):
        raise InferenceError(
            f"output {name!r} is a {tensor.layout} tensor of {tensor.dtype}, which KServe v2 has no datatype for; "
            "convert it in the module, or exclude it with 'returns'"
        )
    values = tensor.detach()
    own = values.cpu().contiguous() if values.device.type != "cpu" else values.clone(memory_format=torch.contiguous_format)
    # numpy cannot read a tensor that torch negates lazily.
    own = own.resolve_neg()
    if own.dtype == torch.bfloat16:
        return _array(own.view(torch.int16)).view(ml_dtypes.bfloat16)
    return _array(own)


def _copy_on_gpu(tensor: DeviceTensor, device: torch.device) -> torch.Tensor:
    import torch

    place = torch.device("cuda", tensor.device)
    source = tensor.source if isinstance(tensor.source, torch.Tensor) else torch.as_tensor(tensor.source, device=place)
    # The caller may have filled it on a stream of its own, which this thread's stream does not wait for.
    torch.cuda.synchronize(place)
    return source.detach().to(device, copy=True)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.numpy()
    return array


def _is_readable(array: NDArray[Any]) -> bool:
    # torch.from_numpy warns about a read-only array, and accepts only native byte order.
    return bool(array.flags.c_contiguous and array.flags.writeable and array.dtype.isnative)
