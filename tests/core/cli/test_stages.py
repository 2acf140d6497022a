"""Stages of a long command, on a real terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import turnout

PLUGIN = """
import logging
import time

import click
import turnout
from turnout import Backend, Exporter, ModelSignature, hookimpl
from turnout.testing import PlusOne

logger = logging.getLogger(__name__)


class Options(turnout.Options):
    pass


def export(request):
    logger.info("tracing model %r", request.model.name)
    time.sleep(1.6)
    logger.warning("no runtime checked it")
    logger.info("model %r: traced", request.model.name)
    time.sleep(1.3)
    request.file.write_text("x")
    request.report({"runtime": "text"})
    return ModelSignature((), ())


@hookimpl
def turnout_backends():
    yield Backend("slow", lambda declaration, options: PlusOne(), Options)


@hookimpl
def turnout_exporters():
    yield Exporter(format="text", backend="slow", filename="model.txt", export=export)
"""
RUN = [sys.executable, "-c", "from turnout.cli import main; main()", "export", "m"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    info = tmp_path / "slow-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[turnout]\nslow = a_slow_plugin\n")
    (tmp_path / "a_slow_plugin.py").write_text(PLUGIN)
    (tmp_path / "turnout.yaml").write_text("models: {m: {backend: slow, backends: {slow: {}}}}\n")
    return tmp_path


def environment(folder: Path, **more: str) -> dict[str, str]:
    source = Path(turnout.__file__).parents[1]
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{source}", "TERM": "xterm", **more}


def run_on_terminal(folder: Path, *arguments: str, **more: str) -> tuple[str, str]:
    """Return stdout, a pipe, and what a terminal as stderr received."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*RUN, *arguments], cwd=folder, env=environment(folder, **more), stdout=subprocess.PIPE, stderr=slave, text=True
    ) as process:
        os.close(slave)
        received = b""
        while True:
            try:
                received += os.read(master, 4096)
            except OSError:  # the other side is closed
                break
        out = process.communicate(timeout=60)[0]
    os.close(master)
    assert process.returncode == 0
    return out, received.decode()


def test_a_terminal_shows_the_stage_of_a_plugin_with_its_seconds_on_one_line(folder: Path) -> None:
    out, received = run_on_terminal(folder, "--json")

    assert out.startswith("{")
    assert "\r\x1b[Ktracing model 'm'  1 s" in received
    assert "\x1b[33mwarning:\x1b[0m no runtime checked it" in received
    # Erased before the warning, and not shown while something else runs that has no name.
    assert "\x1b[K\x1b[33mwarning" in received
    assert "traced" not in received


def test_a_pipe_gets_a_plain_line_for_a_stage_that_takes_longer_than_a_second(folder: Path) -> None:
    done = subprocess.run(RUN, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)

    assert re.fullmatch(r"working: tracing model 'm', 1 s\nwarning: no runtime checked it\n", done.stderr)
    assert "working" not in done.stdout


@pytest.mark.parametrize("more", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_without_colors_gets_none(folder: Path, more: dict[str, str]) -> None:
    received = run_on_terminal(folder, **more)[1]

    assert "warning: no runtime checked it" in received
    assert ("\x1b" in received) is ("TERM" not in more)


def test_quiet_shows_no_stage_and_every_warning(folder: Path) -> None:
    done = subprocess.run([*RUN, "--quiet"], cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)

    assert done.stderr == "warning: no runtime checked it\n"
