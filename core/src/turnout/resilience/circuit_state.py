"""The two states of a circuit, and the policy that leads from one to the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from turnout.resilience.blame import Blame
from turnout.resilience.rolling_window import RollingWindow


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


class Closed:
    """Counts answers, faults and doubts. Not thread-safe: its owner has a lock."""

    __slots__ = ("_doubted", "_doubts_in_a_row", "_faults_in_a_row", "_policy", "_window")

    def __init__(self, policy: CircuitPolicy) -> None:
        self._policy = policy
        self._window = RollingWindow(policy.window_seconds)
        self._doubted = RollingWindow(policy.window_seconds)
        self._faults_in_a_row = self._doubts_in_a_row = 0

    def add_answer(self, now: float) -> None:
        """Count an answer at ``now``."""
        self._faults_in_a_row = self._doubts_in_a_row = 0
        self._window.add_answer(now)

    def add(self, blame: Blame, now: float) -> None:
        """Count a fault or a doubt at ``now``."""
        if blame is Blame.BACKEND:
            self._faults_in_a_row += 1
            self._window.add_failure(now)
        else:
            self._doubts_in_a_row += 1
            self._doubted.add_failure(now)

    def reason_to_open(self) -> str:
        """Return why the faults alone open the circuit, or an empty text."""
        return self._reason(self._faults_in_a_row, self._window.failures, self._window.calls)

    def reason_to_ask(self) -> str:
        """Return why faults and doubts together would open it, or an empty text."""
        # The window of the doubts moves at a doubt only, so an old one counts until then: it can cause one more proof.
        doubted = self._doubted.failures
        in_a_row = self._faults_in_a_row + self._doubts_in_a_row
        return self._reason(in_a_row, self._window.failures + doubted, self._window.calls + doubted)

    @property
    def fails_only(self) -> bool:
        """True if no call was answered in a row of failures that is long enough to open the circuit."""
        return self._faults_in_a_row + self._doubts_in_a_row >= self._policy.consecutive_failures

    def _reason(self, in_a_row: int, failures: int, calls: int) -> str:
        policy = self._policy
        if in_a_row >= policy.consecutive_failures:
            return "1 failure" if in_a_row == 1 else f"{in_a_row} failures in a row"
        if calls >= policy.minimum_calls and failures >= policy.failure_ratio * calls:
            return f"{failures} failures of {calls} calls in {policy.window_seconds:g} s"
        return ""


@dataclass(frozen=True, slots=True)
class CircuitStanding:
    """The state of a circuit for a report.

    Attributes:
        state: ``closed``; ``open``; or ``trial``, when the next request tries the backend.
        reason: why it is not closed; empty if it is.
        answer_age_seconds: the time since the last answer; infinite before the first.
    """

    state: str
    reason: str
    answer_age_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Open:
    """Refuses all requests before ``until``; then one trial request passes and replaces this state."""

    until: float
    pause_seconds: float
    since: float
    reason: str
    last_error: str
    opened_at: datetime = field(default_factory=lambda: datetime.now().astimezone())

    def extend(self, until: float, pause_seconds: float, last_error: str) -> Open:
        """Return a new state of the same outage, open until ``until``."""
        return Open(until, pause_seconds, self.since, self.reason, last_error, self.opened_at)

    def standing(self, now: float) -> tuple[str, str]:
        """Return the state and the reason, for a report."""
        text = f"circuit open since {self.opened_at:%H:%M:%S} after {self.reason}; last error: {self.last_error}"
        return ("open" if now < self.until else "trial"), text
