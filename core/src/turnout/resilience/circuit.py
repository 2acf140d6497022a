"""A circuit: closed while a backend works, open while it fails."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InferenceError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
    one_line,
)
from turnout.forking import Forks
from turnout.resilience.rolling_window import RollingWindow
from turnout.resilience.usual_latency import UsualLatency

_FAULTS = (BackendUnavailableError, InferenceError, ModelLoadError)
# A timeout counts as the backend's fault after this many times its usual latency, and after 10 ms at least. A caller with a
# deadline of 2 ms for a model of 50 ms must not open the circuit for all others.
_PATIENCE = 1.5
_MIN_PATIENCE_SECONDS = 0.01
_PATIENCE_BEFORE_FIRST_ANSWER_SECONDS = 0.1
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """The conditions that open a circuit, and the time that it stays open.

    Attributes:
        window_seconds: the length of the window in which failures count.
        minimum_calls: the number of calls in the window below which the ratio is ignored.
        failure_ratio: the share of failed calls in the window that opens the circuit.
        consecutive_failures: the number of failures in a row that opens the circuit, after any number of calls.
        open_seconds: the first pause; each failed trial doubles it.
        longest_open_seconds: the longest pause.
    """

    window_seconds: float = 10.0
    minimum_calls: int = 20
    failure_ratio: float = 0.5
    consecutive_failures: int = 5
    open_seconds: float = 1.0
    longest_open_seconds: float = 30.0


@dataclass(slots=True, eq=False)
class _Closed:
    window: RollingWindow
    failures_in_a_row: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """Refuses all requests before ``until``; then one trial request passes and replaces this state."""

    until: float
    pause_seconds: float
    since: float
    reason: str
    last_error: str
    opened_at: datetime = field(default_factory=lambda: datetime.now().astimezone())

    def extend(self, until: float, pause_seconds: float, last_error: str) -> _Open:
        """Return a new state of the same outage, open until ``until``."""
        return _Open(until, pause_seconds, self.since, self.reason, last_error, self.opened_at)


Admission = tuple[_Closed | _Open, float]
"""The state that admitted a call, and the time. A call that ends in another state says nothing about that state."""


class Circuit:
    """Records every call of one arm, and refuses calls while the arm fails.

    Thread-safe: ``_state`` is replaced, and a closed state is changed, under ``_lock``. A forked child starts closed.
    """

    def __init__(self, model: str, backend: str, policy: CircuitPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._backend = backend
        self._name = f"model {model!r} on backend {backend!r}"
        self._policy = policy
        self._clock = clock
        self._usual = UsualLatency()
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start closed."""
        self._lock = threading.Lock()
        self._state: _Closed | _Open = self._new_closed()

    def admit(self) -> Admission:
        """Admit a call. Pass the result to ``record_answer`` or ``record_failure`` when the call ends.

        Raises:
            CircuitOpenError: the circuit is open.
        """
        # No lock while the circuit is closed: one attribute is read, and a stale state is caught when the call ends.
        state, now = self._state, self._clock()
        if type(state) is _Closed:
            return state, now
        with self._lock:
            state = self._state
            if type(state) is _Open:
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
        if isinstance(state, _Open) and now < state.until:
            raise self._refusal(state, now)

    def record_answer(self, admission: Admission) -> str:
        """Record an answer. Return a log message if it closed the circuit, else an empty text."""
        state, start = admission
        now = self._clock()
        self._usual.add(now - start)
        with self._lock:
            if state is not self._state:
                return ""
            if type(state) is _Closed:
                state.failures_in_a_row = 0
                state.window.add_answer(now)
                return ""
            self._state = self._new_closed()
        return f"{self._name}: circuit closed: the backend recovered"

    def record_failure(self, admission: Admission, error: BaseException) -> str:
        """Record a failure. Return a log message if it opened the circuit, else an empty text."""
        state, start = admission
        now = self._clock()
        is_fault = self._is_fault(error, now - start)
        with self._lock:
            if state is not self._state:
                return ""
            if isinstance(state, _Open):
                # A trial that proves nothing, such as a bad request, gives its turn to the next request.
                self._state = (
                    self._reopen(state, now, error) if is_fault else state.extend(now, state.pause_seconds, state.last_error)
                )
                return ""
            reason = self._count_fault(state, now) if is_fault else ""
            if not reason:
                return ""
            pause = self._policy.open_seconds
            self._state = _Open(now + _with_jitter(pause), pause, now, reason, one_line(error))
        return f"{self._name}: circuit open for {pause:g} s after {reason}; last error: {one_line(error)}"

    def _is_fault(self, error: BaseException, seconds: float) -> bool:
        """Return whether ``error`` is the backend's fault, not the caller's.

        A full queue is no fault: an open circuit would turn a slow second into an outage. Nor is a model that this process
        cannot use because it was forked: no server or engine failed. A timeout is a fault if the backend had one and a half
        times its usual latency.
        """
        if isinstance(error, DeadlineExceededError):
            usual = self._usual.value
            if usual is None:
                return seconds >= _PATIENCE_BEFORE_FIRST_ANSWER_SECONDS
            return seconds >= max(_PATIENCE * usual, _MIN_PATIENCE_SECONDS)
        return isinstance(error, _FAULTS) and not isinstance(error, OverloadedError | ForkedAfterLoadError)

    def _count_fault(self, state: _Closed, now: float) -> str:
        """Count a fault; return the reason to open the circuit, or an empty text."""
        policy, window = self._policy, state.window
        state.failures_in_a_row += 1
        window.add_failure(now)
        if state.failures_in_a_row >= policy.consecutive_failures:
            return "1 failure" if state.failures_in_a_row == 1 else f"{state.failures_in_a_row} failures in a row"
        if window.calls >= policy.minimum_calls and window.failures >= policy.failure_ratio * window.calls:
            return f"{window.failures} failures of {window.calls} calls in {policy.window_seconds:g} s"
        return ""

    def _reopen(self, state: _Open, now: float, error: BaseException) -> _Open:
        policy = self._policy
        # A refused connection costs the server nothing, so the pause does not grow: a server that restarts after a long
        # outage gets its next request within a second or two.
        longer = policy.open_seconds if isinstance(error, NotReachedError) else 2 * state.pause_seconds
        pause = min(longer, policy.longest_open_seconds)
        return state.extend(now + _with_jitter(pause), pause, one_line(error))

    def _refusal(self, state: _Open, now: float) -> CircuitOpenError:
        return CircuitOpenError(
            f"{self._name}: circuit open since {state.opened_at:%H:%M:%S}, {now - state.since:.1f} s ago, after "
            f"{state.reason}; the next trial is in {state.until - now:.1f} s; last error: {state.last_error}. "
            "Use another backend, or retry later",
            model=self._model,
            backend=self._backend,
            retry_after_seconds=state.until - now,
        )

    def _new_closed(self) -> _Closed:
        return _Closed(RollingWindow(self._policy.window_seconds))


def _with_jitter(seconds: float) -> float:
    """Return up to a fifth less, so that the trials of many processes do not arrive together."""
    return seconds * (1 - _JITTER * random.random())  # noqa: S311  # not a secret
