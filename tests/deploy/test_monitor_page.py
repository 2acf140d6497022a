"""The page *Monitor it*, typed as a new operator does: its prometheus.yml scrapes an app with its turnout.yaml."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.deploy.processes import free_port, get
from tests.deploy.prometheus_server import Prometheus

import turnout
from turnout.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/monitor-it.md"
BLOCKS = re.findall(r"^```(\w+)[^\n]*\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [code for found, code in BLOCKS if found == language]


@pytest.fixture
def configuration(tmp_path) -> Path:
    """The page's prometheus.yml, in a file."""
    file = tmp_path / "prometheus.yml"
    file.write_text(blocks("yaml")[1])
    return file


def test_the_configuration_is_valid_and_has_the_jobs_of_the_shipped_one(configuration) -> None:
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed: apt-get install prometheus")

    ran = subprocess.run([promtool, "check", "config", configuration], capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    shipped = YAML(typ="safe").load(ROOT / "deploy/prometheus/prometheus.yml")
    written = YAML(typ="safe").load(configuration)
    assert written["scrape_configs"] == shipped["scrape_configs"]


def test_the_apps_metrics_and_the_first_query_have_data(tmp_path, configuration, monkeypatch) -> None:
    port = free_port()
    settings = YAML(typ="safe").load(blocks("yaml")[0])
    # The page's server is not running: its fallback answers, as it does for an operator without one.
    settings["metrics"]["port"] = port
    settings["models"]["birefnet"]["backends"]["triton"]["url"] = f"localhost:{free_port()}"
    monkeypatch.chdir(ROOT)
    written = YAML(typ="safe").load(configuration)
    written["global"]["scrape_interval"] = "500ms"
    written["global"]["scrape_timeout"] = "500ms"
    written["scrape_configs"][0]["static_configs"][0]["targets"] = [f"localhost:{port}"]
    [query] = blocks("text")

    with turnout.open(settings, metrics=Metrics()) as app, Prometheus(tmp_path, written) as prometheus:
        import numpy as np

        app.model("birefnet").infer({"pixel_values": np.zeros((1, 3, 128, 128), np.float32)})
        prometheus.wait_for_next_scrape("turnout")

        assert b"turnout_build_info" in get(f"http://localhost:{port}/metrics")
        answered = {one.labels["backend"]: one.value for one in prometheus.query(query) if one.labels["outcome"] == "ok"}
        assert answered == {"triton": 0, "onnxruntime": 1}
