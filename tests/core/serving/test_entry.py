"""``turnout.open`` answers scrapes on the port of the file."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import ModelInference
from turnout.errors import ConfigurationError
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.serving.entry import open as open_app
from turnout.testing import PlusOne

PluginsWith = Callable[[Mapping[str, Callable[[], ModelInference]]], Plugins]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def scrape(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def settings(port: int, **metrics: Any) -> dict[str, Any]:
    return {
        "models": {"plus": {"backend": "plus", "backends": {"plus": {}}}},
        "metrics": {"port": port, **metrics},
    }


def test_an_app_answers_scrapes_until_it_is_closed(plugins_with: PluginsWith) -> None:
    port = free_port()

    with open_app(settings(port), plugins=plugins_with({"plus": PlusOne}), metrics=Metrics()) as app:
        app.model("plus").infer({"x": np.ones(1, np.float32)})
        assert 'turnout_inference_requests_total{backend="plus",model="plus",outcome="ok"} 1.0' in scrape(port)
        app.listen()
        assert scrape(port, "/health/live") == '{"live": true}\n'
        assert '"plus"' in scrape(port, "/health/ready")

    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_a_port_that_is_taken_is_an_error_with_its_line_and_leaves_nothing_open(
    plugins_with: PluginsWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plugins, port = plugins_with({"plus": PlusOne}), free_port()
    Path("turnout.yaml").write_text(
        f"models: {{plus: {{backend: plus, backends: {{plus: {{}}}}}}}}\nmetrics:\n  port: {port}\n"
    )

    with open_app(plugins=plugins, metrics=Metrics()):
        with pytest.raises(ConfigurationError, match=rf"metrics\.port {port} cannot be opened .* In turnout\.yaml:3\.$"):
            open_app(plugins=plugins, metrics=Metrics())
        with open_app(plugins=plugins, metrics=Metrics(), listen=False) as other:
            assert other.model("plus").infer({"x": np.ones(1, np.float32)})["x"] == 2
        assert "turnout_build_info" in scrape(port)
    with open_app(plugins=plugins, metrics=Metrics()):
        assert "turnout_build_info" in scrape(port)


def test_an_app_without_a_port_listens_nowhere(plugins_with: PluginsWith) -> None:
    with open_app({}, plugins=plugins_with({}), metrics=Metrics()) as app:
        app.listen()

        assert app._port is None


def test_the_buckets_of_steps_are_those_of_the_file(plugins_with: PluginsWith, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.metrics.shared._shared", [])

    with open_app({"metrics": {"step_buckets_seconds": [0.5, 2]}}, plugins=plugins_with({})) as app:
        app.metrics.pipeline("p", {"s": ("process",)}).observe_run(1.0, {"s": {"process": 1.0}})
        buckets = [line for line in app.metrics_text().splitlines() if line.startswith("turnout_step_duration_seconds_bucket")]
        assert [line.split('"')[1] for line in buckets] == ["0.5", "2.0", "+Inf"]
        with pytest.raises(ConfigurationError, match=r"metrics\.step_buckets_seconds is \[1\.0\], but .* have \[0\.5, 2\.0\]"):
            open_app({"metrics": {"step_buckets_seconds": [1]}}, plugins=plugins_with({}))
