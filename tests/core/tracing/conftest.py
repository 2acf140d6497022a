"""Fixtures: spans in memory."""

from __future__ import annotations

import pytest
from tests.traces import Traces


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    """Return the spans of this test, whose apps are traced because there is a provider."""
    return Traces().install(monkeypatch)
