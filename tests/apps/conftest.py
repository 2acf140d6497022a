"""Fixtures: a real Triton server for the demo's models, which tests may kill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.apps.served_apps import ROOT


@pytest.fixture(scope="session")
def triton() -> Iterator[Any]:
    """Yield a running server; a test that kills it starts it again."""
    room = pytest.importorskip("turnout_triton.server")
    with room.LocalServer(ROOT / "model_repository", room.ServerOptions(grace_seconds=0)) as running:
        yield running
