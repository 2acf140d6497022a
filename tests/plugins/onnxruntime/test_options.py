from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from turnout_onnxruntime.options import OnnxruntimeOptions, Scalar, scalar_text


def test_only_the_path_is_needed() -> None:
    options = OnnxruntimeOptions.model_validate({"path": "model.onnx"})

    assert (options.providers, options.intra_op_num_threads, options.log_severity_level) == ("auto", 0, "error")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"path": "a", "pat": "b"},
        {"path": "a", "intra_op_num_threads": -1},
        {"path": "a", "intra_op_num_threads": True},
        {"path": "a", "intra_op_num_threads": 2.0},
        {"path": "a", "inter_op_num_threads": True},
        {"path": "a", "graph_optimization_level": "most"},
        {"path": "a", "providers": "cuda"},
        {"path": "a", "providers": [{"CPUExecutionProvider": {"a": [1]}}]},
        {"path": "a", "execution_mode": "both"},
        {"path": "a", "log_severity_level": 3},
        {"path": "a", "session_config": {"a": None}},
    ],
)
def test_refuses_wrong_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OnnxruntimeOptions.model_validate(wrong)


def test_a_number_may_be_text_because_variables_are() -> None:
    assert OnnxruntimeOptions.model_validate({"path": "a", "intra_op_num_threads": "2"}).intra_op_num_threads == 2


@pytest.mark.parametrize(
    ("value", "text"), [(True, "1"), (False, "0"), (1, "1"), (3, "3"), (1.5, "1.5"), (1.0, "1.0"), ("x", "x")]
)
def test_a_scalar_becomes_the_text_that_onnxruntime_expects(value: Scalar, text: str) -> None:
    options = OnnxruntimeOptions.model_validate({"path": "a", "session_config": {"key": value}})

    assert scalar_text(options.session_config["key"]) == text


def test_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        OnnxruntimeOptions.model_validate({"path": "a"}).path = "b"  # type: ignore[assignment]
