from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from tests.odd_text import OddText

from turnout.errors import InvalidTensorError
from turnout.inference import request_of
from turnout.tensors.given import named_values, tensor_of

X = np.ones(2, np.float32)


class Raises(Mapping):  # type: ignore[type-arg]
    def __getitem__(self, name: str) -> Any:
        raise KeyError("own")

    def __iter__(self) -> Any:
        return iter(["x"])

    def __len__(self) -> int:
        raise OSError("own")


class Hostile:
    def __init__(self, attribute: str, error: type[Exception]) -> None:
        self._attribute, self._error = attribute, error

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "_attribute"):
            raise object.__getattribute__(self, "_error")("own")
        return object.__getattribute__(self, name)


@pytest.mark.parametrize("inputs", [None, 5, "x", [("x", X)], Raises(), {5: X}, {None: X}, {"x": X, 5: X}])
def test_inputs_that_are_no_mapping_of_text_are_refused(inputs: Any) -> None:
    with pytest.raises(InvalidTensorError) as caught:
        request_of(inputs)

    assert caught.value.field == "inputs"


def test_a_foreign_class_that_raises_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match="inputs of type Hostile cannot be read: 'own'"):
        request_of(Hostile("__class__", KeyError))


def test_names_are_exactly_text() -> None:
    values = named_values(MappingProxyType({np.str_("x"): 1, OddText("y"): 2}))

    assert values == {"x": 1, "y": 2}
    assert {type(name) for name in values} == {str}


def test_two_names_that_are_one_text_are_refused() -> None:
    with pytest.raises(InvalidTensorError, match="two inputs have the name 'x'; give each name once"):
        named_values({"x": X, OddText("x"): X})


@pytest.mark.parametrize("error", [TypeError, KeyError, ValueError, OSError, RecursionError, MemoryError])
@pytest.mark.parametrize("attribute", ["__cuda_array_interface__", "__array_interface__", "__array__", "__class__"])
def test_whatever_a_value_raises_names_its_input(attribute: str, error: type[Exception]) -> None:
    with pytest.raises(InvalidTensorError) as caught:
        tensor_of(Hostile(attribute, error), "x")

    assert caught.value.field == "x"


@pytest.mark.parametrize(
    ("value", "expected"),
    [([b"a\0", b"b"], [b"a\0", b"b"]), (b"a\0\0", b"a\0\0"), (["a\0"], [b"a\0"]), ([["a"], [b"b"]], [[b"a"], [b"b"]])],
)
def test_texts_in_lists_keep_every_byte(value: Any, expected: object) -> None:
    assert tensor_of(value, "x").tolist() == expected


def test_a_number_among_texts_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match="element 1 is int"):
        tensor_of(["a", 1], "x")


def test_masked_elements_are_refused_and_an_empty_mask_is_not() -> None:
    with pytest.raises(InvalidTensorError, match=r"tensor 'x' is a masked array with masked elements.*filled\(\)"):
        tensor_of(np.ma.masked_array(X, [True, False]), "x")

    assert type(tensor_of(np.ma.masked_array(X), "x")) is np.ndarray


@pytest.mark.parametrize("make", [lambda: {"x": X}, lambda: {"x": X, "y": X}])
def test_a_dict_of_plain_arrays_is_passed_on(make: Callable[[], dict[str, Any]]) -> None:
    inputs = make()

    assert request_of(inputs).inputs is inputs
