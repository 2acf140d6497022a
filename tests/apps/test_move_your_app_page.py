"""The page that moves the Flask app, as a reader types it; its tables and changes are those of the apps in examples/."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.apps.served_apps import ROOT
from tests.deploy.processes import free_port, wait_until
from tests.docs.test_code_blocks import BLOCK
from tests.docs.test_tutorial import Terminal, check, commands, insert

pytest.importorskip("turnout_triton.server")

PAGE = ROOT / "docs/tutorial/move-your-app.md"
SCRIPT = ROOT / "docs/app_changes.py"
STARTED = {"flask": "Running on", "turnout": "^ready"}


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("app_changes", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page() -> str:
    """Return the page with ports that are free here."""
    text = PAGE.read_text("utf-8")
    for port in ("5057", "5058", "8011"):
        text = text.replace(port, str(free_port()))
    return text


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    shutil.copytree(ROOT / "model_repository", tmp_path / "model_repository")
    for name in ("flask_app", "checkpoints", "pictures"):
        shutil.copytree(ROOT / "examples" / name, tmp_path / "examples" / name)
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def blocks(text: str) -> Iterator[tuple[dict[str, str], str]]:
    for match in BLOCK.finditer(text):
        flags = shlex.split(match["flags"])
        if flags[:1] == ["tutorial"]:
            yield dict(flag.split("=", 1) for flag in flags[1:]), match["code"]


def test_every_command_of_the_page_prints_the_output_on_the_page_and_only_yaml_changes(terminal, tmp_path, page) -> None:
    app = tmp_path / "moving/flask_app"
    settings = app / "after/turnout.yaml"
    expected = load_script().stages(page)
    port = int(re.findall(r"--grpc-port (\d+)", page)[0])

    for section in re.split(r"^## ", page, flags=re.MULTILINE):
        for flags, code in blocks(section):
            if "file" in flags:
                (app / flags["file"]).write_text(code)
            elif "below" in flags:
                insert(settings, flags["below"], code)
            else:
                type_and_read(terminal, code, port)
        if section.startswith(("2", "3", "4")):
            assert settings.read_text() == next(expected), section[:30]

    assert list(expected) == []
    assert (app / "after/app.py").read_bytes() == (ROOT / "examples/flask_app/after/app.py").read_bytes()


def type_and_read(terminal: Terminal, code: str, port: int) -> None:
    for command, shown in commands(code):
        start = terminal.position
        check(terminal, command, shown)
        if command.endswith("&"):
            terminal.wait_for(STARTED[command.split()[0]], start)
        if command.startswith("kill"):
            # A reader types more slowly than the processes of a killed server end.
            wait_until(lambda: is_free(port), seconds=60, what=f"the end of the server on port {port}")


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def write_or_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_the_tables_and_the_changes_on_the_page_are_current() -> None:
    done = write_or_check("--check")

    assert done.returncode == 0, done.stderr


def test_a_page_with_another_count_or_another_change_is_found_and_written(tmp_path) -> None:
    for right, wrong in (("| to ONNX Runtime | 0 | 0 |", "| to ONNX Runtime | 0 | 1 |"), ("-import torch\n", "")):
        page = tmp_path / "page.md"
        assert right in PAGE.read_text("utf-8")
        page.write_text(PAGE.read_text("utf-8").replace(right, wrong), "utf-8")

        assert "run: python docs/app_changes.py" in write_or_check("--check", str(page)).stderr
        assert write_or_check(str(page)).returncode == 0
        assert page.read_text("utf-8") == PAGE.read_text("utf-8")


def test_lines_are_counted_as_they_change() -> None:
    changed = load_script().changed

    assert changed("a\nb\nc\n", "a\nb\nc\n") == (0, 0)
    assert changed("a\n\nb\n", "a\nb\n\n\n") == (0, 0)
    assert changed("a\nb\nc\n", "a\nd\ne\nc\n") == (1, 2)
    assert changed("", "a\n\nb\n") == (0, 2)
