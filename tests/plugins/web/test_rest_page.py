"""The page about pipelines over HTTP: its lines with curl run, its tables are those of the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.plugins.web.demo_server import PICTURES, REPOSITORY

import turnout
from turnout_web.openapi import document
from turnout_web.openapi.operation import STATUSES
from turnout_web.pipelines.maps import MAP_FORMS
from turnout_web.pipelines.masks import MASK_FORMS
from turnout_web.settings import ServeSettings

PAGE = (REPOSITORY / "docs" / "reference" / "rest.md").read_text("utf-8")
KSERVE = (REPOSITORY / "docs" / "reference" / "kserve.md").read_text("utf-8")
LINES = re.findall(r"^curl .*$", PAGE, re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_each_line_runs(line: str, demo_url: str, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "OUT": str(tmp_path)}
    # The backend direct needs torch, which this environment does not have.
    command = line.replace("http://127.0.0.1:8080", demo_url).replace("right=direct", "right=onnxruntime")

    done = subprocess.run(["bash", "-c", command], cwd=PICTURES, env=environment, capture_output=True, check=True, timeout=60)

    if "$OUT" in line:
        assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")
    else:
        answer = json.loads(done.stdout)
        assert answer.get("ok") or answer.get("compared") or answer["model_name"]


def test_there_are_lines() -> None:
    assert len(LINES) == 8


def test_the_shown_result_has_the_members_of_a_real_one(demo_url: str) -> None:
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
    line = LINES[1].replace("http://127.0.0.1:8080", demo_url)

    done = subprocess.run(["bash", "-c", line], cwd=PICTURES, capture_output=True, check=True, timeout=60)

    found = json.loads(done.stdout)
    assert found.keys() == shown.keys()
    assert found["values"].keys() == shown["values"].keys()
    assert found["values"]["captions"] == shown["values"]["captions"]
    assert found["values"]["answers"] == shown["values"]["answers"]
    assert {key: found["values"]["masks"][0][key] for key in ("size", "area", "box")} == {
        key: shown["values"]["masks"][0][key] for key in ("size", "area", "box")
    }
    assert all(part.keys() == shown["parts"][1].keys() for part in found["parts"])


def test_the_tables_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| (\d{3}) \| (.*) \|$", PAGE, re.MULTILINE))

    assert rows == {str(status): text for status, text in STATUSES.items()}
    assert f"| `masks` | {', '.join(f'`{form}`' for form in MASK_FORMS)} | `png` |" in PAGE
    assert f"| `maps` | {', '.join(f'`{form}`' for form in MAP_FORMS)} | " in PAGE


def test_every_route_of_pipelines_and_models_is_on_a_page(demo_app: turnout.Turnout) -> None:
    paths = [path.replace("/describe", "/{name}") for path in document(demo_app, ServeSettings())["paths"]]

    unnamed = [
        path for path in paths if path.startswith(("/v1/pipelines", "/v2", "/openapi")) and f"{path}`" not in PAGE + KSERVE
    ]

    assert [path for path in unnamed if not path.startswith(("/v2/models/{model}", "/v2/repository/models"))] == []
