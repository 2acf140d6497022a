from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from turnout_onnxruntime.options import OnnxruntimeOptions


def test_only_the_path_is_needed() -> None:
    options = OnnxruntimeOptions.model_validate({"path": "model.onnx"})

    assert (options.providers, options.intra_op_num_threads, options.log_severity_level) == ("auto", 0, "error")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"path": "a", "pat": "b"},
        {"path": "a", "intra_op_num_threads": -1},
        {"path": "a", "graph_optimization_level": "most"},
        {"path": "a", "providers": "cuda"},
        {"path": "a", "providers": [{"CPUExecutionProvider": {"a": [1]}}]},
        {"path": "a", "execution_mode": "both"},
        {"path": "a", "log_severity_level": 3},
        {"path": "a", "session_config": {"a": None}},
    ],
)
def test_refuses_what_it_does_not_know(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OnnxruntimeOptions.model_validate(wrong)


def test_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        OnnxruntimeOptions.model_validate({"path": "a"}).path = "b"  # type: ignore[assignment]
