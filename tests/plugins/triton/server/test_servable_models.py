"""The backends and needs of the models of a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout_triton.server.servable_models import read_repository, select_models


def write(repository: Path, name: str, config: str | None, *files: str) -> None:
    (repository / name).mkdir()
    if config is not None:
        (repository / name / "config.pbtxt").write_text(config)
    for file in files:
        (repository / name / file).parent.mkdir(exist_ok=True)
        (repository / name / file).touch()


@pytest.mark.parametrize(
    ("config", "files", "backend", "needs"),
    [
        ('platform: "onnxruntime_onnx"', [], "onnxruntime", {"onnxruntime"}),
        ('backend: "onnxruntime"', [], "onnxruntime", {"onnxruntime"}),
        (None, ["1/model.onnx"], "onnxruntime", {"onnxruntime"}),
        ('platform: "pytorch_libtorch"', ["1/model.pt"], "pytorch", {"torch"}),
        ("max_batch_size: 4", ["3/model.pt"], "pytorch", {"torch"}),
        ('backend: "python"', ["1/model.py"], "python", set()),
        ('backend: "python"', ["1/model.py", "1/generate.json"], "python", {"torch", "transformers"}),
        (
            'backend: "python" parameters { key: "checkpoint" value { string_value: "c" } }',
            [],
            "python",
            {"torch", "transformers"},
        ),
        ('platform: "ensemble"', [], "ensemble", set()),
        ('backend: "dali" a_field_of_tomorrow: 3', [], "dali", set()),
    ],
)
def test_backend_and_needs_of_a_model(tmp_path, config, files, backend, needs) -> None:
    write(tmp_path, "m", config, *files)

    (model,) = read_repository(tmp_path)

    assert (model.name, model.backend, model.needs) == ("m", backend, frozenset(needs))


def test_folders_without_a_model_are_ignored(tmp_path) -> None:
    write(tmp_path, "b", None, "1/model.onnx")
    write(tmp_path, "a", "")
    write(tmp_path, "notes", None, "text/file.md")
    write(tmp_path, ".hidden", "")

    assert [model.name for model in read_repository(tmp_path)] == ["a", "b"]


def test_models_are_selected_by_name_once_each(tmp_path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path, name, "")

    assert [model.name for model in select_models(read_repository(tmp_path), ("c", "a", "c"), tmp_path)] == ["c", "a"]
