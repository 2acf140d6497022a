"""``turnout export``."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest


def test_export_writes_a_version_and_prints_its_tensors(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "text")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "model_repository/first/1/model.txt: version 1, 5 bytes\nx FP32 [-1] -> x FP32 [-1]\n"
    assert Path("model_repository/first/1/model.txt").read_text() == "first"


def test_export_as_json(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "text", "--repository", "other", "--version", "4", "--json")

    report = json.loads(ended.out)
    assert (report["proved"]["runtime"], report["proved"]["backend"]) == ("text", "plus")
    assert report | {"proved": {}} == {
        "file": "other/first/4/model.txt",
        "version": 4,
        "bytes": 5,
        "proved": {},
        "configuration": [],
        "notes": [],
    }


def test_exporting_a_version_that_exists_fails(cli: Any, settings_file: Path) -> None:
    cli("export", "first", "--format", "text", "--version", "1")

    ended = cli("export", "first", "--format", "text", "--version", "1")

    assert (ended.code, ended.out) == (1, "")
    assert "error: version 1 of model 'first' exists" in ended.err
    assert ended.err.splitlines()[-1] == "next: leave --version out"


def test_exporting_from_a_backend_that_cannot_be_reached_ends_with_3(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "remote")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "error: connection refused at port 1\nnext: turnout status first\n"


def test_exporting_in_an_unknown_format_lists_the_known_ones(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--format", "txet")

    assert (ended.code, ended.out) == (2, "")
    assert "unknown export format 'txet'" in ended.err
    assert "Did you mean 'text'?" in ended.err


def test_a_repository_that_cannot_be_written_is_one_clear_error(cli: Any, settings_file: Path) -> None:
    folder = Path("locked")
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    repository = folder if os.geteuid() else Path("/proc/nowhere")

    ended = cli("export", "first", "--format", "text", "--repository", str(repository))

    assert (ended.code, ended.out) == (1, "")
    assert "cannot be published in model repository" in ended.err


@pytest.fixture
def kept_file(settings_file: Path) -> Path:
    """Return a turnout.yaml with a model in a repository whose configuration a plugin keeps."""
    settings_file.write_text("models:\n  first:\n    backend: plus\n    backends: {plus: , kept: }\n")
    return settings_file


def test_export_writes_the_configuration_too_and_prints_its_notes(cli: Any, kept_file: Path) -> None:
    ended = cli("export", "first", "--format", "text")

    assert (ended.code, ended.err) == (0, "note: unchanged\n")
    assert ended.out.splitlines() == [
        "served/first/1/model.txt: version 1, 5 bytes",
        "x FP32 [-1] -> x FP32 [-1]",
        "served/first/config.txt",
    ]


def test_export_of_the_configuration_alone_writes_no_version(cli: Any, kept_file: Path) -> None:
    ended, as_json = cli("export", "first", "--config-only"), cli("export", "first", "--config-only", "--json")

    assert (ended.code, ended.out) == (0, "served/first/config.txt\n")
    assert [file.name for file in Path("served/first").iterdir()] == ["config.txt"]
    expected = {"folder": "served/first", "configuration": ["config.txt"], "notes": ["unchanged"]}
    assert json.loads(as_json.out) == expected


def test_a_configuration_alone_has_no_version(cli: Any, kept_file: Path) -> None:
    ended = cli("export", "first", "--config-only", "--version", "3")

    assert (ended.code, ended.out) == (2, "")
    assert "--config-only writes no version" in ended.err


@pytest.mark.parametrize("arguments", [[], ["--all"]])
def test_without_a_model_every_model_is_exported_that_can_be(cli: Any, settings_file: Path, arguments: list[str]) -> None:
    settings_file.write_text(
        settings_file.read_text().replace("pipelines:", "  third:\n    backends:\n      plus:\n\npipelines:")
    )
    settings_file.write_text(
        settings_file.read_text().replace(
            "  second:\n    backends:\n      plus:", "  second:\n    backend: lost\n    backends:\n      lost:"
        )
    )

    ended = cli("export", *arguments, "--format", "text")

    assert ended.code == 0
    assert [line for line in ended.out.splitlines() if "version" in line] == [
        f"model_repository/{name}/1/model.txt: version 1, 5 bytes" for name in ("first", "third")
    ]
    assert "note: model 'second' was left out: none of its backends can be exported as 'text'" in ended.err


def test_a_model_that_fails_stops_no_other(cli: Any, settings_file: Path) -> None:
    cli("export", "first", "--format", "text", "--version", "3")

    ended = cli("export", "--format", "text", "--version", "3", "--json")

    [failed, written] = json.loads(ended.out)
    assert (ended.code, failed["model"], written["model"], written["version"]) == (1, "first", "second", 3)
    assert "version 3 of model 'first' exists" in failed["error"]
    assert "FAIL: model 'first': version 3" in ended.err
    assert ended.err.splitlines()[-1] == "next: leave --version out"


def test_a_model_and_all_contradict_each_other(cli: Any, settings_file: Path) -> None:
    ended = cli("export", "first", "--all")

    assert (ended.code, "remove MODEL, or --all" in ended.err) == (2, True)
