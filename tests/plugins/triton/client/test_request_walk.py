"""The plugin's part of the walk in ARCHITECTURE.md is what a real call does, frame by frame."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.client.urls import SHARED, WIRE, url_of

from turnout import InferenceRequest

PAGE = (Path(__file__).parents[4] / "ARCHITECTURE.md").read_text("utf-8")
LARGE = {"x": np.zeros((1, 1 << 20), np.float32)}


def frames_of_the_page() -> list[str]:
    section = PAGE.partition("## One request")[2].partition("\n## ")[0]
    block = section.split("```text\n")[2].partition("```")[0]
    return [line.split()[0] for line in block.splitlines()]


def frames_of(call: Any, last: str) -> list[str]:
    """Return the classes on the stack of ``call`` whose ``infer`` runs, when the class ``last`` is reached."""
    found: list[str] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or frame.f_code.co_name != "infer" or type(frame.f_locals.get("self")).__name__ != last:
            return
        above: FrameType | None = frame
        while above is not None:
            if above.f_globals.get("__name__", "").startswith("turnout_triton.") and above.f_code.co_name == "infer":
                found.insert(0, type(above.f_locals["self"]).__name__)
            above = above.f_back

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.parametrize(("protocol", "last"), [("grpc", "GrpcTransport"), ("http", "HttpTransport")])
def test_the_frames_of_a_call_are_those_of_the_page(open_one, server, protocol, last) -> None:
    model = open_one((url_of(server, protocol),) * 2, "identity", **SHARED)

    frames = frames_of(lambda: model.infer(InferenceRequest(LARGE)), last)

    assert frames == [*frames_of_the_page()[:-1], last]


def test_one_server_over_the_wire_has_no_other_frames(open_one, server) -> None:
    model = open_one(url_of(server, "grpc"), "identity", **WIRE)

    assert frames_of(lambda: model.infer(InferenceRequest(LARGE)), "GrpcTransport") == ["TritonInference", "GrpcTransport"]
