from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from tests.plugins.web.demo_server import REPOSITORY, serving

import turnout
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings


@pytest.fixture(scope="session")
def demo_app() -> Iterator[turnout.Turnout]:
    """The app of the repository's turnout.yaml, on onnxruntime."""
    with turnout.open(REPOSITORY / "turnout.yaml", listen=False) as app:
        yield app


@pytest.fixture(scope="session")
def demo(demo_app: turnout.Turnout) -> TestClient:
    """A client of the demo's app in this process; an error of the server is an answer, as for any client."""
    # Not as a context manager, which would ask for a lifespan: the application has none.
    return TestClient(create_application(demo_app, ServeSettings()), "http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture(scope="session")
def demo_url(demo_app: turnout.Turnout) -> Iterator[str]:
    """The address of a real server of the demo's app."""
    with serving(demo_app, ServeSettings()) as url:
        yield url
