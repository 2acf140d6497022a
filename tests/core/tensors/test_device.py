"""Tensors on a GPU, through CUDA's array interface over host memory: these tests need no GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from turnout.errors import BackendUnavailableError, InvalidTensorError
from turnout.inference import InferenceRequest, InferenceResponse, ModelSignature, request_of
from turnout.middleware.tensor_check import TensorCheck
from turnout.tensors import DeviceTensor, TensorSpec, describe, device_tensor_of
from turnout.testing import PlusOne

X = np.arange(6, dtype=np.float32).reshape(2, 3)


class OnDevice:
    """An object with CUDA's array interface, as CuPy arrays and torch tensors have it."""

    def __init__(self, array: np.ndarray, index: int = 0) -> None:
        self._array = array
        self.device = SimpleNamespace(index=index)
        self.__cuda_array_interface__ = {"typestr": array.dtype.str, "shape": array.shape, "data": (0, True), "version": 3}

    def cpu(self) -> Any:
        return SimpleNamespace(numpy=lambda: self._array)


class Unreadable:
    @property
    def __cuda_array_interface__(self) -> Any:
        raise TypeError("bfloat16 is not supported")


def _check(*, device_tensors: bool) -> TensorCheck:
    signature = ModelSignature((TensorSpec("x", "FP32", (-1, 3)),))
    return TensorCheck(PlusOne(), "m", signature, device_tensors=device_tensors)


def test_has_the_attributes_of_its_array() -> None:
    tensor = device_tensor_of(OnDevice(X, index=1), "x")

    assert isinstance(tensor, DeviceTensor)
    assert (tensor.dtype, tensor.shape, tensor.ndim, tensor.nbytes, tensor.device) == (X.dtype, (2, 3), 2, 24, 1)
    assert describe(tensor) == "FP32 [2, 3]"
    assert np.array_equal(tensor.on_host(), X)


def test_an_array_in_host_memory_is_no_device_tensor() -> None:
    assert device_tensor_of(X, "x") is None


def test_one_that_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(InvalidTensorError, match="tensor 'x' on a GPU cannot be read: bfloat16 is not supported"):
        request_of({"x": Unreadable()})


def test_a_backend_without_device_tensors_gets_an_array() -> None:
    check = _check(device_tensors=False)

    answer = check.infer(request_of({"x": OnDevice(X)}))

    assert np.array_equal(answer["x"], X + 1)


def test_a_backend_with_device_tensors_gets_it_without_a_copy() -> None:
    seen = []
    check = _check(device_tensors=True)
    check._infer = seen.append

    check.infer(request_of({"x": OnDevice(X)}))

    assert isinstance(seen[0].inputs["x"], DeviceTensor)


def test_it_is_checked_like_an_array() -> None:
    check = _check(device_tensors=True)

    with pytest.raises(InvalidTensorError, match=r"tensor 'x' must be FP32 \[-1, 3\], got FP64 \[2, 3\]"):
        check.infer(request_of({"x": OnDevice(X.astype(np.float64))}))


def test_a_model_that_opens_after_its_check_gets_arrays_too() -> None:
    seen: list[Any] = []

    class OpensLate(PlusOne):
        def open(self, deadline: float | None = None) -> None:
            raise BackendUnavailableError("not yet")

        def infer(self, request: InferenceRequest) -> InferenceResponse:
            seen.append(request)
            return super().infer(request)

    TensorCheck(OpensLate(), "m").infer(request_of({"x": OnDevice(X)}))

    assert isinstance(seen[0].inputs["x"], np.ndarray)


def test_a_tensor_that_cannot_be_copied_is_a_refused_request() -> None:
    class Lost(OnDevice):
        def cpu(self) -> Any:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    refused: list[object] = []
    signature = ModelSignature((TensorSpec("x", "FP32", (-1, 3)),))
    check = TensorCheck(PlusOne(), "m", signature, on_refusal=refused.append)

    with pytest.raises(
        InvalidTensorError, match=r"tensor 'x' cannot be copied from the GPU: RuntimeError: CUDA error"
    ) as caught:
        check.infer(request_of({"x": Lost(X)}))

    assert refused == [caught.value]
