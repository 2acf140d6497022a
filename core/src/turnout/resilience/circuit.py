"""A circuit: whether a backend is asked or left alone."""

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
_PATIENCE = 1.5
_LEAST_PATIENCE_SECONDS = 0.01
_PATIENCE_BEFORE_ANY_ANSWER_SECONDS = 0.1
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When a circuit opens, and for how long.

    Attributes:
        window_seconds: how far back failures count.
        minimum_calls: of fewer calls in the window no ratio is taken.
        failure_ratio: the part of the window's calls that fail.
        consecutive_failures: so many failures in a row are enough, however few calls there were.
        open_seconds: how long the backend is left alone at first.
        longest_open_seconds: where the doubling ends.
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
    """Nobody is let through before ``until``, then one request is, which replaces this by another."""

    until: float
    pause_seconds: float
    since: float
    reason: str
    last_error: str
    opened_at: datetime = field(default_factory=lambda: datetime.now().astimezone())

    def again(self, until: float, pause_seconds: float, last_error: str) -> _Open:
        """Return what this becomes when it is tried."""
        return _Open(until, pause_seconds, self.since, self.reason, last_error, self.opened_at)


Admission = tuple[_Closed | _Open, float]
"""The state that let a call through, and when: what was asked before a change says nothing about the time after it."""


class Circuit:
    """Takes what becomes of every call of one arm, called ``name`` in messages, and says whether it may be asked.

    Thread-safe: ``_state`` is replaced, and a closed one counted in, under ``_lock``. A forked child starts closed.
    """

    def __init__(self, name: str, policy: CircuitPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._policy = policy
        self._clock = clock
        self._usual = UsualLatency()
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start closed."""
        self._lock = threading.Lock()
        self._state: _Closed | _Open = self._fresh()

    def admit(self) -> Admission:
        """Let a call through, whose end ``answered`` or ``failed`` must be told of.

        Raises:
            CircuitOpenError: the backend is left alone now.
        """
        state, now = self._state, self._clock()
        if type(state) is _Closed:
            return state, now
        with self._lock:
            state = self._state
            if type(state) is _Open:
                if now < state.until:
                    raise self._refusal(state, now)
                # If this one hangs, another may try after the longest pause.
                state = self._state = state.again(
                    now + self._policy.longest_open_seconds, state.pause_seconds, state.last_error
                )
        return state, now

    def check(self) -> None:
        """Return unless the backend is left alone now; lets nothing through.

        Raises:
            CircuitOpenError: it is.
        """
        state, now = self._state, self._clock()
        if isinstance(state, _Open) and now < state.until:
            raise self._refusal(state, now)

    def answered(self, admission: Admission) -> str:
        """Take an answer. Return what is to be told of a circuit that closes with it, else nothing."""
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
            self._state = self._fresh()
        return f"{self._name} answers again"

    def failed(self, admission: Admission, error: BaseException) -> str:
        """Take a failure. Return what is to be told of a circuit that opens with it, else nothing."""
        state, start = admission
        now = self._clock()
        is_fault = self._is_fault(error, now - start)
        with self._lock:
            if state is not self._state:
                return ""
            if isinstance(state, _Open):
                self._state = (
                    self._after_trial(state, now, error)
                    if is_fault
                    else state.again(now, state.pause_seconds, state.last_error)
                )
                return ""
            reason = self._reason(state, now) if is_fault else ""
            if not reason:
                return ""
            pause = self._policy.open_seconds
            self._state = _Open(now + _shaken(pause), pause, now, reason, one_line(error))
        return f"{self._name} is left alone for {pause:g} s after {reason}; last: {one_line(error)}"

    def _is_fault(self, error: BaseException, seconds: float) -> bool:
        """Tell whether ``error`` is the backend's, not the caller's.

        A full queue is none: that backend does what it can. A deadline is the caller's unless the backend had one and a half
        times as long as its answers usually take.
        """
        if isinstance(error, DeadlineExceededError):
            usual = self._usual.value
            if usual is None:
                return seconds >= _PATIENCE_BEFORE_ANY_ANSWER_SECONDS
            return seconds >= max(_PATIENCE * usual, _LEAST_PATIENCE_SECONDS)
        return isinstance(error, _FAULTS) and not isinstance(error, OverloadedError)

    def _reason(self, state: _Closed, now: float) -> str:
        """Count a fault; return why that is one too many, else nothing."""
        policy, window = self._policy, state.window
        state.failures_in_a_row += 1
        window.add_failure(now)
        if state.failures_in_a_row >= policy.consecutive_failures:
            return f"{state.failures_in_a_row} failures in a row"
        if window.calls >= policy.minimum_calls and window.failures >= policy.failure_ratio * window.calls:
            return f"{window.failures} failures of {window.calls} calls in {policy.window_seconds:g} s"
        return ""

    def _after_trial(self, state: _Open, now: float, error: BaseException) -> _Open:
        """Return a longer pause. A server that nobody reached was not burdened: it is tried again as soon as before."""
        policy = self._policy
        longer = policy.open_seconds if isinstance(error, NotReachedError) else 2 * state.pause_seconds
        pause = min(longer, policy.longest_open_seconds)
        return state.again(now + _shaken(pause), pause, one_line(error))

    def _refusal(self, state: _Open, now: float) -> CircuitOpenError:
        return CircuitOpenError(
            f"{self._name} is left alone since {state.opened_at:%H:%M:%S}, {now - state.since:.1f} s ago, after "
            f"{state.reason}; it is tried again in {state.until - now:.1f} s. Last error: {state.last_error}. "
            "Ask another backend, or later"
        )

    def _fresh(self) -> _Closed:
        return _Closed(RollingWindow(self._policy.window_seconds))


def _shaken(seconds: float) -> float:
    """Return up to a fifth less, so that many processes do not try at the same moment."""
    return seconds * (1 - _JITTER * random.random())  # noqa: S311  # no secret
