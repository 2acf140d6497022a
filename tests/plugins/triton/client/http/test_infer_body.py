"""Our HTTP bodies against tritonclient's, both ways."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import InferInput, InferRequestedOutput, InferResult
from tritonclient.http._utils import _get_inference_request

from turnout_triton.client.http.infer_body import decode_response, describe_request, describe_usual
from turnout_triton.client.messages import KServeRequest, RegionSlice, RequestedOutput, TensorHead

NAMES = st.text(min_size=1, max_size=20)
SIZES = st.integers(0, 2**62)
SLICES = st.none() | st.builds(RegionSlice, NAMES, SIZES, SIZES)
HEADS = st.builds(TensorHead, NAMES, NAMES, st.lists(SIZES, max_size=5).map(tuple), SLICES)
ANSWERED = st.tuples(NAMES, st.lists(st.integers(0, 9), max_size=3), st.binary(max_size=50))
RESERVED = {"sequence_id", "sequence_start", "sequence_end", "priority", "binary_data_output"}
VALUES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | NAMES
PARAMETERS = st.dictionaries(NAMES.filter(lambda name: name not in RESERVED), VALUES, max_size=4)


def tritonclients(request: KServeRequest) -> tuple[dict, bytes]:
    """Return head and data as tritonclient writes them."""
    inputs, outputs, buffers = [], [], iter(request.buffers)
    for head in request.heads:
        tensor = InferInput(head.name, list(head.shape), head.datatype)
        if head.shared is None:
            tensor._raw_data = next(buffers)
            tensor._parameters["binary_data_size"] = len(tensor._raw_data)
        else:
            tensor.set_shared_memory(head.shared.region, head.shared.size_bytes, head.shared.offset)
        inputs.append(tensor)
    for requested in request.outputs:
        output = InferRequestedOutput(requested.name, binary_data=True)
        if requested.shared is not None:
            output.set_shared_memory(requested.shared.region, requested.shared.size_bytes, requested.shared.offset)
        outputs.append(output)
    body, length = _get_inference_request(
        inputs=inputs,
        request_id=request.id,
        outputs=outputs,
        sequence_id=0,
        sequence_start=False,
        sequence_end=False,
        priority=0,
        timeout=None,
        custom_parameters=dict(request.parameters),
    )
    length = len(body) if length is None else length
    head = json.loads(body[:length])
    for output in head.get("outputs", ()):
        if "shared_memory_region" in output["parameters"]:
            del output["parameters"]["binary_data"]  # which means nothing then
    return head, bytes(body[length:])


@given(NAMES | st.just(""), PARAMETERS, st.lists(st.tuples(HEADS, st.binary(max_size=50)), max_size=4), st.data())
def test_a_request_is_what_tritonclient_writes(id, parameters, tensors, data) -> None:
    heads = tuple(head for head, _ in tensors)
    buffers = tuple(buffer for head, buffer in tensors if head.shared is None)
    requested = tuple(data.draw(st.lists(st.builds(RequestedOutput, NAMES, SLICES), max_size=3)))
    request = KServeRequest("m", "", id, parameters, heads, buffers, requested)

    sizes = [len(buffer) for buffer in buffers]
    head = describe_request(request, sizes)

    expected, expected_rest = tritonclients(request)
    ours = json.loads(head)
    assert ours["parameters"].pop("binary_data_output") is True
    expected.get("parameters", {}).pop("binary_data_output", None)
    assert b"".join(buffers) == expected_rest
    assert ours | {"parameters": {}} == expected | {"parameters": {}}
    assert ours["parameters"] == expected.get("parameters", {})
    if not id and not parameters:
        assert json.loads(describe_usual(heads, sizes, requested)) == json.loads(head)


@given(st.text(max_size=20), st.lists(ANSWERED, max_size=4, unique_by=lambda output: output[0]))
def test_a_response_is_what_tritonclient_reads(id, outputs) -> None:
    described = [
        {"name": name, "datatype": "UINT8", "shape": shape, "parameters": {"binary_data_size": len(data)}}
        for name, shape, data in outputs
    ]
    head = json.dumps({"model_name": "m", "id": id, "outputs": described}).encode()
    body = head + b"".join(data for _, _, data in outputs)

    answer = decode_response(memoryview(body), str(len(head)), "m")
    theirs = InferResult.from_response_body(body, header_length=len(head))

    assert answer.id == theirs.get_response()["id"]
    assert [(head.name, list(head.shape)) for head in answer.heads] == [(name, shape) for name, shape, _ in outputs]
    for name, _, data in outputs:
        start = theirs._output_name_to_buffer_map[name]
        assert bytes(answer.data[name]) == bytes(theirs._buffer[start : start + len(data)]) == data
