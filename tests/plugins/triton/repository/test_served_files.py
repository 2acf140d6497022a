from __future__ import annotations

from pathlib import Path

import pytest

from turnout import ModelDeclaration
from turnout.errors import ModelLoadError
from turnout_triton.options import TritonOptions
from turnout_triton.repository.served_files import find_served_files


def find(folder: Path, **options: object) -> list[Path]:
    return find_served_files(ModelDeclaration("m", folder), TritonOptions(url="localhost:1", **options))  # type: ignore[arg-type]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the folder of a model with the versions 1 to 3."""
    for version in "123":
        (tmp_path / "model_repository" / "m" / version).mkdir(parents=True)
        (tmp_path / "model_repository" / "m" / version / "model.onnx").write_text(version)
    return tmp_path / "model_repository" / "m"


@pytest.mark.parametrize(
    ("config", "options", "version"),
    [("", {}, "3"), ("version_policy { specific { versions: [1, 2] } }", {}, "2"), ("", {"version": 1}, "1")],
)
def test_the_version_that_the_server_answers_from_is_found(
    tmp_path: Path, model: Path, config: str, options: dict[str, object], version: str
) -> None:
    (model / "config.pbtxt").write_text(config)

    assert find(tmp_path, **options) == [model / version]


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ("version_policy { specific { versions: 7 } }", {}, "a version that the version policy of config.pbtxt serves"),
        ("", {"version": 7}, "version 7"),
    ],
)
def test_a_version_that_is_not_there_is_an_error(
    tmp_path: Path, model: Path, config: str, options: dict[str, object], message: str
) -> None:
    (model / "config.pbtxt").write_text(config)

    with pytest.raises(ModelLoadError, match=f"needs {message}, and '.*' has: 1, 2, 3; correct it, or write a version"):
        find(tmp_path, **options)


def test_a_repository_elsewhere_and_an_ensemble_have_no_files_here(tmp_path: Path, model: Path) -> None:
    assert find(tmp_path, repository="elsewhere") == []
    assert find(tmp_path, ensemble=["a"]) == []
