"""The folders of deploy/ are what the command writes for the demo."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from tests.plugins.deploy.conftest import ROOT, Run

COMMANDS = {"kubernetes": (), "compose": ("--monitoring", "deploy"), "kserve": ()}


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_folder_is_the_output_for_the_demo(deploy: Run, kind: str) -> None:
    done = deploy(kind, *COMMANDS[kind], "--check", folder=ROOT)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_record_of_the_folder_is_that_of_its_files(kind: str) -> None:
    folder = ROOT / "deploy" / kind
    lines = (folder / ".turnout-deploy.sha256").read_text("utf-8").splitlines()

    assert dict(line.split("  ")[::-1] for line in lines) == {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".turnout-deploy.sha256"
    }


@pytest.mark.parametrize("kind", COMMANDS)
def test_no_file_is_left_from_an_earlier_form(deploy: Run, project: Path, kind: str) -> None:
    for name in ("turnout.yaml", "model_repository", "examples"):
        (project / name).unlink(missing_ok=True)
        (project / name).symlink_to(ROOT / name)

    assert deploy(kind, *COMMANDS[kind]).returncode == 0

    written, kept = (
        {one.relative_to(folder) for one in folder.rglob("*") if one.is_file()}
        for folder in (project / "deploy" / kind, ROOT / "deploy" / kind)
    )
    assert written == kept


def test_a_planted_difference_is_found(deploy: Run, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy/kserve", tmp_path / "kserve")
    file = tmp_path / "kserve/inference-service.yaml"
    file.write_text(file.read_text("utf-8").replace("minReplicas: 1", "minReplicas: 0"), "utf-8")

    done = deploy("kserve", "--check", "--out", tmp_path / "kserve", folder=ROOT)

    assert done.returncode == 1
    assert f"FAIL {file} is missing, or differs" in done.stdout
