from __future__ import annotations

from pathlib import Path

from turnout.commands.paths import display_path


def test_a_file_below_the_base_is_relative_to_it() -> None:
    assert display_path(Path("/app/models/m.onnx"), Path("/app")) == "models/m.onnx"


def test_a_file_elsewhere_keeps_its_path() -> None:
    assert display_path(Path("/data/m.onnx"), Path("/app")) == "/data/m.onnx"
