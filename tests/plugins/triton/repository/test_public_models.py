"""Models after public ones: each is in a turnout.yaml that passes the check, or is named with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.plugins.triton.repository.public_models import UNUSABLE, USABLE, write, write_all

from turnout.cli import main
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings

NAMES = {"_pre": "pre", "eagle_model copy": "eagle_model_copy", "détecteur": "detecteur"}


@pytest.fixture
def turnout(capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a function that runs a command line in the current folder."""

    def run(*arguments: str) -> Any:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capfd.readouterr()
        return SimpleNamespace(code=int(ended.value.code or 0), out=printed.out, err=printed.err)

    return run


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder, the current one, with a repository of every model."""
    write_all(tmp_path / "models here")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRITON_URL", "127.0.0.1:1")
    return tmp_path


def test_every_model_passes_the_check_or_is_named_with_the_reason(written: Path, turnout: Any) -> None:
    made = turnout("init", "--from-repository", "models here")
    checked = turnout("check", "--json")

    failures = [one for one in json.loads(checked.out) if not one["ok"]]
    assert (made.code, checked.code, failures) == (0, 0, [])
    models = load_settings(written / "turnout.yaml", registry=find_plugins()).models
    assert set(models) == {NAMES.get(name, name) for name in USABLE}
    skipped = {line.split(":")[1].strip() for line in made.err.splitlines() if ": was skipped: " in line}
    assert skipped == {*UNUSABLE, "lfs"}
    assert "git lfs pull" in made.err
    assert models["pre"].options["triton"].model == "_pre"
    in_process = {name for name, model in models.items() if "onnxruntime" in model.settings.backends}
    others = {"cache", "priorities", "accelerated", "policy"}
    assert in_process == {name for name in USABLE if name.startswith("onnx")} | others


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_repository_of_one_unusable_model_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turnout: Any, name: str
) -> None:
    write(tmp_path / "repository", name, *UNUSABLE[name])
    monkeypatch.chdir(tmp_path)

    made = turnout("init", "--from-repository", "repository")

    assert (made.code, made.out, (tmp_path / "turnout.yaml").exists()) == (1, "", False)
    assert f"note: {name}: was skipped: " in made.err
    assert "error: no model of 'repository' can be used, so 'turnout.yaml' was not written" in made.err
    write(tmp_path / "repository", "good", *USABLE["onnx"])
    assert turnout("init", "--from-repository", "repository").code == 0
