"""A request in the queue of a model."""

from __future__ import annotations

from enum import Enum, auto
from math import inf

from turnout.batching.answers import BatchAnswer
from turnout.batching.rows import Group
from turnout.errors import DeadlineExceededError
from turnout.inference import InferenceRequest, InferenceResponse


class State(Enum):
    """The progress of a queued request."""

    CREATED = auto()
    WAITING = auto()
    RUNNING = auto()
    ANSWERED = auto()


class QueuedRequest:
    """A request that waits for its batch, and its answer.

    Attributes:
        request: the request.
        rows: the size of its batch axis.
        group: what it has in common with the requests of its batch; None if it runs alone.
        level: its priority level; 0 is the highest.
        arrived: when it was queued, on the monotonic clock.
        times_out: when it has waited too long by the queue policy, likewise.
        delays: it runs after others then, instead of being refused.
        can_lead: its caller's thread can run a batch; an event loop's cannot, nor one that runs a batch at present.
        queue_seconds: how long it waited until its batch ran.
        context: the context of its caller, where its batch is traced.
        is_delivered: its caller may take the answer; set under the lock of the dispatcher.
        is_left: its caller waits no more; likewise.
    """

    __slots__ = (
        "_batch",
        "_first_row",
        "_response",
        "arrived",
        "can_lead",
        "context",
        "delays",
        "error",
        "group",
        "is_delivered",
        "is_left",
        "level",
        "queue_seconds",
        "request",
        "rows",
        "state",
        "times_out",
    )

    def __init__(self, request: InferenceRequest, rows: int, group: Group | None, *, can_lead: bool) -> None:
        self.request = request
        self.rows = rows
        self.group = group
        self.can_lead = can_lead
        self.context: object = None
        self.level = 0
        self.arrived = 0.0
        self.times_out = inf
        self.delays = False
        self.queue_seconds = 0.0
        self.state = State.CREATED
        self.is_delivered = False
        self.is_left = False
        self._response: InferenceResponse | None = None
        self._batch: BatchAnswer | None = None
        self._first_row = 0
        self.error: BaseException | None = None

    def patience_ends(self) -> float:
        """Return when its caller stops waiting, on the monotonic clock; a queue policy limits the wait in the queue only."""
        deadline = self.request.deadline
        ends = self.times_out if self.state is State.WAITING and not self.delays else inf
        return ends if deadline is None else min(deadline, ends)

    def is_late(self, now: float) -> bool:
        """Return whether it has waited in the queue too long."""
        deadline = self.request.deadline
        return (deadline is not None and now >= deadline) or (now >= self.times_out and not self.delays)

    def late_error(self, now: float) -> DeadlineExceededError:
        """Return the error of a request that is late."""
        deadline = self.request.deadline
        limit, advice = "default_timeout_microseconds allows", "retry later, or raise it"
        if deadline is not None and now >= deadline:
            limit, advice = "its deadline allows", "give it a longer timeout"
        # Triton's client raises the same class for a request that a queue policy of the server refuses.
        error = DeadlineExceededError(
            f"the request waited {now - self.arrived:.3f} s in the queue of its model, longer than {limit}, and never started; "
            f"{advice}"
        )
        error.started = False
        return error

    def late_answer(self, now: float) -> DeadlineExceededError | None:
        """Return the error of a request whose batch runs, once its deadline has passed."""
        deadline = self.request.deadline
        if deadline is None or now < deadline:
            return None
        return DeadlineExceededError("the batch of the request was still running at its deadline; give it a longer timeout")

    def answer(self, response: InferenceResponse) -> None:
        """Set the response."""
        self._response = response
        self.state = State.ANSWERED

    def answer_from(self, batch: BatchAnswer, first_row: int) -> None:
        """Set the response: the rows of ``batch`` from ``first_row`` on."""
        self._batch, self._first_row = batch, first_row
        if not batch.is_small:
            self._response = self._part(batch)
            self._batch = None
        self.state = State.ANSWERED

    def response(self) -> InferenceResponse | None:
        """Return the response, if there is one."""
        return self._response if self._batch is None else self._part(self._batch)

    def _part(self, batch: BatchAnswer) -> InferenceResponse:
        return batch.part(self._first_row, self.rows, self.request.id, self.queue_seconds)

    def fail(self, error: BaseException) -> None:
        """Set the error."""
        self.error = error
        self.state = State.ANSWERED
