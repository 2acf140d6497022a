"""The models that a command works on if it is given none."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.commands.models_of_file import models_of_file
from turnout.errors import ConfigurationError


def test_a_file_without_a_model_is_an_error_that_says_what_to_add(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text("models: {}\n")

    with pytest.raises(ConfigurationError, match="has no model") as caught:
        models_of_file(file)

    assert caught.value.next_step == f"add a model to {file}"
