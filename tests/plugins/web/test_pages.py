"""The code of the pages about the server, which needs its packages."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from starlette.testclient import TestClient
from tests.plugins.web.demo_server import REPOSITORY

import turnout
from turnout_web.application import create_application
from turnout_web.commands.serve import serve
from turnout_web.settings import ServeSettings

PAGE = (REPOSITORY / "docs/how-to/serve-it.md").read_text("utf-8")


@pytest.mark.parametrize("code", re.findall(r"^```python[^\n]*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
def test_each_block_of_python_runs(code: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_page_has_each_limit_with_its_default() -> None:
    listed = {
        option: default
        for options, defaults in re.findall(r"^\| (`--[^|]+) \| (\d[^|]*) \|", PAGE, re.MULTILINE)
        for option, default in zip(re.findall(r"`(--[a-z-]+)`", options), re.findall(r"\d+", defaults), strict=False)
    }
    wanted = {
        one.opts[0]: f"{one.default:g}" if isinstance(one.default, float) else str(one.default)
        for one in serve.params
        if one.name is not None
        and (one.name.startswith("max_") or (one.name.endswith("_seconds") and one.name != "drain_seconds"))
    }

    assert listed == wanted


def test_the_page_has_the_status_of_a_picture_above_the_limit(demo_app: turnout.Turnout) -> None:
    client = TestClient(create_application(demo_app, ServeSettings(max_pixels=100)), "http://127.0.0.1")
    picture = (REPOSITORY / "plugins/web/src/turnout_web/page/static/sample-dusk.jpg").read_bytes()

    answer = client.post("/v1/pipelines/describe", files={"image": picture})

    assert re.findall(r"^\| `--max-pixels` \| \d+ \| (\d+),", PAGE, re.MULTILINE) == [str(answer.status_code)]


def test_the_page_installs_as_the_readme_does() -> None:
    packages = set(re.findall(r"\./(?:core|plugins/\w+)", (REPOSITORY / "README.md").read_text("utf-8")))
    [line] = re.findall(r"^\$ pip install (.*)$", PAGE, re.MULTILINE)

    assert line.startswith("-c constraints.txt ./core ")
    assert set(re.findall(r"\./\S+", line)) <= packages
