from __future__ import annotations

import numpy as np
import pytest

from turnout.commands.synthetic_inputs import choose_sizes, generate_inputs
from turnout.errors import InvalidInputError
from turnout.inference import ModelSignature
from turnout.tensors import DTYPES, TensorSpec


def signature(*specs: TensorSpec) -> ModelSignature:
    return ModelSignature(specs)


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_datatype_can_be_generated(datatype: str) -> None:
    spec = TensorSpec("x", datatype, (-1, 3, 4))

    generated = generate_inputs("m", signature(spec), 3, 2, {})

    assert [inputs["x"].shape for inputs in generated] == [(2, 3, 4)] * 3
    assert all(spec.accepts(inputs["x"]) for inputs in generated)


def test_equal_seeds_give_equal_inputs_and_another_seed_gives_others() -> None:
    spec = TensorSpec("x", "FP32", (-1, 5))

    first, again, other = (list(generate_inputs("m", signature(spec), 2, 1, {}, seed))[1]["x"] for seed in (1, 1, 2))

    assert first.tolist() == again.tolist() != other.tolist()


def test_tokens_are_small_and_masks_are_ones() -> None:
    specs = (TensorSpec("input_ids", "INT64", (-1, 50)), TensorSpec("attention_mask", "INT64", (-1, 50)))

    (generated,) = generate_inputs("m", signature(*specs), 1, 1, {})

    assert set(np.unique(generated["input_ids"])) <= set(range(10))
    assert set(np.unique(generated["attention_mask"])) == {1}


def test_given_shapes_set_the_free_sizes() -> None:
    spec = TensorSpec("x", "FP32", (-1, 3, -1, -1))

    (generated,) = generate_inputs("m", signature(spec), 1, 2, {"x": (3, 8, 8)})

    assert generated["x"].shape == (2, 3, 8, 8)


def test_a_model_without_a_batch_axis_gets_none() -> None:
    (generated,) = generate_inputs("m", signature(TensorSpec("x", "FP32", (4,)), TensorSpec("s", "FP32", ())), 1, 0, {})

    assert (generated["x"].shape, generated["s"].shape) == ((4,), ())


@pytest.mark.parametrize(
    ("spec", "shapes", "words"),
    [
        (TensorSpec("x", "FP32", (-1, 3, -1)), {}, "has free sizes; set them: --shape x=SIZE"),
        (TensorSpec("x", "FP32", None), {}, "has free sizes"),
        (TensorSpec("x", "FP32", (-1, 3, -1)), {"x": (4, 4)}, r"must be FP32 \[-1, 3, -1\], got the sizes \[4, 4\]"),
    ],
)
def test_sizes_that_are_missing_or_wrong_are_refused(spec: TensorSpec, shapes: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        generate_inputs("m", signature(spec), 1, 1, shapes)


def test_free_sizes_that_nobody_gives_are_chosen_alike_for_tokens_and_their_mask() -> None:
    specs = (
        TensorSpec("pixel_values", "FP32", (-1, 3, -1, -1)),
        TensorSpec("input_ids", "INT64", (-1, -1)),
        TensorSpec("attention_mask", "INT64", (-1, -1)),
        TensorSpec("waveform", "FP32", (-1, -1)),
        TensorSpec("fixed", "FP32", (-1, 4)),
        TensorSpec("given", "FP32", (-1, -1)),
        TensorSpec("unknown", "FP32", None),
    )

    chosen = choose_sizes(signature(*specs), 1, {"given": (3,)})

    assert chosen == {"pixel_values": (3, 224, 224), "input_ids": (8,), "attention_mask": (8,), "waveform": (8,)}


def test_without_a_batch_axis_every_free_size_is_chosen() -> None:
    assert choose_sizes(signature(TensorSpec("picture", "UINT8", (-1, -1, 3))), 0, {}) == {"picture": (224, 224, 3)}


def test_a_model_with_an_unknown_signature_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"declare 'inputs' in turnout\.yaml"):
        generate_inputs("m", ModelSignature(), 1, 1, {})


def test_requests_are_generated_on_demand() -> None:
    generated = generate_inputs("m", signature(TensorSpec("x", "FP32", (-1, 1000))), 10**12, 1, {})

    assert next(generated)["x"].shape == (1, 1000)


def test_a_size_for_an_unknown_input_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="model 'm' has no input 'z'; it has: x"):
        generate_inputs("m", signature(TensorSpec("x", "FP32", (-1, 4))), 1, 1, {"z": (4,)})


@pytest.mark.parametrize("given", [{}, {"ids": (8,)}, {"ids": (1, 8), "picture": (1, 3, 4, 4)}])
def test_a_free_batch_of_pictures_gets_one_row_without_max_batch_size(given) -> None:
    inputs = signature(TensorSpec("picture", "FP32", (-1, 3, 4, 4)), TensorSpec("ids", "INT64", (-1, -1)))

    (generated,) = generate_inputs("m", inputs, 1, 0, choose_sizes(inputs, 0, given) | given)

    assert {name: array.shape for name, array in generated.items()} == {"picture": (1, 3, 4, 4), "ids": (1, 8)}
