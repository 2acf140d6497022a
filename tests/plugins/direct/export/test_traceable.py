from __future__ import annotations

import torch

from turnout.tensors import TensorSpec
from turnout_direct.export.traceable import Traceable, random_example

INPUTS = (
    TensorSpec("picture", "FP32", (-1, 3, -1, 64)),
    TensorSpec("mask", "INT64", (-1, -1)),
    TensorSpec("flag", "BOOL", (-1,)),
    TensorSpec("scale", "FP64", ()),
)


def test_free_axes_are_named_after_batch_or_input():
    traceable = Traceable("m", "Net", torch.nn.Identity(), INPUTS, (), lambda batch: (), lambda *inputs: ())

    assert traceable.free_axes() == ({0: "batch", 2: "picture_2"}, {0: "batch", 1: "mask_1"}, {0: "batch"}, {})


def test_examples_fill_free_axes_and_stay_the_same():
    first, second = random_example(INPUTS, 2), random_example(INPUTS, 2)

    assert [tuple(tensor.shape) for tensor in first] == [(2, 3, 128, 64), (2, 8), (2,), ()]
    assert [tensor.dtype for tensor in first] == [torch.float32, torch.int64, torch.bool, torch.float64]
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert set(first[1].unique().tolist()) == {0, 1}


def test_the_largest_example_has_other_sizes_on_every_free_axis():
    assert [tuple(tensor.shape) for tensor in random_example(INPUTS, 3)] == [(3, 3, 192, 64), (3, 12), (3,), ()]


def test_an_attention_mask_is_padded_on_the_right():
    (mask,) = random_example((TensorSpec("attention_mask", "INT64", (-1, 4)),), 3)

    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]


def test_another_seed_gives_another_example():
    assert not torch.equal(random_example(INPUTS, 2)[0], random_example(INPUTS, 2, 1)[0])
