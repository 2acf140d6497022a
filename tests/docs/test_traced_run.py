"""The tree of spans on the page about tracing is that of a real run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.traces import Traces

import turnout
from turnout.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "trace-a-request.md"


def tree_of_the_page() -> list[str]:
    block = PAGE.read_text("utf-8").partition("```text\n")[2].partition("```")[0]
    return [re.split(r"(?<=\S)\s{2,}", line)[0] for line in block.splitlines()]


def test_a_run_of_the_demo_makes_the_tree_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFERENCE_BACKEND", raising=False)
    traces = Traces().install(monkeypatch)

    with turnout.open(ROOT / "turnout.yaml", metrics=Metrics()) as app, traces.tracer.start_as_current_span("upload"):
        app.run("describe", image=str(ROOT / "examples" / "pictures" / "dusk.jpg"))

    assert sorted(set(traces.tree())) == sorted(tree_of_the_page())
    assert traces.tree()[:2] == tree_of_the_page()[:2]
