"""Our ModelInfer messages against tritonclient's protobuf classes, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from turnout.errors import InvalidRequestError
from turnout_triton.client.grpc import infer_message
from turnout_triton.client.grpc.infer_message import decode_response, encode_request
from turnout_triton.client.messages import KServeRequest, RegionSlice, RequestedOutput, TensorHead

SIZES = st.integers(0, 2**62)
NAMES = st.text(max_size=20)
SLICES = st.none() | st.builds(RegionSlice, NAMES, SIZES, SIZES)
HEADS = st.builds(TensorHead, NAMES, NAMES, st.lists(SIZES, max_size=5).map(tuple), SLICES)
VALUES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | NAMES
PARAMETERS = st.dictionaries(NAMES.filter(lambda name: name != "priority"), VALUES, max_size=4)
DATA = st.lists(st.binary(max_size=300) | st.integers(120, 140).map(bytes) | st.just(bytes(20_000)), max_size=4)


def value_of(parameter: service_pb2.InferParameter) -> object:
    return getattr(parameter, parameter.WhichOneof("parameter_choice"))


def slice_in(parameters) -> RegionSlice | None:
    values = {name: value_of(parameter) for name, parameter in parameters.items()}
    if not values:
        return None
    offset = values.get("shared_memory_offset", 0)
    return RegionSlice(values["shared_memory_region"], values["shared_memory_byte_size"], offset)


@given(
    st.tuples(NAMES, NAMES, NAMES),
    PARAMETERS,
    st.lists(HEADS, max_size=4),
    DATA,
    st.lists(st.tuples(NAMES, SLICES), max_size=3),
)
def test_protobuf_reads_what_we_write(texts, parameters, heads, data, requested) -> None:
    outputs = tuple(RequestedOutput(*output) for output in requested)

    message = service_pb2.ModelInferRequest.FromString(
        encode_request(KServeRequest(*texts, parameters, tuple(heads), tuple(data), outputs))
    )

    assert (message.model_name, message.model_version, message.id) == texts
    assert {name: value_of(parameter) for name, parameter in message.parameters.items()} == parameters
    assert [
        TensorHead(tensor.name, tensor.datatype, tuple(tensor.shape), slice_in(tensor.parameters)) for tensor in message.inputs
    ] == heads
    assert [(output.name, slice_in(output.parameters)) for output in message.outputs] == requested
    assert list(message.raw_input_contents) == data


@given(NAMES, PARAMETERS, st.lists(st.tuples(NAMES, NAMES, st.lists(SIZES, max_size=5), st.binary(max_size=300)), max_size=4))
def test_we_read_what_protobuf_writes(id, parameters, outputs) -> None:
    message = service_pb2.ModelInferResponse(model_name="m", model_version="1", id=id)
    for name, datatype, shape, data in outputs:
        message.outputs.add(name=name, datatype=datatype, shape=shape)
        message.raw_output_contents.append(data)
    for name, value in parameters.items():
        kind = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}[type(value)]
        setattr(message.parameters[name], kind, value)

    answer = decode_response(message.SerializeToString(), "m")

    assert (answer.id, dict(answer.parameters)) == (id, parameters)
    assert list(answer.heads) == [TensorHead(name, datatype, tuple(shape)) for name, datatype, shape, _ in outputs]
    assert {name: bytes(data) for name, data in answer.data.items()} == {name: data for name, _, _, data in outputs}


def test_the_priority_is_unsigned_as_triton_wants_it() -> None:
    message = service_pb2.ModelInferRequest.FromString(encode_request(KServeRequest("m", "", "", {"priority": 7}, (), ())))

    assert message.parameters["priority"].WhichOneof("parameter_choice") == "uint64_param"


def test_more_than_grpc_carries_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(infer_message, "_MAX_MESSAGE_BYTES", 1000)
    head = TensorHead("x", "UINT8", (990,))

    with pytest.raises(InvalidRequestError, match="over 2 GiB, which gRPC does not carry; split it"):
        encode_request(KServeRequest("m", "", "", {}, (head,), (bytes(990),)))

    assert encode_request(KServeRequest("m", "", "", {}, (head,), (bytes(900),)))


def _message(name: str, data: bytes, id: str = "", version: str = "1") -> service_pb2.ModelInferResponse:
    message = service_pb2.ModelInferResponse(model_name="m", model_version=version, id=id)
    message.outputs.add(name=name, datatype="UINT8", shape=[len(data)])
    message.raw_output_contents.append(data)
    return message


@given(st.lists(st.tuples(st.sampled_from(["y", "z", "yy"]), st.binary(max_size=4), st.sampled_from(["", "a"])), min_size=2))
def test_responses_of_one_length_are_not_confused(responses) -> None:
    for name, data, id in responses * 2:
        read = decode_response(_message(name, data, id).SerializeToString(), "m")

        assert (read.id, read.heads[0].name, bytes(read.data[name])) == (id, name, data)


@given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_a_head_behind_the_data_is_decoded_each_time(first, second) -> None:
    for data in (first, second, first):
        message = _message("y", data)
        raw = service_pb2.ModelInferResponse(raw_output_contents=message.raw_output_contents)
        message.ClearField("raw_output_contents")
        for written in (raw.SerializeToString() + message.SerializeToString(), _message("y", data).SerializeToString()):
            assert bytes(decode_response(written, "m").data["y"]) == data
