"""A server of odd models, and models that are opened over every transport."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.plugins.triton.client.odd_models import write_odd_models
from tests.plugins.triton.client.urls import SHARED, WIRE, url_of
from tests.plugins.triton.conftest import AT_ONCE

from turnout import ModelDeclaration
from turnout_triton.inference import TritonInference
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.server import LocalServer


@pytest.fixture(scope="session")
def odd_server(tmp_path_factory) -> Iterator[LocalServer]:
    """A real server of the odd models for all tests of a worker."""
    repository = tmp_path_factory.mktemp("odd") / "repository"
    write_odd_models(repository)
    with LocalServer(repository, AT_ONCE) as running:
        yield running


@pytest.fixture(params=["grpc", "http"])
def protocol(request) -> str:
    return request.param


@pytest.fixture(params=[WIRE, SHARED], ids=["wire", "shared"])
def memory(request) -> Mapping[str, Any]:
    return request.param


@pytest.fixture
def open_one(protocol) -> Iterator[Callable[..., TritonInference]]:
    """Opens models of a server over ``protocol``; closed after the test."""
    with contextlib.ExitStack() as stack:

        def open_at(server: LocalServer | str | tuple[str, ...], name: str, **options: Any) -> TritonInference:
            url = url_of(server, protocol) if isinstance(server, LocalServer) else server
            made = open_model(ModelDeclaration(name), TritonOptions(url=url, **options))
            return stack.enter_context(contextlib.closing(made))

        yield open_at
