"""The options of a checkpoint folder for a first turnout.yaml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from turnout.errors import ConfigurationError
from turnout_direct.checkpoint_options import checkpoint_options

CHECKPOINTS = Path(__file__).parents[3] / "examples/checkpoints"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("captioner", {"class": "BlipForConditionalGeneration", "method": "generate"}),
        ("answerer", {"class": "BlipForQuestionAnswering", "method": "generate"}),
        ("segmenter", {"class": "AutoModelForImageSegmentation"}),
    ],
)
def test_a_real_checkpoint_names_its_class_and_method(name: str, options: dict[str, str]) -> None:
    found = checkpoint_options(CHECKPOINTS / name, f"checkpoints/{name}")

    assert found == {"loader": "transformers", "checkpoint": f"checkpoints/{name}"} | options


def test_python_of_the_checkpoint_is_not_trusted_by_itself() -> None:
    assert "trust_remote_code" not in (checkpoint_options(CHECKPOINTS / "segmenter", "x") or {})


def test_a_folder_without_config_is_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint_options(tmp_path, "x") is None


@pytest.mark.parametrize(
    "config",
    ["{", "[]", "{}", '{"architectures": []}', '{"architectures": "Bert"}', '{"architectures": [1, "a b"]}', '{"auto_map": 7}'],
)
def test_a_config_without_a_class_is_one_line(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)

    with pytest.raises(ConfigurationError, match=r"config\.json"):
        checkpoint_options(tmp_path, "x")


def test_an_architecture_is_used_where_no_class_is_the_checkpoints_own(tmp_path: Path) -> None:
    config = {"architectures": ["BertModel"], "auto_map": {"AutoConfig": "configuration.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))

    assert (checkpoint_options(tmp_path, "x") or {})["class"] == "BertModel"
