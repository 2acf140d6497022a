"""A response whose outputs are not those of the model."""

from __future__ import annotations

import pytest

from turnout import ModelSignature
from turnout.tensors import TensorSpec
from turnout_triton.client.messages import TensorHead
from turnout_triton.expected_outputs import ExpectedOutputs
from turnout_triton.served_model import ServedModel

Y, Z = TensorHead("y", "FP32", (1, 4)), TensorHead("z", "FP32", (1,))


def expected(*specs: TensorSpec, widened: frozenset[str] = frozenset()) -> ExpectedOutputs:
    return ExpectedOutputs(ServedModel("m", "", ModelSignature((), specs), widened, decoupled=False))


ONE = expected(TensorSpec("y", "FP32", (-1, 4)))


def test_outputs_of_the_model_fit_and_are_remembered() -> None:
    one = expected(TensorSpec("y", "FP32", (-1, 4)))

    assert one.difference((Y,)) == ""
    assert (Y,) in one.fitting


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        ((), "lacks output 'y'; it has: none"),
        ((Z,), "lacks output 'y'; it has: 'z'"),
        ((Y, Z), "has an output 'z', which the model has not"),
        ((Y._replace(datatype="INT32"),), "has output 'y' as INT32 [1, 4], the model's is FP32 [-1, 4]"),
        ((Y._replace(shape=(4,)),), "as FP32 [4]"),
        ((Y._replace(shape=(1, 5)),), "as FP32 [1, 5]"),
    ],
)
def test_a_difference_is_described(heads, text) -> None:
    assert text in ONE.difference(heads)
    assert heads not in ONE.fitting


def test_a_part_of_a_stream_may_lack_outputs_but_has_no_others() -> None:
    assert ONE.difference_of_part(()) == ""
    assert "'z'" in ONE.difference_of_part((Z,))


def test_a_scalar_has_one_axis_more_on_the_server() -> None:
    scalar = expected(TensorSpec("y", "FP32", ()), widened=frozenset("y"))

    assert scalar.difference((TensorHead("y", "FP32", (1,)),)) == ""
    assert scalar.difference((TensorHead("y", "FP32", ()),))


def test_a_server_that_describes_nothing_may_send_anything() -> None:
    assert expected().difference((Y, Z)) == ""


def test_what_is_remembered_is_bounded() -> None:
    one = expected(TensorSpec("y", "FP32", (-1, 4)))
    for size in range(2000):
        one.difference((Y._replace(shape=(size, 4)),))

    assert len(one.fitting) <= 512
