"""A run on a server that is gone raises, and a run on one that is back is answered."""

from __future__ import annotations

import asyncio
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pytest
from tests.plugins.triton.client import rows_step
from tests.plugins.triton.client.urls import settings, url_of

import turnout
from turnout.errors import BackendUnavailableError, PipelineUnavailableError
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


def _open(url: str) -> turnout.Turnout:
    plugins = Plugins([*entry_points(group="turnout"), EntryPoint("rows", rows_step.__name__, "turnout")])
    source = {**settings(url, "identity"), "pipelines": {"echo": ["send_each_row"]}}
    return turnout.open(source, plugins=plugins, metrics=Metrics())


def test_every_run_on_a_dead_server_raises(protocol, caplog) -> None:
    with _open(f"{protocol}://127.0.0.1:1") as app:
        for _ in range(3):
            with pytest.raises(PipelineUnavailableError, match="all 2 requests to model 'identity' failed") as caught:
                app.run("echo", rows=ROWS)
        with pytest.raises(BackendUnavailableError):
            asyncio.run(app.arun("echo", rows=ROWS))
        text = app.metrics_text()

    assert [(failure.index, failure.model, failure.backend) for failure in caught.value.failures] == [
        (0, "identity", "triton"),
        (1, "identity", "triton"),
    ]
    assert 'turnout_pipeline_runs_total{outcome="failed",pipeline="echo"} 4.0' in text
    assert 'turnout_pipeline_duration_seconds_count{pipeline="echo"} 0.0' in text
    assert caplog.messages[0].startswith("model 'identity' on backend 'triton' fails and has not answered yet")


def test_a_run_on_a_living_server_is_answered(server, protocol) -> None:
    with _open(url_of(server, protocol)) as app:
        result = app.run("echo", rows=ROWS)

    assert np.array_equal(np.stack(result["echoes"]), ROWS)
    assert not result.failures
