"""Requests in JSON that are read by their form: as the whole reader reads them, or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from turnout.errors import TurnoutError
from turnout.files.limits import FileLimits
from turnout_web.kserve.json_text import parse_head
from turnout_web.kserve.plain_json import PlainRequests
from turnout_web.kserve.request_json import read_request

LIMITS = FileLimits("the request", 1 << 20, 64, 1000, infinite=True)
NUMBERS = ("0", "-0", "1", "-7", "2.5", "1e3", "1E+3", "-0.0", "1e-320", "1e39", "1e400", "-1e400", "9007199254740993")
LARGE = ("9223372036854775807", "9223372036854775808", "18446744073709551616", "1" * 400, "-" + "9" * 400, "1" * 5000)
OTHER = (
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    '"1"',
    '"]"',
    "[1]",
    "{}",
    '{"a":[1]}',
    "01",
    "1.",
    ".5",
    "+1",
    "",
    "1,1",
    "\ufeff1",
)
SPACE = st.sampled_from(("", " ", "\n\t ", "\x0b", "\u00a0"))


def _text(numbers: str, datatype: str = "FP32", shape: str = "[1, 2]", more: str = "") -> bytes:
    return f'{{"inputs": [{{"name": "x", "datatype": "{datatype}", "shape": {shape}, "data": {numbers}}}]{more}}}'.encode()


def _whole(text: bytes) -> object:
    return read_request(parse_head(text, LIMITS))


def _reader(*texts: bytes) -> PlainRequests:
    reader = PlainRequests()
    for text in texts:
        reader.note(text, _whole(text))
    return reader


def _same(found, other) -> bool:
    [(name, array)], [(other_name, expected)] = found.json_inputs.items(), other.json_inputs.items()
    return (
        name == other_name
        and found._replace(json_inputs={}) == other._replace(json_inputs={})
        and (array.dtype, array.shape) == (expected.dtype, expected.shape)
        and array.tobytes() == expected.tobytes()
    )


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "INT64"])
@given(numbers=st.lists(st.sampled_from(NUMBERS + LARGE + OTHER), min_size=1, max_size=3), space=SPACE)
@example(numbers=["-0", "1e400"], space="")
@example(numbers=["-0", "-0.0"], space="")
@example(numbers=["9223372036854775807", "9223372036854775808"], space=" ")
def test_a_request_of_a_known_form_is_read_as_any_other(datatype, numbers, space) -> None:
    reader = _reader(_text("[1, 2]", datatype))
    text = _text("[" + f"{space},{space}".join(numbers) + space + "]", datatype)

    found = reader.read(text)

    if found is not None:
        assert _same(found, _whole(text))


@pytest.mark.parametrize(
    ("datatype", "numbers"), [("FP32", "[0.1, 1e-7]"), ("FP64", "[3,1e300]"), ("INT64", "[ -9223372036854775808, 5 ]")]
)
def test_the_usual_request_is_read_by_its_form(datatype, numbers) -> None:
    text = _text(numbers, datatype)

    found = _reader(_text("[1, 2]", datatype)).read(text)

    assert found is not None
    assert _same(found, _whole(text))


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_each_number_is_read_exactly(numbers) -> None:
    found = _reader(_text("[1, 2]", "FP64")).read(_text(json.dumps(numbers), "FP64"))

    assert found is not None
    assert found.json_inputs["x"].tolist() == [numbers]


@pytest.mark.parametrize(
    "numbers", ["[1]", "[1, 2, 3]", "[NaN, 1]", "[true, 1]", '["1", 2]', "[[1, 2]]", "[1, 2", "1, 2]", "", "[1, 2]]"]
)
def test_what_has_another_form_is_left_to_the_whole_reader(numbers) -> None:
    reader = _reader(_text("[1, 2]"))

    assert reader.read(_text(numbers)) is None
    assert reader.read(_text("[1, 2]")) is not None


@pytest.mark.parametrize(
    "noted",
    [
        _text("[1, 2]", "FP16"),
        _text("[1, 2]", "INT32"),
        _text('["1", "2"]', "BYTES"),
        _text("[[1, 2]]"),
        _text("[1, 2]", more=', "id": "a"'),
        _text("[1, 2]", more=', "parameters": {"data": "[1, 2]"}'),
        _text("[1, 2]", more=', "outputs": []'),
        b'{"inputs": [{"name": "x", "datatype": "FP32", "data": [1, 2], "shape": [1, 2]}]}',
        json.dumps({"inputs": [{"name": name, "datatype": "FP32", "shape": [1], "data": [1]} for name in "[y"]}).encode(),
    ],
)
def test_a_form_in_which_the_last_list_is_not_all_data_is_not_remembered(noted) -> None:
    _whole(noted)

    assert _reader(noted).read(noted) is None


def test_what_the_request_asks_for_besides_stays() -> None:
    asked = '{"outputs": [{"name": "y"}], "parameters": {"timeout": 5000000, "user": "a"}, "inputs": '
    texts = [
        f'{asked}[{{"name": "x", "shape": [2], "datatype": "FP32", "data": {numbers}}}]}}'.encode()
        for numbers in ("[1, 2]", "[3.5, 4]")
    ]

    found = _reader(texts[0]).read(texts[1])

    assert found is not None
    assert found.json_inputs["x"].tolist() == [3.5, 4.0]
    assert ([one.name for one in found.outputs], found.timeout_seconds, dict(found.parameters)) == (["y"], 5.0, {"user": "a"})


def test_texts_that_look_like_the_end_of_the_data_change_nothing() -> None:
    name = '"data": [1, 2], \\\\" ]['
    text = json.dumps({"inputs": [{"name": name, "shape": [2], "datatype": "FP32", "data": [1, 2]}]}).encode()
    other = text.replace(b'"data": [1, 2]}', b'"data": [3, 4]}')

    found = _reader(text).read(other)

    assert found is not None
    assert found.json_inputs[name].tolist() == [3.0, 4.0]


def test_many_numbers_are_not_parsed_to_learn_that_they_are_too_many() -> None:
    reader = _reader(_text("[1, 2]"))

    assert reader.read(_text("[" + "1," * 5_000_000 + "1]")) is None


def test_the_number_of_forms_is_bounded() -> None:
    texts = [_text("[1, 2]", more=f', "parameters": {{"n": {number}}}') for number in range(600)]
    reader = _reader(*texts)

    assert sum(reader.read(text) is not None for text in texts) == 512
    with pytest.raises(TurnoutError):
        _whole(_text("[1]"))
    assert np.array_equal(reader.read(texts[0]).json_inputs["x"], [[1, 2]])
