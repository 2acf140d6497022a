"""A circuit: closed while a backend works, open while it fails."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from turnout.errors import (
    CircuitOpenError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    NotReachedError,
    one_line,
)
from turnout.forking import Forks
from turnout.resilience.blame import Blame, blame_for
from turnout.resilience.circuit_state import CircuitPolicy, CircuitStanding, Closed, Open
from turnout.resilience.known_good import KnownGood
from turnout.resilience.usual_latency import UsualLatency

RequestT = TypeVar("RequestT")
_JITTER = 0.2
# Proofs take a tenth of the time at most, so that a caller whose requests all fail cannot keep a server busy with them.
_PAUSES_BETWEEN_PROOFS = 9.0

Admission = tuple[Closed | Open, float]
"""The state that admitted a call, and the time. A call that ends in another state says nothing about that state."""


class Ruling(NamedTuple):
    """The result of a failure: a log message if it opened the circuit, and whether a proof must decide first."""

    message: str = ""
    wants_proof: bool = False


class Circuit(Generic[RequestT]):
    """Records every call of one arm, and refuses calls while the arm fails.

    An error that may be the request's fault as well as the backend's opens the circuit only after a proof: ``known_good``, a
    request that was answered before, fails too. The caller of ``record_failure`` sends it and calls ``record_proof``.

    Thread-safe: ``_state`` is replaced, and a closed state is changed, under ``_lock``, as are the times of the proofs; there
    is one proof at a time. A forked child starts closed.
    """

    def __init__(
        self,
        model: str,
        backend: str,
        policy: CircuitPolicy,
        clock: Callable[[], float] = time.monotonic,
        copy: Callable[[RequestT], RequestT | None] = lambda _: None,
    ) -> None:
        """Start closed; ``copy`` returns a copy of a request that may be kept."""
        self._model = model
        self._backend = backend
        self._name = f"model {model!r} on backend {backend!r}"
        self._policy = policy
        self._clock = clock
        self.usual = UsualLatency()
        self._last_answer = float("-inf")
        self.known_good = KnownGood(copy)
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start closed."""
        self._lock = threading.Lock()
        self._state: Closed | Open = Closed(self._policy)
        self._proof_start: float | None = None
        self._next_proof = float("-inf")

    def admit(self) -> Admission:
        """Admit a call. Pass the result to ``record_answer`` or ``record_failure`` when the call ends.

        Raises:
            CircuitOpenError: the circuit is open.
        """
        # No lock while the circuit is closed: one attribute is read, and a stale state is caught when the call ends.
        state, now = self._state, self._clock()
        if type(state) is Closed:
            return state, now
        with self._lock:
            state = self._state
            if type(state) is Open:
                if now < state.until:
                    raise self._refusal(state, now)
                # This call is the trial. If it hangs, the next trial starts after the longest pause.
                state = self._state = state.extend(
                    now + self._policy.longest_open_seconds, state.pause_seconds, state.last_error
                )
        return state, now

    def check(self) -> None:
        """Raise CircuitOpenError while the circuit is open; admit no call."""
        state, now = self._state, self._clock()
        if isinstance(state, Open) and now < state.until:
            raise self._refusal(state, now)

    def standing(self) -> CircuitStanding:
        """Return the present state, for a report."""
        state, now = self._state, self._clock()
        known = state.standing(now) if isinstance(state, Open) else ("closed", "")
        return CircuitStanding(*known, now - self._last_answer)

    def record_answer(self, admission: Admission, request: RequestT) -> str:
        """Record an answer to ``request``. Return a log message if it closed the circuit, else an empty text."""
        state, start = admission
        now = self._last_answer = self._clock()
        self.usual.add(now - start)
        if now >= self.known_good.due:
            self.known_good.keep(request, now)
        with self._lock:
            if state is not self._state:
                return ""
            if type(state) is Closed:
                state.add_answer(now)
                return ""
            return self._close()

    def postpone_copy(self) -> bool:
        """Return whether a copy of an answered request is due, and leave it to the caller: ``known_good.put``."""
        now = self._clock()
        is_due = now >= self.known_good.due
        if is_due:
            self.known_good.postpone(now)
        return is_due

    def record_failure(self, admission: Admission, error: BaseException) -> Ruling:
        """Record a failure; where the ruling wants a proof, ``record_proof`` or ``record_no_proof`` must follow."""
        state, start = admission
        now = self._clock()
        blame = self._weigh(error, start, now)
        with self._lock:
            if state is not self._state:
                return Ruling()
            if isinstance(state, Open):
                if blame is Blame.UNDECIDED and self._begin_proof(now):
                    return Ruling(wants_proof=True)
                # A trial that proves nothing, such as a bad request, gives its turn to the next request.
                is_fault = blame is Blame.BACKEND
                self._state = self._reopen(state, now, error) if is_fault else _pass_turn(state, now)
                return Ruling()
            if blame is Blame.NONE:
                return Ruling()
            state.add(blame, now)
            if reason := state.reason_to_open():
                return Ruling(self._open(now, reason, error))
            wants_proof = bool(state.reason_to_ask()) and now >= self._next_proof and self._begin_proof(now)
            return Ruling(wants_proof=wants_proof)

    def record_proof(self, admission: Admission, error: BaseException | None) -> str:
        """Record that a request which is known to be good was answered, or its ``error``.

        Return a log message if that opened or closed the circuit, else an empty text.
        """
        now, start = self._clock(), self._proof_start or 0.0
        blame = Blame.NONE if error is None else self._weigh(error, start, now)
        with self._lock:
            self._end_proof(now)
            state = self._state
            if state is not admission[0]:
                return ""
            if error is None:
                return self._close()
            if isinstance(state, Open):
                self._state = _pass_turn(state, now) if blame is Blame.NONE else self._reopen(state, now, error)
                return ""
            if blame is Blame.NONE:
                return ""
            return self._open(now, f"{state.reason_to_ask()}, and of a request that was answered before", error)

    def record_no_proof(self, admission: Admission, error: BaseException) -> str:
        """Record that there is no request which is known to be good. Return as ``record_proof``."""
        now, is_inference_error = self._clock(), isinstance(error, InferenceError)
        with self._lock:
            self._end_proof(now)
            state = self._state
            if state is not admission[0]:
                return ""
            if isinstance(state, Open):
                # The pause does not grow: the next request may be a good one.
                until = now + _with_jitter(state.pause_seconds) if is_inference_error else now
                self._state = state.extend(until, state.pause_seconds, one_line(error))
                return ""
            return self._open(now, state.reason_to_ask(), error) if is_inference_error and state.fails_only else ""

    def _weigh(self, error: BaseException, start: float, now: float) -> Blame:
        # A backend that answered others meanwhile does not hang: this request is a slow one.
        if isinstance(error, DeadlineExceededError) and self._last_answer > start:
            return Blame.NONE
        # Without a request to ask again, a refusal by the backend is the caller's fault.
        if isinstance(error, InvalidRequestError) and self.known_good.value is None:
            return Blame.NONE
        return blame_for(error, now - start, self.usual.value)

    def _begin_proof(self, now: float) -> bool:
        if self._proof_start is not None:
            return False
        self._proof_start = now
        return True

    def _end_proof(self, now: float) -> None:
        seconds = now - (now if self._proof_start is None else self._proof_start)
        self._proof_start, self._next_proof = None, now + _PAUSES_BETWEEN_PROOFS * seconds

    def _close(self) -> str:
        was_open = isinstance(self._state, Open)
        self._state = Closed(self._policy)
        return f"{self._name}: circuit closed: the backend recovered" if was_open else ""

    def _open(self, now: float, reason: str, error: BaseException) -> str:
        pause = self._policy.open_seconds
        self._state = Open(now + _with_jitter(pause), pause, now, reason, one_line(error))
        self.known_good.replace_next()  # the backend may come back with another model
        return f"{self._name}: circuit open for {pause:g} s after {reason}; last error: {one_line(error)}"

    def _reopen(self, state: Open, now: float, error: BaseException) -> Open:
        # A refused connection costs the server nothing, so the pause does not grow: a server that restarts after a long
        # outage gets its next request within a second or two.
        longer = self._policy.open_seconds if isinstance(error, NotReachedError) else 2 * state.pause_seconds
        pause = min(longer, self._policy.longest_open_seconds)
        return state.extend(now + _with_jitter(pause), pause, one_line(error))

    def _refusal(self, state: Open, now: float) -> CircuitOpenError:
        return CircuitOpenError(
            f"{self._name}: circuit open since {state.opened_at:%H:%M:%S}, {now - state.since:.1f} s ago, after "
            f"{state.reason}; the next trial is in {state.until - now:.1f} s; last error: {state.last_error}. "
            "Use another backend, or retry later",
            model=self._model,
            backend=self._backend,
            retry_after_seconds=state.until - now,
        )


def _pass_turn(state: Open, now: float) -> Open:
    return state.extend(now, state.pause_seconds, state.last_error)


def _with_jitter(seconds: float) -> float:
    """Return up to a fifth less, so that the trials of many processes do not arrive together."""
    return seconds * (1 - _JITTER * random.random())  # noqa: S311  # not a secret
