"""A refusal before the request ran is one in every protocol, whatever status carries it."""

from __future__ import annotations

import pytest

from turnout.errors import (
    BackendUnavailableError,
    InferenceError,
    InvalidRequestError,
    NotReachedError,
    OverloadedError,
)
from turnout_triton.client.failures import Callee, LoadFailedError, NotLoadedError, failure

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


def test_a_server_that_may_be_stopping_is_no_wrong_setting() -> None:
    error = failure("unavailable", "Request for unknown model: 'm' has no available versions", CALLEE)

    assert "; unless the server is stopping, correct 'model'" in str(error)


@pytest.mark.parametrize("status", ["invalid", "internal"])
def test_a_load_that_failed_has_the_servers_reason_without_its_frames(status) -> None:
    frames = "".join(f"\n  /srv/a/{'long/' * 30}file.py({line}): initialize" for line in (21, 29))
    reason = "FileNotFoundError: version 3 has no file '/m/3/model.onnx'; write it"
    said = f"load failed for model 'm': version 3 is at UNAVAILABLE state: Internal: {reason}\n\nAt:{frames}\n;"

    error = failure(status, said, CALLEE)

    assert isinstance(error, LoadFailedError)
    assert error.reason == f"version 3: {reason}"
    assert "request" not in str(error)
    unread = failure(status, "failed to load 'm', failed to poll from model repository", CALLEE)
    assert isinstance(unread, LoadFailedError)
    assert unread.reason == "failed to load 'm', failed to poll from model repository"


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


@pytest.mark.parametrize("status", ["internal", "unknown"])
@pytest.mark.parametrize(
    "text",
    [
        (
            "InvalidArgument: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned while running Gather. "
            "Name:'' Status Message: indices element out of data bounds, idx=9 must be within the inclusive range [-4,3]"
        ),
        (
            "onnx runtime error 2: Non-zero status code returned while running Gather node. Name:'G' Status Message: "
            "indices element out of data bounds, idx=101 must be within the inclusive range [-2,1]"
        ),
        "Failed to process the request(s) for model 'm_0', message: IndexError: index out of range in self At: /m.py(6)",
        (
            "PyTorch execute failure: The following operation failed in the TorchScript interpreter. RuntimeError: index "
            "out of range in self"
        ),
        "ValueError: element 0 of 's' is not UTF-8; the runtime accepts only text",
    ],
)
def test_a_runtime_that_refuses_the_values_refuses_the_request(status, text) -> None:
    assert type(failure(status, text, CALLEE)) is InvalidRequestError


@pytest.mark.parametrize(
    "text",
    [
        "Fail: [ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running MatMul node",
        "Failed to process the request(s) for model 'm_0', message: RuntimeError: CUDA out of memory. At: /m/1/model.py(6)",
    ],
)
def test_an_error_that_may_be_the_models_stays_one(text) -> None:
    assert type(failure("internal", text, CALLEE)) is InferenceError


SERVER_TEXTS = [
    ("Exceeds maximum queue size", OverloadedError),
    ("Server is stopping, scheduler for model has stopped accepting new inference requests", NotReachedError),
    ("Server not ready", NotReachedError),
    ("Stub process 'm_0' is not healthy.", BackendUnavailableError),
    ("Failed to increase the shared memory pool size for key 'triton_python_backend_shm'", OverloadedError),
]


@pytest.mark.parametrize(("text", "kind"), SERVER_TEXTS)
@pytest.mark.parametrize(
    "beginning",
    [
        "",
        "[request id: <id_unknown>] ",
        "[request id: a] b] ",
        "in ensemble 'e', ",
        "[request id: 7] in ensemble 'e', ",
        "Failed to process the request(s) for model instance 'm_0', message: ",
    ],
)
def test_the_servers_own_text_counts_behind_each_beginning(beginning, text, kind) -> None:
    assert isinstance(failure("internal", beginning + text, CALLEE), kind)


@pytest.mark.parametrize(
    "text", [*(text for text, _ in SERVER_TEXTS), "Request for unknown model: 'm' is not found", "Stream removed ("]
)
@pytest.mark.parametrize(
    "written",
    [
        "[request id: {}] inference request batch-size must be <= 8 for 'm'",
        "[request id: x] {}] inference request batch-size must be <= 8 for 'm'",
        "ValueError: unknown word '{}'",
        "Failed to process the request(s) for model 'm_0', message: ValueError: unknown word {} At: /m/1/model.py(6)",
        "unexpected inference input '{}' for model 'm'",
    ],
)
@pytest.mark.parametrize("status", ["internal", "unknown", "invalid"])
def test_what_a_caller_wrote_into_the_text_never_counts_against_the_server(status, written, text) -> None:
    error = failure(status, written.format(text), CALLEE)

    assert isinstance(error, InferenceError | InvalidRequestError), error
