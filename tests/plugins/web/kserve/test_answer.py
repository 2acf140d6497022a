"""Answers: the known form of one is the form of the first, with its own values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from turnout import InferenceResponse
from turnout.tensors import DTYPES
from turnout_web.kserve.answer import Answer, AnswerWriter
from turnout_web.kserve.json_data import list_of
from turnout_web.kserve.request_json import read_request

JSON = read_request({"inputs": []})
BINARY = read_request({"inputs": [], "parameters": {"binary_data_output": True}})
NAMES = st.text(min_size=1, max_size=10) | st.sampled_from(['"data":[]', '"data":', "\\", '","data":[],"'])
ARRAYS = st.sampled_from([dtype for name, dtype in DTYPES.items() if name not in ("BYTES", "BF16")]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)


def whole(answer: Answer) -> bytes:
    found = b"".join(answer.parts)
    assert len(found) == answer.size
    return found


@given(st.dictionaries(NAMES, ARRAYS, max_size=3), st.sampled_from(["", "1", "12"]))
def test_the_known_form_of_an_answer_reads_as_the_first(outputs, version) -> None:
    writer, response = AnswerWriter('a "model"', lambda: False), InferenceResponse(outputs, model_version=version)

    for requested in (JSON, BINARY):
        first, second = (writer.write(response, requested) for _ in range(2))
        assert repr(json.loads(whole(first)[: first.header_bytes])) == repr(json.loads(whole(second)[: second.header_bytes]))
        assert whole(first)[first.header_bytes or first.size :] == whole(second)[second.header_bytes or second.size :]
        described = json.loads(whole(second)[: second.header_bytes])["outputs"]
        assert [one["name"] for one in described] == list(outputs)
        if requested is JSON:
            assert repr([one["data"] for one in described]) == repr(
                [json.loads(json.dumps(list_of(one, "y"))) for one in outputs.values()]
            )


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_numbers_that_python_writes_otherwise_than_json(datatype) -> None:
    writer = AnswerWriter("m", lambda: False)
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-310, 1e300 if datatype == "FP64" else 1e38], DTYPES[datatype])

    for _ in range(2):
        answer = writer.write(InferenceResponse({"y": array}), JSON)

    assert b"[NaN, Infinity, -Infinity, -0.0, " in whole(answer)
    assert np.array_equal(np.array(json.loads(whole(answer))["outputs"][0]["data"], array.dtype), array, equal_nan=True)
