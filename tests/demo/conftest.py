"""Fixtures: the demo's settings on each backend."""

from __future__ import annotations

from pathlib import Path

import pytest

import turnout
from turnout.metrics import Metrics

ROOT = Path(__file__).parents[2]
PICTURES = sorted(path for path in (ROOT / "examples" / "pictures").iterdir() if path.suffix in {".png", ".jpg"})


@pytest.fixture(scope="session")
def open_demo():
    """Return a function that opens turnout.yaml with every model on one backend; the apps are closed at the end."""
    apps = {}

    def demo(backend: str) -> turnout.Turnout:
        if backend not in apps:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("INFERENCE_BACKEND", backend)
                apps[backend] = turnout.open(ROOT / "turnout.yaml", metrics=Metrics())
        return apps[backend]

    yield demo
    for app in apps.values():
        app.close()


@pytest.fixture(params=PICTURES, ids=lambda path: path.name)
def picture(request) -> Path:
    return request.param
