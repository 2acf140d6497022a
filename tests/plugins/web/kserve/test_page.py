"""The examples of docs/reference/kserve.md, run as they are but for the port."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.plugins.web.kserve.running import Running

PAGE = (Path(__file__).parents[4] / "docs/reference/kserve.md").read_text("utf-8")


def block(language: str, server: Running | None = None) -> str:
    """Return the only block of ``language``, with the address of ``server``."""
    [code] = re.findall(rf"^```{language}[^\n]*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return code.replace("127.0.0.1:8080", server.address) if server else code


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_curl_gets_the_answer_that_is_shown(ours) -> None:
    assert json.loads(run("bash", "-c", block("bash", ours))) == json.loads(block("json"))


def test_tritonclient_prints_the_tensor(ours) -> None:
    assert run(sys.executable, "-W", "ignore", "-c", block("python", ours)) == "[[1.  2.5]]\n"


def test_turnout_asks_turnout(ours, tmp_path) -> None:
    import numpy as np

    import turnout

    file = tmp_path / "turnout.yaml"
    file.write_text(block("yaml", ours))

    with turnout.open(file) as app:
        assert app.model("identity").infer({"x": np.array([[1, 2.5]], np.float32)})["y"].tolist() == [[1.0, 2.5]]


@pytest.mark.parametrize("path", re.findall(r"`GET (/v2[^`]*)`", PAGE))
def test_each_page_of_the_table_is_there(ours, path) -> None:
    assert ours.send("GET", path.replace("{model}", "identity")).status == 200
