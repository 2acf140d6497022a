"""Fixtures: a real Triton server for the demo's models, which tests may kill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.apps.served_apps import ROOT, Checkout


@pytest.fixture(scope="session")
def triton() -> Iterator[Any]:
    """Yield a running server; a test that kills it starts it again."""
    room = pytest.importorskip("turnout_triton.server")
    with room.LocalServer(ROOT / "model_repository", room.ServerOptions(grace_seconds=0)) as running:
        yield running


@pytest.fixture(scope="module")
def checkout(request, tmp_path_factory, triton) -> Checkout:
    """Return a copy of the app that the module names ``APP``, with a Triton to move to."""
    prepared = Checkout(tmp_path_factory.mktemp("after"), request.module.APP)
    prepared.offer(triton.grpc_url)
    return prepared
