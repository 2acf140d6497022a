"""The file config.pbtxt: written, read, and recognized as generated."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import ConfigurationError
from turnout_triton.repository.config_file import config_bytes, config_from, read_config

CONFIG = config_from({"name": "m", "max_batch_size": 8, "parameters": {"b": {"string_value": "1"}, "a": {"string_value": "2"}}})


def test_a_written_file_is_read_back_and_recognized_as_generated(tmp_path: Path) -> None:
    file = tmp_path / "config.pbtxt"
    file.write_bytes(config_bytes(CONFIG))

    found = read_config(file)

    assert found is not None
    assert (found.config, found.generated) == (CONFIG, True)


def test_the_text_does_not_depend_on_the_order_of_the_fields() -> None:
    other = config_from(
        {"parameters": {"a": {"string_value": "2"}, "b": {"string_value": "1"}}, "max_batch_size": 8, "name": "m"}
    )

    assert config_bytes(other) == config_bytes(CONFIG)


@pytest.mark.parametrize(
    "edit", [("max_batch_size: 8", "max_batch_size: 4"), ("sha256: ", "sha256: 0"), ("# Written", "# Kept")]
)
def test_an_edited_file_is_the_users_own(tmp_path: Path, edit: tuple[str, str]) -> None:
    file = tmp_path / "config.pbtxt"
    file.write_text(config_bytes(CONFIG).decode().replace(*edit))

    found = read_config(file)

    assert found is not None
    assert not found.generated


def test_a_file_of_a_newer_triton_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.pbtxt").write_text('name: "m"\nfield_of_tomorrow { size: 3 }\n')

    found = read_config(tmp_path / "config.pbtxt")

    assert found is not None
    assert found.config.name == "m"


@pytest.mark.parametrize("content", [b'name: "m', b"max_batch_size: eight"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.pbtxt"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"cannot be read as a model config: .*; fix that line"):
        read_config(file)


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_config(tmp_path / "config.pbtxt") is None
