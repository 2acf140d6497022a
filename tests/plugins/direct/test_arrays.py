from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InferenceError, InvalidTensorError
from turnout.tensors import BYTES, DTYPES, DeviceTensor
from turnout_direct.arrays import to_numpy, to_torch

CPU = torch.device("cpu")
NUMERIC = sorted(set(DTYPES) - {BYTES})
SHAPES = [(), (0,), (3, 0, 2), (1,), (2, 3, 4)]


def random_bits(datatype: str, shape: tuple[int, ...]) -> np.ndarray:
    dtype = DTYPES[datatype]
    if datatype == "BOOL":
        return np.random.default_rng(0).integers(0, 2, shape).astype(bool)
    raw = np.random.default_rng(0).integers(0, 256, int(np.prod(shape)) * dtype.itemsize, dtype=np.uint8)
    return np.frombuffer(raw.tobytes(), dtype=dtype).reshape(shape)


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def round_trip(array: np.ndarray) -> np.ndarray:
    return to_numpy("x", to_torch("x", array, CPU))


@pytest.mark.parametrize("datatype", NUMERIC)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_datatype_keeps_its_bits_in_every_shape(datatype: str, shape: tuple[int, ...]) -> None:
    array = random_bits(datatype, shape)

    assert same_bits(round_trip(array), array)


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
def test_special_floats_keep_their_bits(datatype: str) -> None:
    special = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 1e-45], dtype=DTYPES[datatype])

    assert same_bits(round_trip(special), special)


@pytest.mark.parametrize("datatype", NUMERIC)
def test_strides_and_byte_order_do_not_change_values(datatype: str) -> None:
    array = random_bits(datatype, (4, 6))
    backwards = array[::-1, ::-2]
    foreign = array if datatype == "BF16" else array.astype(array.dtype.newbyteorder(">"))

    assert same_bits(round_trip(backwards), np.ascontiguousarray(backwards))
    assert same_bits(round_trip(foreign), array)
    assert same_bits(round_trip(array.T), np.ascontiguousarray(array.T))


@given(st.sampled_from(NUMERIC), st.lists(st.integers(0, 4), max_size=4), st.data())
def test_any_view_of_any_tensor_keeps_its_bits(datatype: str, sizes: list[int], data: st.DataObject) -> None:
    array = random_bits(datatype, tuple(sizes))
    axes = data.draw(st.permutations(range(array.ndim)))
    steps = tuple(slice(None, None, data.draw(st.sampled_from([1, 2, -1, -2]))) for _ in sizes)
    view = array[steps].transpose(axes)

    assert same_bits(round_trip(view), np.array(view, order="C"))


def test_a_read_only_array_goes_in_without_a_warning_and_comes_out_writable() -> None:
    array = np.arange(3.0, dtype=np.float32)
    array.flags.writeable = False

    answer = round_trip(array)
    answer[0] = 9

    assert answer.flags.owndata or answer.base is not array
    assert array[0] == 0


def test_bytes_are_refused_with_advice() -> None:
    with pytest.raises(InvalidTensorError, match=r"'text' is BYTES.*convert text to tokens"):
        to_torch("text", np.array([b"a"], dtype=object), CPU)


def test_dtypes_outside_the_protocol_are_refused() -> None:
    with pytest.raises(InvalidTensorError, match="complex64"):
        to_torch("x", np.zeros(2, np.complex64), CPU)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2, dtype=torch.complex64),
        torch.eye(2).to_sparse(),
        torch.zeros(2).to(torch.float8_e4m3fn),
    ],
)
def test_tensors_without_a_datatype_in_the_protocol_are_refused(tensor: torch.Tensor) -> None:
    with pytest.raises(InferenceError, match=r"output 'y' is a .* which KServe v2 has no datatype for"):
        to_numpy("y", tensor)


@pytest.mark.parametrize("make", [lambda x: x[:1].expand(3, 2), lambda x: x.T, torch._neg_view, lambda x: x[1]])
def test_views_become_contiguous_arrays(make: Any) -> None:
    tensor = make(torch.arange(6.0).reshape(3, 2))

    array = to_numpy("y", tensor)
    array[...] = array

    assert array.flags.c_contiguous
    assert array.tolist() == tensor.tolist()


class OnDevice:
    """A tensor on a GPU, in host memory: CUDA's array interface and ``cpu``, as torch's tensors have them."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__cuda_array_interface__ = {"typestr": array.dtype.str, "shape": array.shape, "data": (0, True), "version": 3}

    def cpu(self) -> torch.Tensor:
        return torch.from_numpy(self.array)


def test_a_model_on_the_cpu_gets_a_copy_of_a_tensor_on_a_gpu() -> None:
    array = random_bits("FP32", (2, 3)).copy()

    tensor = to_torch("x", DeviceTensor(OnDevice(array)), CPU)

    assert same_bits(to_numpy("x", tensor), array)
    assert tensor.data_ptr() != array.ctypes.data
