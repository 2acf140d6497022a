"""The settings file that a first start writes: what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.web.demo_server import REPOSITORY

from turnout.errors import ConfigurationError, ModelLoadError, TurnoutError
from turnout_web.commands.first_run import FirstRun, find_config

MODEL = REPOSITORY / "model_repository/birefnet/1/model.onnx"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def first(tmp_path: Path, said: list[str]) -> FirstRun:
    return find_config(MODEL, tmp_path / "turnout.yaml", named=False, say=said.append)


def _fail(first: FirstRun, error: BaseException) -> bool:
    """Return whether the file is still there after ``error``."""
    with pytest.raises(type(error)), first:
        raise error
    return first.file.exists()


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (ModelLoadError("broken", model="m"), False),
        (ConfigurationError("the port is in use", next_step="turnout serve --port 0"), False),
        (ModelLoadError("brings Python", model="m", next_step="write `trust_remote_code: true`"), True),
        (KeyboardInterrupt(), False),
    ],
    ids=["broken", "port", "to edit", "ctrl-c"],
)
def test_a_file_stays_only_if_an_edit_of_it_is_the_way_on(first: FirstRun, error: TurnoutError, stays: bool) -> None:
    assert _fail(first, error) is stays


def test_a_file_that_was_edited_meanwhile_stays(first: FirstRun) -> None:
    first.file.write_text("models: {}\n")

    assert _fail(first, ModelLoadError("broken", model="m"))


def test_a_confirmed_file_stays_and_is_announced(first: FirstRun, said: list[str]) -> None:
    first.confirm()

    assert _fail(first, ModelLoadError("broken", model="m"))
    assert [line for line in said if line.startswith("wrote ")]
