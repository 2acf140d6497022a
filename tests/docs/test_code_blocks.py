"""Every code block of the documentation works unchanged."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings

ROOT = Path(__file__).parents[2]
# The examples of hooks.md are plugins: tests/architecture/test_hooks_documented.py loads them as such.
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.name != "hooks.md")]
BLOCK = re.compile(r"^```(?P<language>\w+)(?P<flags>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.filterwarnings("default")


def blocks(language: str) -> list[object]:
    return list(_blocks(language))


def _blocks(language: str) -> Iterator[object]:
    for page in PAGES:
        for match in BLOCK.finditer(page.read_text()):
            # A block that needs the network, or a class around it, says so: ```console no-run
            # Those of the tutorial are run in order, in one shell: test_tutorial.py.
            if match["language"] == language and not {"no-run", "tutorial"} & set(match["flags"].split()):
                line = page.read_text()[: match.start()].count("\n") + 1
                yield pytest.param(match["code"], id=f"{page.relative_to(ROOT)}:{line}")


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """Return a folder with the files that a reader has, as the working directory."""
    shutil.copy(ROOT / "turnout.yaml", tmp_path)
    for folder in ("examples", "model_repository"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INFERENCE_BACKEND", raising=False)
    monkeypatch.setenv("TRITON_URL", "localhost:9")  # no server is there; one on 8001 may be real
    return tmp_path


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code, clone) -> None:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=240)

    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("code", blocks("yaml"))
def test_yaml_is_a_good_turnout_yaml(code, clone) -> None:
    file = clone / "shown.yaml"
    file.write_text(code)

    assert load_settings(file, registry=find_plugins()).settings


@pytest.mark.parametrize("code", blocks("console"))
def test_commands_end_well(code, clone) -> None:
    commands = [line.removeprefix("$ ") for line in code.splitlines() if line.startswith("$ ")]
    assert commands

    for command in commands:
        program, *arguments = shlex.split(command, comments=True)
        assert program == "turnout", f"{program!r} cannot be run here; mark the block no-run"
        ran = subprocess.run(
            [str(Path(sys.executable).with_name(program)), *arguments], capture_output=True, text=True, check=False, timeout=240
        )
        assert ran.returncode == 0, ran.stderr
