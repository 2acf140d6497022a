"""tritonclient.http, unchanged, against this server."""

from __future__ import annotations

from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
from tests.plugins.web.kserve.running import Running
from tritonclient.utils import InferenceServerException

from turnout.tensors import DTYPES


@pytest.fixture
def client(ours: Running) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(ours.address, concurrency=4) as found:
        yield found


def given(name: str, array: np.ndarray, datatype: str, *, binary: bool = True) -> triton.InferInput:
    made = triton.InferInput(name, array.shape, datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def values(datatype: str, shape: tuple[int, ...] = (1, 3)) -> np.ndarray:
    size = int(np.prod(shape))
    if datatype == "BYTES":
        return np.array([f"text {index}é".encode() for index in range(size)], dtype=object).reshape(shape)
    return (np.arange(size) % 2).reshape(shape).astype(DTYPES[datatype])


def all_inputs(shape: tuple[int, ...] = (1, 3), *, json: bool = False) -> list[triton.InferInput]:
    return [
        given(f"x_{one}", values(one, shape), one, binary=not json or one in ("FP16", "BF16"))
        for one in DTYPES
        if one != "BF16"
    ]


@pytest.mark.parametrize("shape", [(1, 3), (4, 100), (2, 0)])
def test_every_datatype_comes_back(client, shape) -> None:
    answer = client.infer("datatypes", all_inputs(shape))

    for datatype in DTYPES.keys() - {"BF16"}:
        found = answer.as_numpy(f"y_{datatype}")
        assert found.dtype == values(datatype, shape).dtype
        assert np.array_equal(found, values(datatype, shape)), datatype


def test_every_datatype_comes_back_from_json_to_json(client) -> None:
    names = [f"y_{datatype}" for datatype in DTYPES if datatype not in ("FP16", "BF16")]
    wanted = [triton.InferRequestedOutput(name, binary_data=False) for name in names]

    answer = client.infer("datatypes", all_inputs(json=True), outputs=wanted)

    for name in names:
        expected = values(name.removeprefix("y_"))
        found = answer.as_numpy(name)
        # The client itself leaves texts as str.
        found = np.array([one.encode() for one in found.ravel()], object).reshape(found.shape) if name == "y_BYTES" else found
        assert np.array_equal(found, expected), name


def test_bfloat16_comes_back(client) -> None:
    array = np.array([[1.0, -2.5, 3.0]], ml_dtypes.bfloat16)

    answer = client.infer("bfloat16", [given("x_BF16", array, "BF16")])

    assert np.array_equal(answer.as_numpy("y_BF16").astype(np.float32), array.astype(np.float32))


def test_asynchronous_requests_get_their_own_answers(client) -> None:
    asked = [client.async_infer("identity", [given("x", np.full((1, 4), number, np.float32), "FP32")]) for number in range(50)]

    assert [one.get_result().as_numpy("y")[0, 0] for one in asked] == list(range(50))


def test_a_large_tensor_comes_back(client) -> None:
    array = np.random.default_rng(0).standard_normal((8, 500_000)).astype(np.float32)

    assert np.array_equal(client.infer("identity", [given("x", array, "FP32")]).as_numpy("y"), array)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_packed_bodies_both_ways(client, algorithm) -> None:
    array = np.zeros((8, 5000), np.float32)

    answer = client.infer(
        "identity",
        [given("x", array, "FP32")],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )

    assert np.array_equal(answer.as_numpy("y"), array)


def test_id_parameters_and_a_timeout_are_accepted(client) -> None:
    answer = client.infer(
        "identity",
        [given("x", np.ones((1, 2), np.float32), "FP32")],
        request_id="r-1",
        parameters={"more": "x"},
        timeout=60_000_000,
        priority=1,
    )

    assert answer.get_response()["id"] == "r-1"


def test_classes_of_an_output(client) -> None:
    wanted = [triton.InferRequestedOutput("y", class_count=2)]

    answer = client.infer("identity", [given("x", np.array([[1, 7, 3]], np.float32), "FP32")], outputs=wanted)

    assert answer.as_numpy("y").tolist() == [[b"7.000000:1", b"3.000000:2"]]


def test_the_server_and_its_models_describe_themselves(client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("identity")
    assert not client.is_model_ready("nothing")
    assert not client.is_model_ready("identity", "9")
    assert client.get_server_metadata()["name"] == "turnout"
    assert client.get_model_metadata("identity")["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, -1]}]
    assert client.get_model_config("identity", "1")["max_batch_size"] == 8
    assert {"name": "identity", "version": "1", "state": "READY", "reason": ""} in client.get_model_repository_index()


def test_statistics_count_each_request(client) -> None:
    def counted() -> dict:
        [found] = client.get_inference_statistics("identity")["model_stats"]
        return found["inference_stats"]

    before = counted()
    for _ in range(3):
        client.infer("identity", [given("x", np.ones((1, 2), np.float32), "FP32")])
    with pytest.raises(InferenceServerException):
        client.infer("identity", [given("x", np.ones((9, 2), np.float32), "FP32")])

    after = counted()
    assert after["success"]["count"] == before["success"]["count"] + 3
    assert after["compute_infer"]["count"] == before["compute_infer"]["count"] + 3
    assert after["compute_infer"]["ns"] > before["compute_infer"]["ns"]
    assert after["fail"]["count"] == before["fail"]["count"] + 1
    assert len(client.get_inference_statistics()["model_stats"]) == 5


def test_model_control_is_refused(client) -> None:
    for call in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="not allowed here"):
            call("identity")


@pytest.mark.parametrize(
    ("model", "array", "reason"),
    [
        ("identity", np.ones((1, 2), np.int32), "must be FP32"),
        ("identity", np.ones((9, 2), np.float32), "over max_batch_size 8"),
        ("nothing", np.ones((1, 2), np.float32), "unknown model 'nothing'"),
    ],
)
def test_the_client_reads_the_reason_of_a_refusal(client, model, array, reason) -> None:
    datatype = "INT32" if array.dtype == np.int32 else "FP32"

    with pytest.raises(InferenceServerException, match=reason):
        client.infer(model, [given("x", array, datatype)])

    assert client.infer("identity", [given("x", np.ones((1, 1), np.float32), "FP32")]).as_numpy("y").tolist() == [[1.0]]
