"""What a server or a connection said that is no answer, as Turnout's errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
)

_RETRY = "start it with 'turnout triton serve', or ask later"

# A status says less than its text (read off server 2.51): by the statuses that a text may overrule.
_TEXTS: tuple[tuple[frozenset[str], re.Pattern[str], str], ...] = tuple(
    (frozenset(statuses.split()), re.compile(pattern, re.IGNORECASE), kind)
    for statuses, pattern, kind in (
        ("unavailable internal untold", r"maximum queue size", "overloaded"),
        ("unavailable internal untold", r"request timeout expired", "deadline"),
        ("unavailable internal untold", r"\bstub\b.*(not healthy|terminated|exited|died)|shutting down|is stopping", "stub"),
        ("unavailable internal invalid not_found untold", r"increase the shared memory pool", "memory"),
        ("internal invalid not_found", r"shared memory size .* should be at least", "small_region"),
        ("internal invalid not_found", r"shared memory (region|size)", "region"),
        (
            "unavailable not_found invalid untold",
            r"unknown model|model .*(not found|not ready|no available versions)",
            "unknown_model",
        ),
        (
            "untold",
            r"unexpected (inference input|shape|datatype|data-type)|missing required input|batch-size must be",
            "invalid",
        ),
        ("unavailable", r"failed to connect|connection refused|name resolution|errors? resolving|dns ", "not_reached"),
        ("unimplemented invalid untold", r"decoupled", "decoupled"),
    )
)


class NotLoadedError(BackendUnavailableError):
    """The server is there and does not serve the model; outside of this plugin it is one that is unavailable."""


class RegionRefusedError(InvalidRequestError):
    """The server does not know a shared memory region; nobody outside of this plugin sees it."""


class RegionTooSmallError(RegionRefusedError):
    """An output does not fit into its shared memory region."""


class ServerMemoryError(OverloadedError):
    """The server has no shared memory left to run the request with; outside of this plugin it is one that is overloaded."""


OVER = (InvalidRequestError, InferenceError, NotReachedError, ServerMemoryError)
"""After these the server has nothing more to do with the request; after others it may still read and write its regions."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked whom, for messages."""

    model: str
    url: str

    def __str__(self) -> str:
        return f"model {self.model!r} on triton at {self.url!r}"


def failure(kind: str, text: str, caller: Caller) -> TurnoutError:
    """Return the error for ``kind``, the status as one of ``_ERRORS``, unless ``text`` tells more.

    ``text`` is the server's or the connection's own and is handed on, cut to 600 characters.
    """
    said = " ".join(text.split())[:600] or "no reason given"
    better = (other for statuses, pattern, other in _TEXTS if kind in statuses and pattern.search(said))
    return _ERRORS[next(better, kind)](said, caller)


_ERRORS: dict[str, Callable[[str, Caller], TurnoutError]] = {
    "not_reached": lambda said, caller: NotReachedError(f"{caller} cannot be reached: {said}; {_RETRY}"),
    "unavailable": lambda said, caller: BackendUnavailableError(f"{caller} is unavailable: {said}; {_RETRY}"),
    "stub": lambda said, caller: BackendUnavailableError(f"{caller} has lost its process: {said}; restart the server"),
    "unknown_model": lambda said, caller: NotLoadedError(
        f"{caller} is not loaded there: {said}; correct 'model', or look into the server's log why it did not load"
    ),
    "denied": lambda said, caller: BackendUnavailableError(
        f"{caller} refuses this client: {said}; correct 'headers' or 'tls' of backend 'triton'"
    ),
    "overloaded": lambda said, caller: OverloadedError(
        f"{caller} has a full queue: {said}; ask later, or raise max_queue_size"
    ),
    "memory": lambda said, caller: ServerMemoryError(
        f"{caller} has too little shared memory: {said}; give the machine or the container more (docker: --shm-size)"
    ),
    "deadline": lambda said, caller: DeadlineExceededError(
        f"{caller} did not answer in time: {said}; give it a longer timeout"
    ),
    "region": lambda said, caller: RegionRefusedError(f"{caller} refuses a shared memory region: {said}; use the wire"),
    "small_region": lambda said, caller: RegionTooSmallError(f"{caller} has a larger output: {said}; use the wire"),
    "invalid": lambda said, caller: InvalidRequestError(f"{caller} refuses the request: {said}; correct the request"),
    "decoupled": lambda said, caller: InvalidRequestError(f"{caller} is decoupled: {said}; call infer_stream instead of infer"),
    "unimplemented": lambda said, caller: InvalidRequestError(f"{caller} does not know this call: {said}; check the URL"),
    "not_found": lambda said, caller: InvalidRequestError(f"{caller} does not know this: {said}; check the URL and the model"),
    "too_large": lambda said, caller: InvalidRequestError(f"{caller} refuses the size: {said}; send smaller tensors"),
    "untold": lambda said, caller: InferenceError(f"{caller} failed: {said}; look into the server's log"),
    "internal": lambda said, caller: InferenceError(f"{caller} failed: {said}; look into the server's log"),
}
