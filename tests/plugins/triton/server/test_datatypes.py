"""The datatypes through our backends, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput

from turnout.tensors import DTYPES, to_binary

TEXTS = np.array([[b"", b"a\0b"], ["ü".encode(), b"\n"]], dtype=object)


def sample(datatype: str) -> np.ndarray:
    if datatype == "BYTES":
        return TEXTS
    dtype = DTYPES[datatype]
    if datatype == "BOOL":
        return np.array([[True, False], [False, True]])
    if np.issubdtype(dtype, np.integer):
        return np.array([[np.iinfo(dtype).min, np.iinfo(dtype).max], [0, 1]], dtype=dtype)
    return np.array([[np.nan, -0.0], [np.inf, 1.5]], dtype=dtype)


def carry(url: str, arrays: dict[str, np.ndarray]) -> dict[str, tuple[list[int], bytes]]:
    """Return shape and raw bytes of the outputs, by the names of the inputs."""
    model = "bfloat16" if "x_BF16" in arrays else "datatypes"
    with InferenceServerClient(url) as client:
        response = client.infer(model, [as_input(name, array) for name, array in arrays.items()], client_timeout=20)
    outputs = response.get_response()
    return {
        output.name.replace("y_", "x_"): (list(output.shape), raw)
        for output, raw in zip(outputs.outputs, outputs.raw_output_contents, strict=True)
    }


def raw(arrays: dict[str, np.ndarray]) -> dict[str, tuple[list[int], bytes]]:
    return {name: (list(array.shape), to_binary(array)) for name, array in arrays.items()}


def as_input(name: str, array: np.ndarray) -> InferInput:
    made = InferInput(name, list(array.shape), name.removeprefix("x_"))
    made._raw_content = to_binary(array)
    return made


BF16 = {"x_BF16": sample("BF16")}
OTHERS = {f"x_{datatype}": sample(datatype) for datatype in DTYPES if datatype != "BF16"}


@pytest.mark.parametrize("arrays", [BF16, OTHERS], ids=["bf16", "others"])
def test_every_datatype_comes_back_bit_for_bit(server, arrays) -> None:
    assert carry(server.grpc_url, arrays) == raw(arrays)


@pytest.mark.parametrize("shape", [(0, 2), (2, 0), (0, 0)], ids=str)
def test_tensors_without_elements_keep_their_shape(server, shape) -> None:
    empty = {name: np.empty(shape, dtype=array.dtype) for name, array in OTHERS.items()}

    assert carry(server.grpc_url, empty) == raw(empty)
    assert carry(server.grpc_url, OTHERS) == raw(OTHERS)


@pytest.mark.parametrize("shape", [(1, 0), (8, 0)], ids=str)
def test_a_batch_of_rows_without_elements_keeps_its_shape(server, shape) -> None:
    empty = {"x_BF16": np.empty(shape, dtype=DTYPES["BF16"])}

    assert carry(server.grpc_url, empty) == raw(empty)
    assert carry(server.grpc_url, BF16) == raw(BF16)


def test_a_scalar_is_carried_as_one_element(server) -> None:
    with InferenceServerClient(server.grpc_url) as client:
        given = InferInput("x", [1], "FP32").set_data_from_numpy(np.array([1.5], dtype=np.float32))
        response = client.infer("rank0", [given])

    assert response.as_numpy("y").tolist() == [3.0]
