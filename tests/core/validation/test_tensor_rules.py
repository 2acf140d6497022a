from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from turnout.errors import InvalidTensorError
from turnout.inference import ModelSignature
from turnout.tensors import TensorSpec
from turnout.validation.tensor_rules import TensorRules


def _rules(datatype: str, *, text_only: bool = False, largest: int = 0) -> TensorRules:
    return TensorRules(ModelSignature((TensorSpec("x", datatype, (-1,)),), text_only=text_only), "m", largest)


def _plain(rules: TensorRules, **inputs: Any) -> Any:
    return rules.plain(inputs, device_tensors=False)


def _objects(*elements: object) -> Any:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def test_plain_inputs_are_passed_on_as_they_are() -> None:
    inputs = {"x": np.ones(2, np.float32)}

    assert _rules("FP32").plain(inputs, device_tensors=False) is inputs


@pytest.mark.parametrize("byte", [2, 3, 128, 255])
@pytest.mark.parametrize("step", [1, 2, -1])
@pytest.mark.parametrize("rules", [_rules("BOOL"), TensorRules(ModelSignature(), "m", 0)], ids=["declared", "unknown"])
def test_a_bool_of_another_byte_is_refused(byte: int, step: int, rules: TensorRules) -> None:
    array = np.array([byte, 0, 1, 0, byte], np.uint8).view(bool)[::step]

    with pytest.raises(InvalidTensorError, match="tensor 'x' BOOL has a byte that is neither 0 nor 1; pass") as caught:
        _plain(rules, x=array)

    assert caught.value.field == "x"
    assert _plain(rules, x=array.view("u1") != 0)["x"].tolist().count(True) >= 2


@pytest.mark.parametrize("size", [0, 1, 7])
def test_good_bools_of_every_size_pass(size: int) -> None:
    assert _plain(_rules("BOOL"), x=np.ones(size, bool))["x"].size == size


BROKEN = [b"\xff", "\u20ac".encode()[:2], b"\xc0\x80", b"\xed\xa0\x80", b"caf\xe9"]


@pytest.mark.parametrize("element", BROKEN)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_bytes_that_are_no_text_are_refused_where_the_model_takes_text(element: bytes, place: int) -> None:
    elements = [b"a", b"b"]
    elements.insert(place, element)

    with pytest.raises(InvalidTensorError, match=f"element {place} is not UTF-8") as caught:
        _plain(_rules("BYTES", text_only=True), x=_objects(*elements))

    assert caught.value.field == "x"
    assert _plain(_rules("BYTES"), x=_objects(*elements))["x"][place] == element


def test_halves_of_a_character_in_two_elements_are_no_text() -> None:
    with pytest.raises(InvalidTensorError, match="element 0 is not UTF-8"):
        _plain(_rules("BYTES", text_only=True), x=_objects("\u20ac".encode()[:1], "\u20ac".encode()[1:]))


def test_texts_become_bytes() -> None:
    plain = _plain(_rules("BYTES", text_only=True), x=_objects("\u20ac", b"b", bytearray(b"c")))

    assert [(type(element), element) for element in plain["x"]] == [(bytes, "\u20ac".encode()), (bytes, b"b"), (bytes, b"c")]


@pytest.mark.parametrize(
    "array",
    [
        np.ones(4, ">f4"),
        np.ones(4, np.float32).view(np.memmap),
        np.ma.masked_array(np.ones(4, np.float32)),
    ],
)
def test_arrays_of_every_kind_become_plain_ones(array: Any) -> None:
    plain = _plain(_rules("FP32"), x=array)["x"]

    assert (type(plain), plain.dtype, plain.tolist()) == (np.ndarray, np.dtype("=f4"), [1, 1, 1, 1])


NAMED = TensorRules(ModelSignature(input_names=("x",), optional_names=("y",)), "m", 0)


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        (("z",), "z", r"model 'm' has no input 'z'; it takes: x, y\..* To call it so, declare .*: inputs: \{z: 'FP32\[2\]'\}"),
        (("x", "z"), "z", "model 'm' has no input 'z'"),
        (("y",), "x", "model 'm' needs input 'x'; got: y"),
        ((), "x", "model 'm' needs input 'x'; got: nothing"),
    ],
)
def test_names_alone_are_checked_too(given: tuple[str, ...], field: str, message: str) -> None:
    with pytest.raises(InvalidTensorError, match=message) as caught:
        _plain(NAMED, **dict.fromkeys(given, np.ones(2, np.float32)))

    assert caught.value.field == field


def test_good_names_pass() -> None:
    assert list(_plain(NAMED, x=np.ones(2), y=np.ones(3))) == ["x", "y"]


def test_the_field_of_a_wrong_batch_is_the_input_that_differs() -> None:
    rules = TensorRules(ModelSignature((TensorSpec("a", "FP32", (-1,)), TensorSpec("b", "FP32", (-1,)))), "m", 4)

    with pytest.raises(InvalidTensorError) as caught:
        _plain(rules, a=np.ones(2, np.float32), b=np.ones(3, np.float32))

    assert caught.value.field == "b"


class Twin(str):
    """Text with the hash of a ``str`` and an equality that raises."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise KeyError("raised by the caller's name")


def test_a_name_with_an_equality_of_its_own_is_not_compared() -> None:
    rules = TensorRules(ModelSignature((TensorSpec("x", "FP32", (-1, 3)),)), "m", 0)
    inputs = {Twin("x"): np.ones((1, 3), np.float32)}

    plain = rules.plain(inputs, device_tensors=False)

    assert [(type(name), name) for name in plain] == [(str, "x")]
