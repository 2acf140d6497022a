"""Wrong tensors: each gets its one clear error, then a good one is accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from turnout.errors import InvalidTensorError
from turnout.inference import InferenceRequest, ModelSignature, request_of
from turnout.middleware.tensor_check import TensorCheck
from turnout.tensors import TensorSpec, as_tensor, from_binary, parse_spec, to_binary
from turnout.testing import PlusOne

PIXELS = np.zeros((1, 3, 4), np.float32)
IDS = np.zeros((1, 2), np.int64)
SIGNATURE = ModelSignature((TensorSpec("pixels", "FP32", (-1, 3, 4)), TensorSpec("ids", "INT64", (-1, -1))))


class Uncooperative:
    """An object whose conversion to an array fails, as that of a torch tensor with a gradient."""

    def __array__(self, *args: object, **kwargs: object) -> Any:
        raise RuntimeError("cannot call numpy()\non this; use .detach()")


def check(array: Any) -> None:
    TensorSpec("x", "FP32", (-1, 3)).check(array)


def ask(**inputs: Any) -> None:
    TensorCheck(PlusOne(), "m", SIGNATURE, max_batch_size=2).infer(InferenceRequest(inputs))


WRONG: list[tuple[str, Callable[[], object], str]] = [
    # as_tensor: what becomes no array
    (
        "ragged",
        lambda: as_tensor([[1, 2], [3]], "x"),
        "tensor 'x' cannot become an array: .*inhomogeneous.*; use a numpy array",
    ),
    (
        "uncooperative",
        lambda: as_tensor(Uncooperative(), "x"),
        r"'x' cannot become an array: cannot call numpy\(\) on this; use",
    ),
    ("complex", lambda: as_tensor(1j, "x"), "tensor 'x' cannot be sent: numpy dtype 'complex128' has no KServe v2 datatype"),
    ("date", lambda: as_tensor(np.datetime64("2020-01-01"), "x"), r"'x' cannot be sent: numpy dtype 'datetime64\[D\]' has no"),
    ("record", lambda: as_tensor(np.zeros(1, [("a", "i4")]), "x"), "'x' cannot be sent: .* has no KServe v2 datatype"),
    ("seconds", lambda: as_tensor(np.timedelta64(1, "s"), "x"), r"'x' cannot be sent: numpy dtype 'timedelta64\[s\]' has no"),
    # as_tensor: BYTES that are none
    (
        "None",
        lambda: as_tensor(None, "x"),
        "tensor 'x' is BYTES, but element 0 is NoneType; use bytes or str for every element",
    ),
    ("None inside", lambda: as_tensor(["a", None], "x"), "tensor 'x' is BYTES, but element 1 is NoneType"),
    ("text with a number", lambda: as_tensor(np.array(["a", 1], dtype=object), "x"), "'x' is BYTES, but element 1 is int"),
    ("a number too big", lambda: as_tensor([2**70], "x"), "tensor 'x' is BYTES, but element 0 is int"),
    ("an object", lambda: as_tensor(object(), "x"), "tensor 'x' is BYTES, but element 0 is object"),
    ("a dict", lambda: as_tensor({"a": 1}, "x"), "tensor 'x' is BYTES, but element 0 is dict"),
    ("half a surrogate pair", lambda: as_tensor("\ud800", "x"), "'x' is BYTES, but element 0 cannot be encoded: surrogates"),
    # request_of
    ("a bare array", lambda: request_of(PIXELS), "inputs must map names to arrays, got ndarray; write {'pixel_values': array}"),
    ("ragged in a request", lambda: request_of({"p": [[1], []]}), "tensor 'p' cannot become an array"),
    ("None in a request", lambda: request_of({"p": np.array([None])}), "tensor 'p' is BYTES, but element 0 is NoneType"),
    (
        "complex in a request",
        lambda: request_of({"p": np.zeros(1, complex)}),
        "tensor 'p' cannot be sent: numpy dtype 'complex128'",
    ),
    # TensorSpec.check
    ("FP64 for FP32", lambda: check(np.zeros((1, 3))), r"tensor 'x' must be FP32 \[-1, 3\], got FP64 \[1, 3\]"),
    ("complex for FP32", lambda: check(np.zeros(3, complex)), r"tensor 'x' must be FP32 \[-1, 3\], got numpy complex128 \[3\]"),
    ("text for FP32", lambda: check(np.array([["a"] * 3])), r"tensor 'x' must be FP32 \[-1, 3\], got BYTES \[1, 3\]"),
    ("rank 1 for 2", lambda: check(np.zeros(3, np.float32)), r"tensor 'x' must be FP32 \[-1, 3\], got FP32 \[3\]"),
    ("rank 0 for 2", lambda: check(np.float32(1).reshape(())), r"tensor 'x' must be FP32 \[-1, 3\], got FP32 \[\]"),
    ("a wrong size", lambda: check(np.zeros((1, 4), np.float32)), r"tensor 'x' must be FP32 \[-1, 3\], got FP32 \[1, 4\]"),
    # from_binary, to_binary
    ("too short", lambda: from_binary(b"\0" * 7, "FP32", [2], "x"), r"tensor 'x' FP32 \[2\] takes 8 bytes, got 7"),
    ("too long", lambda: from_binary(b"\0" * 9, "FP64", [1], "x"), r"tensor 'x' FP64 \[1\] takes 8 bytes, got 9"),
    (
        "a size below 0",
        lambda: from_binary(b"", "FP32", [-1], "x"),
        r"tensor 'x' FP32 has shape \[-1\]; the sizes of data are 0, 1",
    ),
    ("sizes that wrap", lambda: from_binary(b"", "INT8", [2**32, 2**32], "x"), r"takes 18446744073709551616 bytes, got 0"),
    ("no bool", lambda: from_binary(b"\2", "BOOL", [1], "x"), "tensor 'x' BOOL has a byte that is neither 0 nor 1"),
    ("a cut length", lambda: from_binary(b"\1\0\0\0a\1\0\0", "BYTES", [2], "x"), "'x' BYTES ends in element 1 of 2"),
    ("a cut element", lambda: from_binary(b"\5\0\0\0a", "BYTES", [1], "x"), "tensor 'x' BYTES ends in element 0 of 1"),
    ("elements too many", lambda: from_binary(b"\0" * 8, "BYTES", [1], "x"), "'x' BYTES has 4 bytes after its 1 elements"),
    (
        "a bomb",
        lambda: from_binary(b"", "BYTES", [10**12], "x"),
        "BYTES of 1000000000000 elements takes 4000000000000 bytes or more",
    ),
    (
        "an unknown datatype",
        lambda: from_binary(b"", "FP33", [0], "x"),
        "unknown datatype 'FP33'; known: .*Did you mean 'FP32'",
    ),
    ("None to binary", lambda: to_binary(np.array([None]), "x"), "tensor 'x' is BYTES, but element 0 is NoneType"),
    # parse_spec
    ("no shape", lambda: parse_spec("x", "FP32"), r"'x' is declared as 'FP32'; write a datatype and a shape, such as 'FP32\["),
    ("two shapes", lambda: parse_spec("x", "FP32[1][2]"), "tensor 'x' is declared as .*; write a datatype and a shape"),
    ("an unknown declared", lambda: parse_spec("x", "FLOAT[1]"), "unknown datatype 'FLOAT'; known: BOOL, INT8"),
    (
        "a size of -2",
        lambda: parse_spec("x", "FP32[-2]"),
        r"declared as 'FP32\[-2\]'; '-2' is not a size: write 0, 1, 2, ... or -1",
    ),
    ("a size left out", lambda: parse_spec("x", "FP32[1,,2]"), "'' is not a size"),
    ("a size in words", lambda: parse_spec("x", "FP32[batch,3]"), "'batch' is not a size"),
    ("a size of 1_0", lambda: parse_spec("x", "FP32[1_0]"), "'1_0' is not a size"),
    ("an endless size", lambda: parse_spec("x", f"FP32[{'9' * 5000}]"), "is not a size"),
    # through TensorCheck
    ("a missing input", lambda: ask(pixels=PIXELS), r"model 'm' needs input 'ids' \(INT64 \[-1, -1\]\); got: pixels"),
    ("nothing", ask, r"model 'm' needs input 'pixels' \(FP32 \[-1, 3, 4\]\); got: nothing"),
    (
        "an unknown input",
        lambda: ask(pixel=PIXELS, ids=IDS),
        r"model 'm' has no input 'pixel'; it takes: .*Did you mean 'pixels'\?",
    ),
    (
        "an input too many",
        lambda: ask(pixels=PIXELS, ids=IDS, mask=IDS),
        "model 'm' has no input 'mask'; it takes: pixels FP32",
    ),
    ("INT32 ids", lambda: ask(pixels=PIXELS, ids=IDS.astype(np.int32)), r"'ids' must be INT64 \[-1, -1\], got INT32 \[1, 2\]"),
    ("complex pixels", lambda: ask(pixels=PIXELS * 1j, ids=IDS), r"'pixels' must be FP32 .*, got numpy complex64 \[1, 3, 4\]"),
    (
        "an image without its batch axis",
        lambda: ask(pixels=PIXELS[0], ids=IDS),
        r"must be FP32 \[-1, 3, 4\], got FP32 \[3, 4\]",
    ),
    ("two batch sizes", lambda: ask(pixels=PIXELS, ids=IDS.repeat(2, 0)), "must have one batch size, got 'pixels' 1, 'ids' 2"),
    ("a batch too big", lambda: ask(pixels=PIXELS.repeat(3, 0), ids=IDS.repeat(3, 0)), "batch of 3 is over max_batch_size 2"),
]


@pytest.mark.parametrize(("wrong", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_tensor_gets_its_one_clear_error_then_a_good_one_is_accepted(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidTensorError, match=message) as caught:
        wrong()

    assert "\n" not in str(caught.value)
    assert "0x7" not in str(caught.value)
    assert as_tensor([1.5]).tolist() == [1.5]
    check(PIXELS[0, :, :3])
    assert from_binary(to_binary(PIXELS), "FP32", PIXELS.shape).tolist() == PIXELS.tolist()
    ask(pixels=PIXELS, ids=IDS)


def test_there_are_thirty_of_them_at_least() -> None:
    assert len({name for name, _, _ in WRONG}) >= 30
