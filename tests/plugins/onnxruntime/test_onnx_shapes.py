from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from turnout_onnxruntime.onnx_shapes import read_shapes


def test_distinguishes_rank_0_from_unknown_rank(write: Callable[..., Path], value: Any) -> None:
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("scalar", "unknown", "some", "empty")]
    shapes: dict[str, Any] = {"scalar": [], "unknown": None, "some": [-1, 3, 1 << 40], "empty": [0]}
    inputs = [value(name, "FP32", shape) for name, shape in shapes.items()]
    outputs = [value(f"{name}_out", "FP32", shape) for name, shape in shapes.items()]
    weight = numpy_helper.from_array(np.zeros((300, 300)), "w")

    read = read_shapes(write(nodes, inputs, outputs, [weight]))

    assert read == {
        "scalar": (),
        "unknown": None,
        "some": (-1, 3, 1 << 40),
        "empty": (0,),
        "scalar_out": (),
        "unknown_out": None,
        "some_out": (-1, 3, 1 << 40),
        "empty_out": (0,),
    }


def test_a_size_without_value_or_name_is_dynamic(write: Callable[..., Path]) -> None:
    info = helper.make_tensor_value_info("x", 1, [None, 2])

    assert read_shapes(write([helper.make_node("Identity", ["x"], ["y"])], [info], [])) == {"x": (-1, 2)}


@pytest.mark.parametrize("size", [-1, -5, -(2**63)])
def test_a_negative_size_is_dynamic(write: Callable[..., Path], size: int) -> None:
    info = helper.make_tensor_value_info("x", 1, [0, 2])
    info.type.tensor_type.shape.dim[0].dim_value = size

    assert read_shapes(write([helper.make_node("Identity", ["x"], ["y"])], [info], [])) == {"x": (-1, 2)}


def test_reads_no_shape_for_a_sequence(write: Callable[..., Path], value: Any) -> None:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    output = helper.make_tensor_sequence_value_info("y", 1, None)

    assert read_shapes(write([node], [value("x", "FP32", [1])], [output])) == {"x": (1,), "y": None}


@pytest.mark.parametrize("size", range(0, 90, 7))
def test_a_truncated_file_gives_no_wrong_shapes(size: int, identity: Callable[..., Path], tmp_path: Path) -> None:
    whole = identity("FP32")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(whole.read_bytes()[:size])

    assert read_shapes(cut).items() <= read_shapes(whole).items()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(data)

        assert isinstance(read_shapes(file), dict)
