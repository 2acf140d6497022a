"""Failures of a server or a connection, as Turnout's errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
    foreign_text,
)

_NO_REASON = "no reason given"
_WEIGHED = 600
_RETRY = "start it with 'turnout triton serve', or retry later"

# Triton's status codes are too coarse: a full queue and a dead model are both UNAVAILABLE, and the same failure has another
# code over HTTP. The text decides, as server 2.51 writes it; for each pattern the codes that it may overrule.
# A caller chooses the request's id and, where a model repeats its input, a part of the model's text. So what counts against the
# server must be the beginning of its text, behind the last bracket: "[request id: Server is stopping] batch-size must be <= 8".
_BEGINNING = (
    r"\A(\[request id: .*\] ?)?(?!.*\])(in ensemble '[^']*', ?)*"
    r"(failed to process the request\(s\) for model( instance)? '[^']*', message: ?)?"
)
# gRPC's own words for a connection that broke inside of a frame, or that does not speak gRPC; they have the codes of servers.
_BROKEN = (
    r"\A(stream removed|socket closed|connection reset|received rst_stream|received http2 header|no status received"
    r"|failed parsing http/2|error parsing|compression bit set|exception deserializing)"
)
_TEXTS: tuple[tuple[frozenset[str], re.Pattern[str], str], ...] = tuple(
    (frozenset(statuses.split()), re.compile(pattern, re.IGNORECASE), kind)
    for statuses, pattern, kind in (
        ("internal unknown invalid too_large", _BROKEN, "unavailable"),
        ("unknown", r"\Ano reason given\Z", "unavailable"),
        ("unavailable internal unknown", rf"{_BEGINNING}exceeds maximum queue size", "overloaded"),
        ("unavailable internal unknown", rf"{_BEGINNING}request timeout expired", "deadline"),
        (
            "unavailable internal invalid unknown",
            rf"{_BEGINNING}server (is stopping|not ready|is shutting down)",
            "stopping",
        ),
        ("unavailable internal unknown", rf"{_BEGINNING}(the )?stub\b.*(not healthy|terminated|exited|died)", "stub"),
        (
            "unavailable internal invalid not_found unknown",
            rf"{_BEGINNING}(failed to )?increase the shared memory pool",
            "memory",
        ),
        ("invalid internal unknown", r"\A(load failed for model|failed to load) '", "load"),
        ("internal invalid not_found", r"shared memory size .* should be at least", "small_region"),
        ("internal invalid not_found", r"shared memory (region|size)", "region"),
        (
            "unavailable not_found invalid unknown",
            (
                rf"{_BEGINNING}(request for unknown model"
                r"|(requested )?model .*"
                r"(not found|not ready|at ready state|no available versions|is not available|or unloading))"
            ),
            "unknown_model",
        ),
        (
            "unknown",
            r"unexpected (inference input|shape|datatype|data-type)|missing required input|batch-size must be",
            "invalid",
        ),
        # Runtimes that refuse a request's values, behind Triton's own backends and behind those of LocalServer.
        (
            "internal unknown",
            r"\[ONNXRuntimeError\] : 2 : INVALID_ARGUMENT|onnx runtime error 2\b|index out of range in self|is not UTF-8",
            "invalid",
        ),
        # gRPC reports a refused connection and one that broke off with one code; only the first is safe to repeat.
        (
            "unavailable",
            r"failed to connect|connection refused|name resolution|errors? resolving|dns ",
            "not_reached",
        ),
        # What Envoy and nginx say in front of a server that is gone.
        ("unavailable", r"no healthy upstream|connection failure|service temporarily unavailable", "not_reached"),
        ("unimplemented invalid unknown", r"decoupled", "decoupled"),
    )
)


# Where a python backend failed: its paths are long, and what it says about the files is in front of them.
_FRAMES = re.compile(r"\s*\bAt:\s+(/\S*\.py\(\d+\): \S+\s*)+;?")
_LOAD_WORDS = re.compile(r"\Aload failed for model '[^']*': |(?<=\d) is at UNAVAILABLE state(?=: )|(?<= state: )Internal: ")


class RefusedError(NotReachedError):
    """The server refused the request before running it, as one that stops. Callers outside of this plugin see its parent."""


class NotLoadedError(RefusedError):
    """The server runs and does not serve the model."""


class LoadFailedError(ModelLoadError):
    """The server cannot load the model, for a ``reason`` of its own."""

    reason = ""


class UnknownCallError(InvalidRequestError):
    """The server does not have this call. Handled inside of this plugin where the call is one that every server has."""


class RegionRefusedError(InvalidRequestError):
    """The server has not registered a shared memory region. Handled inside of this plugin."""


class RegionTooSmallError(RegionRefusedError):
    """An output does not fit into its shared memory region."""


class ServerMemoryError(OverloadedError):
    """The server has no shared memory left to run the request with. Callers outside of this plugin see an overload."""


class UnreadableResponseError(BackendUnavailableError):
    """The response does not follow the protocol: a connection that broke, or another server. Callers see its parent."""


# After a lost connection or a passed deadline the server may still run the request, and read and write its regions.
FINISHED = (InvalidRequestError, InferenceError, NotReachedError, ServerMemoryError)
"""Errors after which the server has finished with the request; after any other it may still use the request's regions."""


@dataclass(frozen=True, slots=True)
class Callee:
    """The model and the server of a call, for messages."""

    model: str
    url: str

    def __str__(self) -> str:
        return f"model {self.model!r} on triton at {self.url!r}"


def closed_error(model: str) -> ClosedError:
    """Return the error for a call after ``close``."""
    return ClosedError(f"model {model!r} is closed; open the app again with turnout.open")


@contextlib.contextmanager
def every_server_has_it() -> Iterator[None]:
    """Raise NotLoadedError where a server does not have a call of KServe v2: it is not the caller's request that is wrong."""
    try:
        yield
    except UnknownCallError as error:
        raise NotLoadedError(*error.args) from error


def failure(kind: str, text: str, callee: Callee) -> TurnoutError:
    """Return the error for ``kind``, a key of ``_ERRORS``, unless ``text`` is more exact.

    ``text`` comes from the server or the connection and is part of the message, cut to 300 characters.
    """
    # More than is shown: the id of a request, which is a caller's, is in front of what decides.
    weighed = foreign_text(text, _WEIGHED) or _NO_REASON
    better = next((other for statuses, pattern, other in _TEXTS if kind in statuses and pattern.search(weighed)), kind)
    said = _LOAD_WORDS.sub("", _FRAMES.sub("", text)) if better == "load" else text
    return _ERRORS[better](foreign_text(said) or _NO_REASON, callee)


def _load_failed(said: str, callee: Callee) -> LoadFailedError:
    error = LoadFailedError(f"{callee} cannot be loaded: {said}; correct its files, then reload")
    error.reason = said
    return error


_ERRORS: dict[str, Callable[[str, Callee], TurnoutError]] = {
    "not_reached": lambda said, callee: NotReachedError(f"{callee} cannot be reached: {said}; {_RETRY}"),
    "unavailable": lambda said, callee: BackendUnavailableError(f"{callee} is unavailable: {said}; {_RETRY}"),
    "stopping": lambda said, callee: RefusedError(f"{callee} is refused: {said}; ask another server, or {_RETRY}"),
    "stub": lambda said, callee: BackendUnavailableError(f"{callee} has lost its process: {said}; restart the server"),
    "unknown_model": lambda said, callee: NotLoadedError(
        f"{callee} is not loaded there: {said}; unless the server is stopping, correct 'model', or see the server's log"
    ),
    "denied": lambda said, callee: RefusedError(
        f"{callee} refuses this client: {said}; correct 'headers' or 'tls' of backend 'triton'"
    ),
    "overloaded": lambda said, callee: OverloadedError(
        f"{callee} has a full queue: {said}; retry later, or raise max_queue_size"
    ),
    "memory": lambda said, callee: ServerMemoryError(
        f"{callee} has too little shared memory: {said}; give the machine or the container more (docker: --shm-size)"
    ),
    "deadline": lambda said, callee: DeadlineExceededError(
        f"{callee} did not answer in time: {said}; give it a longer timeout"
    ),
    "region": lambda said, callee: RegionRefusedError(f"{callee} refuses a shared memory region: {said}; use the wire"),
    "small_region": lambda said, callee: RegionTooSmallError(f"{callee} has a larger output: {said}; use the wire"),
    "load": _load_failed,
    "invalid": lambda said, callee: InvalidRequestError(f"{callee} refuses the request: {said}; correct the request"),
    "decoupled": lambda said, callee: InvalidRequestError(f"{callee} is decoupled: {said}; call infer_stream instead of infer"),
    "unimplemented": lambda said, callee: UnknownCallError(f"{callee} does not know this call: {said}; check the URL"),
    "not_found": lambda said, callee: UnknownCallError(f"{callee} does not know this: {said}; check the URL and the model"),
    "too_large": lambda said, callee: InvalidRequestError(f"{callee} refuses the size: {said}; send smaller tensors"),
    "large_response": lambda said, callee: UnreadableResponseError(
        f"{callee} has a response that is too large: {said}; if it is right, raise max_response_bytes of backend 'triton'"
    ),
    "unknown": lambda said, callee: InferenceError(f"{callee} failed: {said}; see the server's log"),
    "internal": lambda said, callee: InferenceError(f"{callee} failed: {said}; see the server's log"),
}
