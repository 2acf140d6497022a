from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import turnout
from turnout.errors import InvalidTensorError, SettingsError

YAML = """
models:
  scale:
    backend: direct
    inputs: {x: "FP32[3]"}
    outputs: {y: "FP32[3]"}
    backends:
      direct:
        loader: factory
        factory: turnout_test_modules:Scale
"""


def write(folder: Path, text: str) -> Path:
    (folder / "turnout.yaml").write_text(text)
    return folder / "turnout.yaml"


@pytest.mark.usefixtures("_modules")
def test_a_model_named_in_yaml_answers_and_is_checked(tmp_path: Path) -> None:
    with turnout.open(write(tmp_path, YAML)) as app:
        assert app.model("scale").infer({"x": np.ones(3, np.float32)})["y"].tolist() == [2, 2, 2]
        with pytest.raises(InvalidTensorError, match="'x' must be FP32"):
            app.model("scale").infer({"x": np.ones(3)})


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (
            ("factory: turnout_test_modules:Scale", "path: model.pt"),
            10,
            "key 'path' is for loader 'torchscript' or 'torch_export'",
        ),
        (("factory: turnout_test_modules:Scale", "device: gpu\n        factory: a:b"), 10, "unknown device 'gpu'"),
        (("loader: factory", "loader: factory\n        complie: true"), 10, "Did you mean 'compile'"),
        (
            ("loader: factory\n        factory: turnout_test_modules:Scale", "loader: transformers\n        checkpoint: a/b"),
            8,
            "needs key 'class'",
        ),
    ],
)
def test_a_wrong_option_is_reported_with_its_line(tmp_path: Path, change: tuple[str, str], line: int, message: str) -> None:
    assert change[0] in YAML

    with pytest.raises(SettingsError) as caught:
        turnout.open(write(tmp_path, YAML.replace(*change)))

    problems = [problem for problem in caught.value.problems if message in problem.message]
    assert problems, str(caught.value)
    assert f"turnout.yaml:{line}:" in problems[0].where, str(caught.value)
