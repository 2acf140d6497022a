"""``turnout models``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_models_are_listed_with_backend_others_and_inputs(cli: Any, settings_file: Path) -> None:
    ended = cli("models")

    assert (ended.code, ended.err) == (0, "")
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows == [
        ["model", "backend", "others", "inputs"],
        ["first", "plus", "away", "x", "FP32", "[-1]"],
        ["second", "plus", "-", "-"],
    ]


def test_the_share_of_a_canary_is_shown(cli: Any, settings_file: Path) -> None:
    canary = "canary: {backend: kept, weight: 0.3}"
    settings_file.write_text(f"models:\n  m:\n    backend: plus\n    {canary}\n    backends: {{plus: , kept: }}\n")

    assert "plus, 0.3 on kept" in cli("models").out
    assert json.loads(cli("models", "--json").out)[0]["canary"] == {"backend": "kept", "weight": 0.3}


def test_models_as_json(cli: Any, settings_file: Path) -> None:
    first, second = json.loads(cli("models", "--json").out)

    assert first == {
        "model": "first",
        "backend": "plus",
        "canary": None,
        "others": ["away"],
        "max_batch_size": 0,
        "instance_group": [],
        "inputs": {"x": "FP32 [-1]"},
        "outputs": {},
    }
    assert second["model"] == "second"


def test_models_of_a_wrong_file_is_a_configuration_error(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models: [1]\n")

    ended = cli("models", "--json")

    assert ended.code == 2
    assert json.loads(ended.out)["error"]["next"] == "edit line 1 of turnout.yaml"
    assert ended.err.splitlines()[-1] == "next: edit line 1 of turnout.yaml"
