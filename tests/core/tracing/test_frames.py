"""The frames of a traced request are those of ARCHITECTURE.md."""

from __future__ import annotations

from typing import Any

from tests.architecture.test_request_walk import EVERYTHING, frames_of_the_page, plugins, walk
from tests.traces import Traces

__all__ = ["plugins"]


def test_a_traced_request_passes_two_frames_more(plugins: Any, traces: Traces) -> None:  # a fixture
    found = walk(plugins, EVERYTHING)

    # ``_span`` and ``_stream`` are context managers, which are not on the stack.
    assert found == frames_of_the_page(traced=True)
