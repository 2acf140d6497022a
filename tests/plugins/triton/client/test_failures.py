"""A refusal before the request ran is one in every protocol, whatever status carries it."""

from __future__ import annotations

import pytest

from turnout.errors import BackendUnavailableError, InvalidRequestError, NotReachedError
from turnout_triton.client.failures import Callee, NotLoadedError, failure

CALLEE = Callee("m", "grpc://host:8001")
STATUSES = ["unavailable", "invalid", "unknown"]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "text",
    [
        "[request id: 7] Server is stopping, scheduler for model has stopped accepting new inference requests",
        "Server not ready",
    ],
)
def test_a_server_that_stops_has_not_run_the_request(status, text) -> None:
    error = failure(status, text, CALLEE)

    assert isinstance(error, NotReachedError)
    assert not isinstance(error, NotLoadedError)
    assert text in str(error)


@pytest.mark.parametrize("status", [*STATUSES, "not_found"])
@pytest.mark.parametrize(
    "text",
    [
        "Request for unknown model: 'm' is not found",
        "Request for unknown model: 'm' has no available versions",
        "Request for unknown model: 'm' version 3 is not at ready state",
        "requested model version is not available for model 'm'",
        "Model 'm' to a load/unload request is currently loading or unloading",
        "Model m with version  not found",
        "Model m is not ready yet.",
    ],
)
def test_a_server_without_the_model_has_not_run_the_request(status, text) -> None:
    assert type(failure(status, text, CALLEE)) is NotLoadedError


@pytest.mark.parametrize("text", ["no healthy upstream", "upstream connect error, reset reason: remote connection failure"])
def test_a_proxy_without_a_server_behind_it_has_not_run_the_request(text) -> None:
    assert type(failure("unavailable", text, CALLEE)) is NotReachedError


@pytest.mark.parametrize("text", ["Socket closed", "reset reason: connection termination", "stub process is not healthy"])
def test_a_connection_that_broke_may_have_run_it(text) -> None:
    error = failure("unavailable", text, CALLEE)

    assert isinstance(error, BackendUnavailableError)
    assert not isinstance(error, NotReachedError)


def test_a_wrong_request_stays_the_callers() -> None:
    text = "inference input 'z' is not available in the server: unexpected inference input 'z' for model 'm'"

    assert type(failure("invalid", text, CALLEE)) is InvalidRequestError
